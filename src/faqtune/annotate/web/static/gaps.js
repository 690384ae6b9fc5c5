// What customers ask and the catalogue lacks.

import { proposeDialog } from "./dialogs.js";
import { button, h } from "./dom.js";
import { fetchedView } from "./views.js";
import { addWords, t } from "./words.js";

addWords({
  en: { gap_count: "{conversations} conversations, {queries} questions; {people} said so by people. Nearest: {nearest} ({cosine})", gap_export: "Gap list as a spreadsheet", gap_total: "{n} groups, the largest are shown" },
  zh: { gap_count: "{conversations} 个会话、{queries} 个问题；其中 {people} 个经人工确认。最近的条目：{nearest}（{cosine}）", gap_export: "缺口清单（电子表格）", gap_total: "共 {n} 组，显示最大的一些" },
});

const MOST_SHOWN = 50;

export function gapsView(place) {
  return fetchedView(place, t("view_gaps"), t("gaps_hint"), "/api/gaps", (found) => [
    h("p", { class: "row" }, h("a", { class: "button", href: "/export/gaps.xlsx", download: "gaps.xlsx" }, t("gap_export")), h("span", { class: "quiet" }, t("gap_total", { n: found.count }))),
    h("ol", { class: "rows" }, found.gaps.length ? found.gaps.slice(0, MOST_SHOWN).map(row) : h("li", { class: "quiet" }, t("empty"))),
  ]);
}

function row(gap) {
  const values = { conversations: gap.conversations, queries: gap.queries.length, people: gap.by_people, nearest: gap.nearest, cosine: gap.nearest_cosine.toFixed(2) };
  const examples = gap.examples.filter((text) => text !== gap.title);
  return h(
    "li",
    {},
    h("p", {}, h("strong", {}, gap.title)),
    examples.length > 0 && h("ul", { class: "examples" }, examples.map((text) => h("li", {}, text))),
    h("p", { class: "quiet" }, t("gap_count", values)),
    button(t("propose"), null, () => proposeDialog({ text: gap.title, offers: [] }), { class: "plain", "aria-label": `${t("propose")}: ${gap.title}` }),
  );
}
