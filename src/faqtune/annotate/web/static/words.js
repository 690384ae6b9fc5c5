// The interface in English and Chinese. It follows the browser until somebody switches.

const WORDS = {
  en: {
    title: "Annotate", skip_link: "Skip to the item", views: "Views", other_language: "中文",
    view_annotate: "Annotate", view_progress: "Progress", view_disagreements: "Disagreements", view_gaps: "Gaps",
    view_proposals: "Proposals", view_tune: "Tune", keys: "Keys",
    question: "What does the customer want?", conversation: "Conversation", candidates: "Entries that may be meant",
    customer: "Customer", agent: "Agent", reply: "reply", asked: "asked",
    earlier: "{n} earlier turns", later: "{n} later turns",
    turns: "{n} of {all} customer turns", more_turns: "More", fewer_turns: "Fewer",
    none: "None fits", skip: "Skip", flag: "Flag", undo: "Undo", search: "Search", several: "Several", actions: "What to do",
    full: "Full", less: "Short", also: "Also asked as: {questions}", between: "; ", was: "you said: {what}",
    recent: "Recent", recent_title: "Your last answers", recent_hint: "Choose one to take it back and answer anew.", key_recent: "your last answers, to change one", key_full: "full answers and other wordings, or short ones",
    propose: "Propose", same: "Same", similarity: "similarity {n}", audit: "Suggestions are hidden here, to see how much they lead people.",
    no_candidates: "No entry comes near. Search, or say that none fits.",
    why_none: "Why does none fit?", chitchat: "Small talk", unclear: "Unclear", unsupported: "We do not offer this",
    several_reason: "Several things at once", back: "Back",
    several_mode: "Mark every entry that is meant by its number, then press Enter.", picked_several: "Picked {n} entries", save: "Save", cancel: "Cancel", marked: "marked",
    why_uncertain: "the model is unsure", why_disagreeing: "sources disagree", why_diverse: "a topic nobody has seen yet",
    why_uncovered: "an entry with few labels", why_doubtful: "its label is probably wrong", why_random: "drawn by chance",
    why_second_opinion: "a second opinion", why_settled: "people disagree", why: "Chosen because:",
    source_model: "model", source_reply: "agent’s reply", source_reply_rules: "reply rules", source_llm: "LLM", source_human: "a person",
    saved_all: "Everything is saved.", saving: "{n} being saved …", not_saved: "{n} not saved yet. Trying again.", server_failed: "The server failed (status {status}). See its terminal, then load the page anew.",
    refused: "One answer was refused: {problem}", counted: "{mine} by you, {minutes} min; {all} in all", sitting: "this sitting: {n}, {seconds} s each",
    loading: "Loading …", done: "Nothing is left to annotate.", done_hint: "See the progress, settle disagreements, or tune the model on what you have labelled.",
    picked: "Picked: {question}", said_none: "None: {reason}", skipped: "Skipped", flagged: "Flagged", undone: "Taken back.",
    nothing_to_undo: "There is nothing to take back.", server_away: "The server does not answer. Nothing is lost: start `faqtune annotate` again and go on here.",
    search_title: "Search the whole catalogue", search_hint: "Meaning, words, pinyin or initials", found: "{n} entries", found_none: "Nothing found",
    how_meaning: "meaning", how_substring: "words", how_pinyin: "pinyin", how_initials: "initials",
    flag_title: "Flag with a note", note: "Note", flag_hint: "What should somebody else look at?",
    propose_title: "Propose for the catalogue", propose_question: "A further question for an entry", propose_entry: "A missing entry",
    entry: "Entry", choose: "Choose", standard_question: "Standard question", answer: "Answer, if you know it", proposed: "Kept as a proposal.",
    same_title: "Two entries mean the same", same_hint: "Choose two entries", first_entry: "First entry", second_entry: "Second entry", reported: "Reported.",
    keys_title: "Keys", key_pick: "pick an entry", key_none: "none fits, then one key for why", key_skip: "skip", key_flag: "flag with a note",
    key_undo: "undo, as often as you like", key_search: "search the whole catalogue", key_several: "mark several entries, Enter saves",
    key_turns: "more turns belong to the query; Shift+E: fewer", key_propose: "propose a question or an entry", key_same: "two entries mean the same", key_help: "these keys", close: "Close",
    people_said: "What people said", by: "by {name}",
    empty: "Nothing yet.", remove: "Remove", export: "Export", export_json: "Triples (JSON)", export_jsonl: "Everything (JSONL)", export_xlsx: "Spreadsheet",
    export_argilla: "Argilla", export_label_studio: "Label Studio", export_proposals: "Proposals for the content owner",
    settle: "Settle", settle_hint: "What people answered differently, and what they flagged for somebody else. The last answer counts.",
    no_disagreements: "Nothing to settle: wherever several people were asked the same, they agree so far.", one_person: "One person annotates. With --annotators, a share of the items is asked of several people, and what they answer differently stands here.", flagged_title: "Flagged", alpha: "Agreement (Krippendorff’s alpha)",
    gaps_hint: "What customers ask and nobody could match, the largest groups first.", proposals_none: "None yet. While annotating, p proposes a question or a missing entry, and = reports two entries that mean the same.", proposals_hint: "Kept beside the catalogue; nothing changes until its owner takes it over.",
    missing_entry: "missing entry", further_question: "further question", same_entries: "same meaning",
  },
  zh: {
    title: "标注", skip_link: "跳到题目", views: "页面", other_language: "English",
    view_annotate: "标注", view_progress: "进度", view_disagreements: "分歧", view_gaps: "缺口",
    view_proposals: "建议", view_tune: "微调", keys: "按键",
    question: "客户想问什么？", conversation: "对话", candidates: "可能的条目",
    customer: "客户", agent: "客服", reply: "回复", asked: "提问",
    earlier: "前面还有 {n} 轮", later: "后面还有 {n} 轮",
    turns: "客户消息 {n} / {all} 轮", more_turns: "多一轮", fewer_turns: "少一轮",
    none: "都不是", skip: "跳过", flag: "标记", undo: "撤销", search: "搜索", several: "多选", actions: "操作",
    full: "全文", less: "简略", also: "也问作：{questions}", between: "；", was: "您刚才选的：{what}",
    recent: "最近", recent_title: "您最近的答案", recent_hint: "选一条即可撤回并重新作答。", key_recent: "最近的答案，可改其中一条", key_full: "显示完整答案和其他问法，再按恢复简短",
    propose: "提建议", same: "同义", similarity: "相似度 {n}", audit: "这道题隐藏了提示，用来了解提示对人的影响有多大。",
    no_candidates: "没有相近的条目。可以搜索，或选“都不是”。",
    why_none: "为什么都不是？", chitchat: "闲聊", unclear: "看不懂", unsupported: "不提供这项服务",
    several_reason: "同时问了几件事", back: "返回",
    several_mode: "按数字键标出问到的条目，回车保存。", picked_several: "已选 {n} 个条目", save: "保存", cancel: "取消", marked: "已标",
    why_uncertain: "模型拿不准", why_disagreeing: "各方意见不一", why_diverse: "还没看过的话题",
    why_uncovered: "标注少的条目", why_doubtful: "标注可能有错", why_random: "随机抽取",
    why_second_opinion: "请第二个人看", why_settled: "标注人意见不一", why: "选中原因：",
    source_model: "模型", source_reply: "客服回复", source_reply_rules: "回复规则", source_llm: "语言模型", source_human: "人工",
    saved_all: "已全部保存。", saving: "正在保存 {n} 条……", not_saved: "{n} 条尚未保存，正在重试。", server_failed: "服务器出错（状态码 {status}）。请查看终端，再刷新页面。",
    refused: "有一条未被接受：{problem}", counted: "您共 {mine} 条，{minutes} 分钟；全部 {all} 条", sitting: "本次 {n} 条，每条 {seconds} 秒",
    loading: "正在加载……", done: "没有要标注的了。", done_hint: "可以查看进度、处理分歧，或用标注结果微调模型。",
    picked: "已选：{question}", said_none: "都不是：{reason}", skipped: "已跳过", flagged: "已标记", undone: "已撤销。",
    nothing_to_undo: "没有可撤销的。", server_away: "服务器没有响应。内容不会丢失：重新运行 faqtune annotate，然后在这里继续。",
    search_title: "搜索全部条目", search_hint: "语义、文字、拼音或首字母", found: "{n} 个条目", found_none: "没有找到",
    how_meaning: "语义", how_substring: "文字", how_pinyin: "拼音", how_initials: "首字母",
    flag_title: "标记并备注", note: "备注", flag_hint: "想请别人看什么？",
    propose_title: "对问答库的建议", propose_question: "给某条目增加问法", propose_entry: "缺少的条目",
    entry: "条目", choose: "选择", standard_question: "标准问题", answer: "答案（如果知道）", proposed: "已存为建议。",
    same_title: "两个条目意思相同", same_hint: "选择两个条目", first_entry: "条目一", second_entry: "条目二", reported: "已提交。",
    keys_title: "按键", key_pick: "选条目", key_none: "都不是，再按一个键说明原因", key_skip: "跳过", key_flag: "标记并备注",
    key_undo: "撤销，次数不限", key_search: "搜索全部条目", key_several: "标出几个条目，回车保存",
    key_turns: "问题多算一轮；Shift+E：少算一轮", key_propose: "建议问法或条目", key_same: "两个条目意思相同", key_help: "显示按键", close: "关闭",
    people_said: "大家的答案", by: "{name}",
    empty: "暂无内容。", remove: "移除", export: "导出", export_json: "三元组 (JSON)", export_jsonl: "全部 (JSONL)", export_xlsx: "电子表格",
    export_argilla: "Argilla", export_label_studio: "Label Studio", export_proposals: "给内容负责人的建议表",
    settle: "处理", settle_hint: "大家答得不一样的题，以及标记给别人看的题。以最后的答案为准。",
    no_disagreements: "没有要处理的：由几个人分别回答的题目，目前答案都一致。", one_person: "目前只有一位标注人。用 --annotators 指定几位后，会有一部分题目由几个人分别回答，答得不一样的列在这里。", flagged_title: "已标记", alpha: "一致性（Krippendorff’s alpha）",
    gaps_hint: "客户问了但没有条目能回答的问题，从最大的一组排起。", proposals_none: "暂无。标注时按 p 可建议新问法或缺少的条目，按 = 可报告意思相同的条目。", proposals_hint: "保存在问答库之外；负责人采纳之前什么都不会变。",
    missing_entry: "缺少的条目", further_question: "增加问法", same_entries: "意思相同",
  },
};

/** Words of other modules. */
export function addWords(words) {
  for (const language of Object.keys(WORDS)) Object.assign(WORDS[language], words[language]);
}

const chosen = localStorage.getItem("faqtune-language");
export let language = chosen ?? (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en");

/** A text of the interface, with `{name}` filled in. */
export function t(key, values = {}) {
  const text = WORDS[language][key] ?? WORDS.en[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

export function switchLanguage() {
  language = language === "zh" ? "en" : "zh";
  localStorage.setItem("faqtune-language", language);
  applyLanguage();
}

/** Put the chosen language into everything that stands in the page from the start. */
export function applyLanguage() {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = t(element.dataset.word);
  for (const element of document.querySelectorAll("[data-label]")) element.setAttribute("aria-label", t(element.dataset.label));
  const other = document.querySelector("#language");
  other.textContent = t("other_language");
  other.lang = language === "zh" ? "en" : "zh-CN";
}

/** What a source is called. */
export function source(name) {
  if (name.startsWith("llm:")) return `${t("source_llm")} ${name.slice(4)}`;
  if (name.startsWith("human:")) return name.slice(6);
  return t(`source_${name}`);
}

/** What a reason for having no entry is called. */
export const reason = (name) => t(name === "several" ? "several_reason" : name);
