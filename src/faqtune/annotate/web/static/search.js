// The search over the whole catalogue. Enter while an input method is composing chooses characters, never an entry.

import { get } from "./api.js";
import { dialog } from "./dialogs.js";
import { composes, h } from "./dom.js";
import { t } from "./words.js";

const PAUSE_MS = 90;

/** The entry that was picked, or null. */
export function searchDialog() {
  return dialog(t("search_title"), (close) => {
    let found = [];
    let active = -1;
    let soon = 0;
    let request = null;
    const list = h("ul", { id: "hits", role: "listbox", "aria-label": t("candidates") });
    const count = h("p", { class: "quiet", role: "status" });
    const input = h("input", {
      type: "text", id: "search", role: "combobox", autocomplete: "off", spellcheck: "false", autofocus: true, maxlength: "200",
      "aria-label": t("search_title"), "aria-controls": "hits", "aria-expanded": "false", "aria-autocomplete": "list", placeholder: t("search_hint"),
    });

    const mark = (place) => {
      active = place;
      for (const [number, option] of [...list.children].entries()) option.setAttribute("aria-selected", String(number === active));
      const option = list.children[active];
      if (option) {
        input.setAttribute("aria-activedescendant", option.id);
        option.scrollIntoView({ block: "nearest" });
      } else input.removeAttribute("aria-activedescendant");
    };
    const draw = () => {
      list.replaceChildren(
        ...found.map((hit, place) =>
          h(
            "li",
            { id: `hit-${place}`, role: "option", "aria-selected": "false", onclick: () => close(hit.offer) },
            h("strong", {}, hit.question),
            h("span", { class: "answer" }, hit.offer.answer),
            h("span", { class: "sources" }, h("span", { class: "source" }, t(`how_${hit.how}`)), hit.offer.similarity !== null && h("span", { class: "source" }, hit.offer.similarity.toFixed(2))),
          ),
        ),
      );
      input.setAttribute("aria-expanded", String(found.length > 0));
      count.textContent = input.value.trim() ? (found.length ? t("found", { n: found.length }) : t("found_none")) : "";
      mark(found.length ? 0 : -1);
    };
    const search = async () => {
      clearTimeout(soon);
      soon = 0;
      request?.abort();
      const mine = (request = new AbortController());
      const text = input.value.trim();
      try {
        found = text ? await get("/api/search", { q: text }, mine.signal) : [];
        if (mine === request) draw();
      } catch (error) {
        if (error.name !== "AbortError") count.textContent = error.message;
      }
    };
    input.addEventListener("input", () => {
      clearTimeout(soon);
      soon = setTimeout(search, PAUSE_MS);
    });
    input.addEventListener("keydown", async (event) => {
      if (composes(event)) return;
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        if (found.length) mark((active + (event.key === "ArrowDown" ? 1 : found.length - 1)) % found.length);
      } else if (event.key === "Enter") {
        event.preventDefault();
        // What is on the list is not yet what was typed.
        if (soon) await search();
        if (found[active]) close(found[active].offer);
      }
    });
    return [input, count, list];
  }, "search");
}
