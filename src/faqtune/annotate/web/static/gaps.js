// What customers ask and the catalogue lacks.

import { proposeDialog } from "./dialogs.js";
import { button, h } from "./dom.js";
import { fetchedView } from "./views.js";
import { addWords, t } from "./words.js";

addWords({
  en: {
    gap_count: "{conversations} conversations, {queries} questions. Nearest: {nearest} ({cosine})", gap_people: "{people} said so by people",
    gap_export: "Gap list as a spreadsheet", gap_total: "{n} groups",
    gaps_confirmed: "Confirmed by people", gaps_guessed: "By the model, not yet by people",
    gaps_none_confirmed: "None yet. While annotating, press 0 and then 3 (“we do not offer this”) on a question that no entry answers: it stands here at once.",
    gaps_guessed_hint: "No entry comes near enough to these. Some will be small talk, or asked in other words than the catalogue’s: annotating tells.",
    gaps_none_guessed: "None: some entry comes near enough to everything that customers ask.", gaps_more: "The largest {shown} of {n}; the spreadsheet has more.",
  },
  zh: {
    gap_count: "{conversations} 个会话、{queries} 个问题。最近的条目：{nearest}（{cosine}）", gap_people: "{people} 个经人工确认",
    gap_export: "缺口清单（电子表格）", gap_total: "共 {n} 组",
    gaps_confirmed: "经人工确认", gaps_guessed: "模型推测，尚未经人确认",
    gaps_none_confirmed: "暂无。标注时遇到没有条目能回答的问题，按 0 再按 3（不提供这项服务），就会列在这里。",
    gaps_guessed_hint: "没有条目与这些问题足够接近。其中会有闲聊，也会有与问答库说法不同的问题：标注之后就清楚了。",
    gaps_none_guessed: "暂无：客户的问题都有足够接近的条目。", gaps_more: "显示最大的 {shown} 组，共 {n} 组；电子表格里更多。",
  },
});

const MOST_SHOWN = 50;

export function gapsView(place) {
  return fetchedView(place, t("view_gaps"), t("gaps_hint"), "/api/gaps", (found) => [
    h("p", { class: "row" }, h("a", { class: "button", href: "/export/gaps.xlsx", download: "gaps.xlsx" }, t("gap_export")), h("span", { class: "quiet" }, t("gap_total", { n: found.count }))),
    section(t("gaps_confirmed"), "confirmed", found.gaps.filter((gap) => gap.by_people), found.confirmed, null, t("gaps_none_confirmed")),
    section(t("gaps_guessed"), "guessed", found.gaps.filter((gap) => !gap.by_people), found.count - found.confirmed, t("gaps_guessed_hint"), t("gaps_none_guessed")),
  ]);
}

function section(title, name, found, total, hint, none) {
  const shown = found.slice(0, MOST_SHOWN);
  return h(
    "section",
    { class: name },
    h("h2", {}, title),
    found.length > 0 && hint && h("p", { class: "quiet" }, hint),
    h("ol", { class: "rows" }, shown.length ? shown.map(row) : h("li", { class: "quiet" }, none)),
    total > shown.length && h("p", { class: "quiet" }, t("gaps_more", { shown: shown.length, n: total })),
  );
}

function row(gap) {
  const values = { conversations: gap.conversations, queries: gap.queries.length, people: gap.by_people, nearest: gap.nearest, cosine: gap.nearest_cosine.toFixed(2) };
  const examples = gap.examples.filter((text) => text !== gap.title);
  return h(
    "li",
    {},
    h("p", {}, h("strong", {}, gap.title)),
    examples.length > 0 && h("ul", { class: "examples" }, examples.map((text) => h("li", {}, text))),
    h("p", { class: "quiet" }, t("gap_count", values), gap.by_people > 0 && ` · ${t("gap_people", values)}`),
    button(t("propose"), null, () => proposeDialog({ text: gap.title, offers: [] }), { "aria-label": `${t("propose")}: ${gap.title}` }),
  );
}
