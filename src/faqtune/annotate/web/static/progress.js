// How far annotation has got, and whether going on is worth it.

import { h, s } from "./dom.js";
import { fetchedView, percent, table, withInterval } from "./views.js";
import { addWords, language, reason, source, t } from "./words.js";

addWords({
  en: {
    progress_hint: "Estimates are from the items drawn by chance only, so they hold for all queries.",
    not_yet: "not yet", with_range: "{share} ({low} to {high})", with_interval: "{share} ({low} to {high}; {n} items)",
    worth: "Is it worth going on?", gain: "{n} more labels", verdict_rising: "would bring about {gain} points ({low} to {high}), as far as {from} can tell.", verdict_flat: "would hardly bring anything, as far as {from} can tell ({low} to {high} points).",
    verdict_open: "would bring about {gain} points, as far as {from} can tell, but it may be anything from {low} to {high}.", verdict_unknown: "cannot be foreseen from {from} yet: {why}", why_weak: "they are level, but only against machines’ labels. That is no reason to stop.", why_few: "too little has been labelled so far.", why_close: "the numbers of labels lie too close together.", why_wide: "it could be anything from {low} to {high} points.", needs_share: "To tell, some of the hand labels have to train: set a share under Tune.", needs_train: "To tell, it takes labels that train; none so far.", needs_measure: "To tell, it takes {need} labels with an entry among those that measure ({have} so far), or three tunings with different numbers of labels.", by_tunings: "the tunings below", by_stand_in: "the stand-in below",
    curve: "A stand-in for tunings: OSCR@5% by number of labels", curve_note: "The current model turned by one matrix towards your labels and the machines’, measured on the labels that test. It tells when labels stop helping, not what a tuned model reaches. Three tunings with different numbers of labels take its place.",
    tunings: "Tunings: OSCR@5% by number of hand labels", tunings_note: "Measured on today’s selection part, which no tuning was trained on; bars are 95 % intervals.", tunings_weak: "That part has machines’ labels: what people corrected in those does not show as a gain.", tunings_labels: "hand labels", tunings_recipe: "recipe", tunings_run: "tuning",
    labels: "labels", pace: "Pace", who: "who", everybody: "everybody", items: "items", minutes: "minutes", median: "median seconds", per_hour: "labels per hour",
    weak: "How right are the machines’ labels?", weak_source: "source", weak_right: "right", unanswered: "not answered",
    kinds: "What do customers ask?", kind: "kind", kind_entry: "has an entry", kind_none: "no entry", share_of_all: "share",
    agree: "Do people agree?", agree_alpha: "Krippendorff’s alpha {alpha} ({low} to {high}), {agreed} of {items} the same.", agree_none: "Nobody was asked the same yet.",
    led: "Does the page lead people?", led_shown: "first suggestion picked, shown", led_hidden: "the same, hidden", led_difference: "difference",
    download: "Take it with you",
  },
  zh: {
    progress_hint: "估计值只用随机抽取的题目计算，因此适用于全部问题。",
    not_yet: "暂无", with_range: "{share}（{low} 至 {high}）", with_interval: "{share}（{low} 至 {high}；{n} 条）",
    worth: "还值得继续吗？", gain: "再标 {n} 条", verdict_rising: "，从{from}看，约可提高 {gain} 个百分点（{low} 至 {high}）。", verdict_flat: "，从{from}看，几乎不会再提高（{low} 至 {high} 个百分点）。",
    verdict_open: "，从{from}看，约可提高 {gain} 个百分点，但也可能在 {low} 至 {high} 之间。", verdict_unknown: "，能带来多少，从{from}还看不出来：{why}", why_weak: "几次微调持平，但只是对照自动标注而言，不能说明可以停止。", why_few: "目前标注太少。", why_close: "几次的标注数量太接近。", why_wide: "可能在 {low} 至 {high} 个百分点之间。", needs_share: "要判断这一点，须有一部分人工标注用于训练：请在“微调”里设置比例。", needs_train: "要判断这一点，须有用于训练的标注，目前还没有。", needs_measure: "要判断这一点，用于测试的标注里须有 {need} 条有对应条目（目前 {have} 条），或者有三次标注数量不同的微调。", by_tunings: "下面的历次微调", by_stand_in: "下面的替代估计",
    curve: "微调的替代估计：标注数量与 OSCR@5%", curve_note: "用一个矩阵把当前模型转向您的标注和自动标注，并在测试用的标注上衡量。它能说明标注何时不再有用，不代表微调后的水平。有三次标注数量不同的微调之后，就改用微调的结果。",
    tunings: "历次微调：人工标注数量与 OSCR@5%", tunings_note: "都在今天的挑选数据上衡量，没有一次微调用它训练过；竖线为 95% 区间。", tunings_weak: "这部分数据用的是自动标注：人工纠正过的地方在这里看不出提高。", tunings_labels: "人工标注数", tunings_recipe: "方案", tunings_run: "微调",
    labels: "标注数", pace: "速度", who: "标注人", everybody: "全部", items: "题数", minutes: "分钟", median: "每题秒数（中位）", per_hour: "每小时标注数",
    weak: "自动标注有多准？", weak_source: "来源", weak_right: "正确", unanswered: "未作答",
    kinds: "客户都问什么？", kind: "类型", kind_entry: "有对应条目", kind_none: "没有条目", share_of_all: "占比",
    agree: "大家意见一致吗？", agree_alpha: "Krippendorff’s alpha {alpha}（{low} 至 {high}），{items} 条中 {agreed} 条一致。", agree_none: "还没有由几个人分别回答的题目。",
    led: "提示会影响人吗？", led_shown: "显示提示时选第一个", led_hidden: "隐藏提示时选它", led_difference: "差异",
    download: "带走结果",
  },
});

