// What people answered differently, to be settled.

import { get } from "./api.js";
import { showFirst } from "./annotate.js";
import { alarm, button, h } from "./dom.js";
import { agreed } from "./progress.js";
import { fetchedView } from "./views.js";
import { reason, t } from "./words.js";

export function disagreementsView(place) {
  return fetchedView(place, t("view_disagreements"), t("settle_hint"), "/api/disagreements", (found) => [
    h("p", {}, agreed(found.agreement)),
    h("ul", { class: "rows" }, found.items.length ? found.items.map(row) : h("li", { class: "quiet" }, t("empty"))),
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
  const said = one.said.map((answer) => h("li", {}, h("b", {}, answer.by), " ", answer.entries.length ? answer.entries.join(" + ") : reason(answer.reason || "unclear"), answer.note && h("i", {}, ` ${answer.note}`)));
  return h("li", {}, h("p", {}, h("strong", {}, one.text)), h("ul", { class: "examples" }, said), button(t("settle"), null, settle, { "aria-label": `${t("settle")}: ${one.text}` }));
}
