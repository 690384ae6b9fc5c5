// What was done last, with a way back, and how this sitting goes.

import { $, button, h } from "./dom.js";
import { t } from "./words.js";

const SHOWN_MS = 6000;
const sitting = { items: 0, seconds: 0 };
let ends = 0;

/** Show for some seconds what was just done; `undo` is what the way back does. */
export function did(words, { seconds = 0, undo = null, count = 1 }) {
  sitting.items = Math.max(0, sitting.items + count);
  sitting.seconds += Math.min(seconds, 300);
  $("#did").replaceChildren(h("span", {}, `✓ ${words}`), undo ? button(t("undo"), "u", undo, { class: "plain" }) : "");
  clearTimeout(ends);
  ends = setTimeout(() => $("#did").replaceChildren(), SHOWN_MS);
}

/** Items of this sitting and how long one takes; nothing before the first. */
export function thisSitting() {
  if (!sitting.items) return "";
  return t("sitting", { n: sitting.items, seconds: (sitting.seconds / sitting.items).toFixed(1) });
}