export function progressView(place) {
  return fetchedView(place, t("view_progress"), t("progress_hint"), "/api/progress", (found) => [
    h("section", { class: "first" }, h("h2", {}, t("worth")), h("p", { class: "verdict" }, projection(found)), found.tunings.length > 0 && tunings(found.tunings, found.projected_from), found.curve.length > 1 && curve(found.curve, t("curve"), t("curve_note"))),
    section(t("pace"), pace(found)),
    section(t("weak"), found.weak.length ? table(t("weak"), [t("weak_source"), t("weak_right"), t("unanswered")], found.weak.map((one) => [source(one.by), withInterval(one.right), one.unanswered])) : h("p", {}, t("not_yet"))),
    section(t("kinds"), Object.keys(found.kinds).length ? table(t("kinds"), [t("kind"), t("share_of_all")], Object.entries(found.kinds).map(([kind, share]) => [kindName(kind), withInterval(share)])) : h("p", {}, t("not_yet"))),
    section(t("agree"), h("p", {}, agreed(found.agreement))),
    section(t("led"), table(t("led"), ["", ""], [[t("led_shown"), withInterval(found.lead.shown)], [t("led_hidden"), withInterval(found.lead.hidden)], [t("led_difference"), found.lead.difference === null ? t("not_yet") : `${points(found.lead.difference)} (${points(found.lead.low)} … ${points(found.lead.high)})`]])),
    section(t("download"), downloads()),
  ]);
}

const section = (title, ...nodes) => h("section", {}, h("h2", {}, title), nodes);
const points = (share) => (share === null ? "–" : `${share >= 0 ? "+" : "−"}${Math.abs(100 * share).toFixed(1)}`);
const kindName = (kind) => (kind === "entry" || kind === "none" ? t(`kind_${kind}`) : reason(kind));

function projection({ projection: found, projected_from: runs, curve_needs: needs }) {
  if (needs && !runs.length) return t(`needs_${needs.what}`, needs);
  const values = { gain: points(found.gain), low: points(found.low), high: points(found.high), from: t(runs.length ? "by_tunings" : "by_stand_in") };
  if (found.why) values.why = t(`why_${found.why}`, values);
  return `${t("gain", { n: found.ahead })}${language === "zh" ? "" : " "}${t(found.gain === null ? "verdict_unknown" : `verdict_${found.verdict}`, values)}`;
}

