// The last answers of this person: one of them is taken back and given anew, without undoing all that came after.

import { get } from "./api.js";
import { dialog } from "./dialogs.js";
import { button, h } from "./dom.js";
import { inWords } from "./item.js";
import { t } from "./words.js";

/** The act to take back, or null. */
export async function recentDialog() {
  const found = await get("/api/recent");
  return dialog(t("recent_title"), (close) => {
    const rows = found.map((one, place) => h("li", {}, h("button", { type: "button", class: "recent", autofocus: place === 0, onclick: () => close(one.act) }, h("strong", {}, one.text), h("span", { class: "quiet" }, inWords(one), one.note && ` · ${one.note}`))));
    const list = h("ol", { class: "recents" }, rows);
    list.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const all = [...list.querySelectorAll("button")];
      all[(all.indexOf(document.activeElement) + step + all.length) % all.length]?.focus();
    });
    return [
      h("p", { class: "quiet" }, t(found.length ? "recent_hint" : "empty")),
      list,
      h("p", { class: "row" }, button(t("close"), "Esc", () => close(null), { autofocus: !found.length })),
    ];
  });
}
