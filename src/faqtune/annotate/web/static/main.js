// The page: its views, its keys, its language, and whether everything is saved.

import { get } from "./api.js";
import { annotateView } from "./annotate.js";
import { thisSitting } from "./did.js";
import { helpDialog } from "./dialogs.js";
import { $, alarm, composes } from "./dom.js";
import { disagreementsView } from "./disagreements.js";
import { gapsView } from "./gaps.js";
import { onChange, takeUp } from "./outbox.js";
import { drawPreparing, whenReady } from "./preparing.js";
import { progressView } from "./progress.js";
import { proposalsView } from "./proposals.js";
import { tuneView, watchTuning } from "./tuning.js";
import { applyLanguage, switchLanguage, t } from "./words.js";

const VIEWS = { annotate: annotateView, progress: progressView, disagreements: disagreementsView, gaps: gapsView, proposals: proposalsView, tune: tuneView };
let view = null;
let ready = false;

function open() {
  if (!ready) return drawPreparing();
  const name = location.hash.slice(1);
  // The link that skips the header leads to the view that is there.
  if (name === "main") return;
  const chosen = name in VIEWS ? name : "annotate";
  view?.leave?.();
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${chosen}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  view = VIEWS[chosen]($("#main"));
  document.title = `${view.title} · faqtune`;
}

function keydown(event) {
  if (composes(event) || event.defaultPrevented) return;
  if (document.querySelector("dialog[open]")) return;
  if (event.target.closest?.("input, textarea, select, [contenteditable]")) return;
  if (event.key === "?" && !event.ctrlKey && !event.metaKey) {
    helpDialog();
    event.preventDefault();
  } else if (view?.key?.(event)) event.preventDefault();
}

async function count() {
  try {
    const counted = await get("/api/count");
    $("#counted").textContent = [thisSitting(), t("counted", counted)].filter(Boolean).join(" · ");
  } catch {
    // The outbox says what is wrong; this is only a number.
    $("#counted").textContent = "";
  }
}

let waiting = 0;
let countSoon = 0;

function saved(number, failure) {
  waiting = number;
  const problem = failure?.message;
  if (failure?.status === 400) alarm(t("refused", { problem }));
  $("#saved").textContent = failure && number ? t("not_saved", { n: number }) : number ? t("saving", { n: number }) : t("saved_all");
  if (failure && number && failure.status !== 400) alarm(problem, 0);
  else if (!failure) alarm("");
  if (!number) {
    clearTimeout(countSoon);
    countSoon = setTimeout(count, 200);
  }
}

function relabel() {
  applyLanguage();
  saved(waiting, null);
  open();
}

document.addEventListener("keydown", keydown);
window.addEventListener("hashchange", open);
$("#language").addEventListener("click", () => {
  switchLanguage();
  relabel();
});
$("#help").addEventListener("click", helpDialog);
applyLanguage();
await whenReady();
ready = true;
onChange(saved);
takeUp();
relabel();
watchTuning();
