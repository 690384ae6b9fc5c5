"""The words of the terminal in English and Chinese; it follows the locale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Language = Literal["en", "zh"]

REASON_KEYS = {"1": "chitchat", "2": "unclear", "3": "unsupported", "4": "several"}

WORDS: dict[Language, dict[str, str]] = {
    "en": {
        "customer": "customer", "agent": "agent", "turns": "   ({n} of {all} turns; e more, E fewer)",
        "why": "chosen because: {why}", "audit": "Suggestions are hidden here, to see how much they lead people.",
        "hint": "1-5 pick  0 none  / search  m several  s skip  f flag  e turns  u undo  ? keys  q end",
        "why_none": "Why does none fit?  1 small talk  2 unclear  3 unsupported  4 several things at once",
        "several": "Mark with 1-5 and /, Enter saves, Escape goes back.", "marked": "marked: {entries}",
        "back": "Back.", "note": "note: ", "search": "search: ", "pick": "1-9 picks, any other key goes back",
        "found_none": "Nothing found.", "saved": "✓ saved", "undone": "Taken back.",
        "nothing_to_undo": "There is nothing to take back.", "done": "Nothing is left to annotate.",
        "ended": "{n} decisions, all of them saved.",
        "keys": "1-5 pick an entry\n0 none fits, then one key for why\n/ search the whole catalogue: meaning, words, "
        "pinyin, initials\nm mark several entries\ns skip\nf flag with a note\ne more turns belong to the query, E "
        "fewer\nu undo, as often as you like\nq end",
        "why_uncertain": "the model is unsure", "why_disagreeing": "sources disagree",
        "why_diverse": "a topic nobody has seen yet", "why_uncovered": "an entry with few labels",
        "why_doubtful": "its label is probably wrong", "why_random": "drawn by chance",
        "why_second_opinion": "a second opinion", "why_settled": "people disagree",
        "how_meaning": "meaning", "how_substring": "words", "how_pinyin": "pinyin", "how_initials": "initials",
        "source_model": "model", "source_reply": "reply", "source_reply_rules": "rules",
    },
    "zh": {
        "customer": "客户", "agent": "客服", "turns": "　（{all} 轮中的 {n} 轮；e 多一轮，E 少一轮）",
        "why": "选中原因：{why}", "audit": "这道题隐藏了提示，用来了解提示对人的影响有多大。",
        "hint": "1-5 选择  0 都不是  / 搜索  m 多选  s 跳过  f 标记  e 轮数  u 撤销  ? 按键  q 结束",
        "why_none": "为什么都不是？  1 闲聊  2 看不懂  3 不提供这项服务  4 同时问了几件事",
        "several": "用 1-5 和 / 标出条目，回车保存，Esc 返回。", "marked": "已标：{entries}",
        "back": "已返回。", "note": "备注：", "search": "搜索：", "pick": "按 1-9 选择，其他键返回",
        "found_none": "没有找到。", "saved": "✓ 已保存", "undone": "已撤销。",
        "nothing_to_undo": "没有可撤销的。", "done": "没有要标注的了。",
        "ended": "共 {n} 条，已全部保存。",
        "keys": "1-5 选条目\n0 都不是，再按一个键说明原因\n/ 搜索全部条目：语义、文字、拼音、首字母\nm 标出几个条目\n"
        "s 跳过\nf 标记并备注\ne 问题多算一轮，E 少算一轮\nu 撤销，次数不限\nq 结束",
        "why_uncertain": "模型拿不准", "why_disagreeing": "各方意见不一",
        "why_diverse": "还没看过的话题", "why_uncovered": "标注少的条目",
        "why_doubtful": "标注可能有错", "why_random": "随机抽取",
        "why_second_opinion": "请第二个人看", "why_settled": "标注人意见不一",
        "how_meaning": "语义", "how_substring": "文字", "how_pinyin": "拼音", "how_initials": "首字母",
        "source_model": "模型", "source_reply": "客服回复", "source_reply_rules": "回复规则",
    },
}  # fmt: skip


def language_of(environment: Mapping[str, str]) -> Language:
    """By the first of LC_ALL, LC_MESSAGES and LANG that is set.

    >>> language_of({"LANG": "zh_CN.UTF-8"}), language_of({"LC_ALL": "C", "LANG": "zh_CN"})
    ('zh', 'en')
    """
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := environment.get(name):
            return "zh" if value.lower().startswith("zh") else "en"
    return "en"
