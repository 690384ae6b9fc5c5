// What people answered differently or flagged for somebody else, to be settled.

import { get, people } from "./api.js";
import { showFirst } from "./annotate.js";
import { alarm, button, h } from "./dom.js";
import { inWords } from "./item.js";
import { agreed } from "./progress.js";
import { fetchedView } from "./views.js";
import { t } from "./words.js";

export function disagreementsView(place) {
  return fetchedView(place, t("view_disagreements"), t("settle_hint"), "/api/disagreements", (found) => [
    h("p", {}, agreed(found.agreement)),
    h("ul", { class: "rows" }, found.items.length ? found.items.map(row) : h("li", { class: "quiet" }, t(people > 1 ? "no_disagreements" : "one_person"))),
    found.flagged.length > 0 && h("section", {}, h("h2", {}, t("flagged_title")), h("ul", { class: "rows" }, found.flagged.map(row))),
  ]);
}

function row(one) {
  const settle = async () => {
    try {
      const item = await get("/api/settle", { item: one.item });
      location.hash = "#annotate";
      showFirst(item);
    } catch (error) {
      alarm(error.message);
    }
  };
  const said = one.said.map((answer) => h("li", {}, h("b", {}, answer.by), " ", inWords(answer), answer.note && h("i", {}, ` ${answer.note}`)));
  return h("li", {}, h("p", {}, h("strong", {}, one.text)), h("ul", { class: "examples" }, said), button(t("settle"), null, settle, { "aria-label": `${t("settle")}: ${one.text}` }));
}
