// What the views besides annotating have in common.

import { get } from "./api.js";
import { alarm, h } from "./dom.js";
import { flushed } from "./outbox.js";
import { t } from "./words.js";

/** A view with a title and a hint, filled with what a path answers; `fill(data, again)` gives its nodes. */
export function fetchedView(place, title, hint, path, fill) {
  const body = h("div", {}, h("p", { class: "quiet" }, t("loading")));
  place.replaceChildren(h("section", { class: "page" }, h("h1", {}, title), hint && h("p", {}, hint), body));
  const again = async () => {
    try {
      await flushed();
      const nodes = fill(await get(path), again);
      if (body.isConnected) body.replaceChildren(...[nodes].flat(Infinity).filter(Boolean));
    } catch (error) {
      alarm(error.message);
    }
  };
  again();
  return { title, again };
}

export const percent = (share) => (share === null ? "–" : `${(100 * share).toFixed(0)} %`);

/** A share with its interval. */
export const withInterval = (found) => (found.n ? t("with_interval", { share: percent(found.share), low: percent(found.low), high: percent(found.high), n: found.n }) : t("not_yet"));

/** A table whose first column names the rows. */
export function table(caption, header, rows, note = null) {
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h(
      "table",
      {},
      h("caption", {}, caption),
      h("thead", {}, h("tr", {}, header.map((cell) => (cell ? h("th", { scope: "col" }, cell) : h("td", {}))))),
      h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell, place) => (place ? h("td", {}, cell) : h("th", { scope: "row" }, cell)))))),
    ),
    note && h("p", { class: "quiet" }, note),
  );
}