/** What each tuning reached: a picture, and the same as a table. Only those of one recipe are joined by a line. */
function tunings(found, runs) {
  const rows = found.map((one) => [one.labels, t("with_range", { share: percent(one.value), low: percent(one.low), high: percent(one.high) }), one.recipe, one.run]);
  return h("div", {}, found.length > 1 && curve(found, t("tunings"), t("tunings_note"), found.filter((one) => runs.includes(one.run))), table(t("tunings"), [t("tunings_labels"), "OSCR@5%", t("tunings_recipe"), t("tunings_run")], rows), !found.every((one) => one.by_people) && h("p", { class: "quiet" }, t("tunings_weak")));
}

export function agreed(found) {
  if (!found.items) return t("agree_none");
  const round = (value) => (value === null ? "–" : value.toFixed(2));
  return t("agree_alpha", { ...found, alpha: round(found.alpha), low: round(found.low), high: round(found.high) });
}

function pace(found) {
  const rows = Object.entries(found.people).map(([name, one]) => [name, one]);
  if (rows.length !== 1) rows.push([t("everybody"), found.pace]);
  return table(t("pace"), [t("who"), t("items"), t("labels"), t("minutes"), t("median"), t("per_hour")], rows.map(([name, one]) => [name, one.items, one.labels, one.minutes.toFixed(0), one.median_seconds.toFixed(1), one.labels_per_hour.toFixed(0)]));
}

export const FILES = [["annonated_dataset.json", "export_json"], ["annotations.jsonl", "export_jsonl"], ["annotations.xlsx", "export_xlsx"], ["argilla.json", "export_argilla"], ["label-studio.json", "export_label_studio"]];

const downloads = () => h("p", { class: "row" }, FILES.map(([name, word]) => h("a", { class: "button", href: `/export/${name}`, download: name }, t(word))));

const WIDE = 560, HIGH = 220, LEFT = 44, LOW = 30;

/** The points with their intervals where they have one, and the mean of the joined ones at each number of labels. */
function curve(found, title, note, joined = found) {
  const most = Math.max(...found.map((point) => point.labels)) || 1;
  const values = found.flatMap((point) => [point.value, point.low ?? point.value, point.high ?? point.value]);
  const [low, high] = [Math.floor(10 * Math.min(...values)) / 10, Math.min(1, Math.ceil(10 * Math.max(...values) + 0.01) / 10)];
  const x = (labels) => LEFT + ((WIDE - LEFT - 10) * labels) / most;
  const y = (value) => HIGH - LOW - ((HIGH - LOW - 12) * (value - low)) / (high - low || 1);
  const amounts = [...new Set(joined.map((point) => point.labels))].sort((a, b) => a - b);
  const mean = (labels) => joined.filter((point) => point.labels === labels).reduce((sum, point, _, all) => sum + point.value / all.length, 0);
  const line = amounts.map((labels) => `${x(labels).toFixed(1)},${y(mean(labels)).toFixed(1)}`).join(" ");
  const told = (joined.length ? amounts.map((labels) => [labels, mean(labels)]) : found.map((point) => [point.labels, point.value])).map(([labels, value]) => `${labels}: ${percent(value)}`).join(", ");
  const grid = [low, (low + high) / 2, high].map((value) => [s("line", { class: "grid", x1: LEFT, x2: WIDE - 10, y1: y(value), y2: y(value) }), s("text", { x: LEFT - 8, y: y(value) + 4, "text-anchor": "end" }, percent(value))]);
  const ticks = [0, Math.round(most / 2), most].map((labels) => s("text", { x: x(labels), y: HIGH - 8, "text-anchor": labels === most ? "end" : "middle" }, labels));
  const bars = found.filter((point) => point.low !== undefined).map((point) => s("line", { class: "bar", x1: x(point.labels), x2: x(point.labels), y1: y(point.low), y2: y(point.high) }));
  return h(
    "figure",
    {},
    s("svg", { class: "curve", viewBox: `0 0 ${WIDE} ${HIGH}`, role: "img", "aria-label": `${title}: ${told}` }, grid, ticks, bars, found.map((point) => s("circle", { cx: x(point.labels), cy: y(point.value), r: 3 })), s("polyline", { points: line })),
    h("figcaption", { class: "quiet" }, `${title}${language === "zh" ? "。" : ". "}${note}`),
  );
}
