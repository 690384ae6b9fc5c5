// One item on the screen: what was asked, the conversation around it, the entries to pick, and what can be done.

import { button, h } from "./dom.js";
import { reason, source, t } from "./words.js";

/** The whole view of an item. `act` has what its buttons do; `state` is that of annotate.js. */
export function itemView(item, state, act) {
  return h(
    "article",
    { class: state.full ? "item full" : "item", "aria-labelledby": "asked" },
    h("div", { class: "ask" }, heading(item, act), conversation(item)),
    h("div", { class: "choose" }, said(item), candidates(item, state, act), actions(state, act)),
  );
}

function heading(item, act) {
  return h(
    "div",
    { class: "head" },
    h("p", { class: "quiet why" }, `${t("why")} ${t(`why_${item.why}`)}`),
    h("h1", { id: "asked", tabindex: "-1" }, h("span", { class: "unseen" }, `${t("question")} `), item.text),
    item.most_turns > 1 &&
      h("div", { class: "row turns" }, h("span", { class: "quiet" }, t("turns", { n: item.turns, all: item.most_turns })), button(t("more_turns"), "e", act.moreTurns, { class: "plain" }), button(t("fewer_turns"), "E", act.fewerTurns, { class: "plain" })),
  );
}

function conversation(item) {
  return h(
    "section",
    { class: "conversation", tabindex: "0", "aria-label": t("conversation") },
    item.before > 0 && h("p", { class: "quiet" }, t("earlier", { n: item.before })),
    h("ol", {}, item.lines.map(line)),
    item.after > 0 && h("p", { class: "quiet" }, t("later", { n: item.after })),
  );
}

function line(turn) {
  return h(
    "li",
    {},
    turn.customer &&
      h("p", { class: turn.asked ? "customer asked" : "customer" }, h("b", {}, turn.asked ? `${t("customer")} · ${t("asked")}` : t("customer")), h("span", {}, turn.customer)),
    turn.agent &&
      h("p", { class: turn.replied ? "agent replied" : "agent" }, h("b", {}, turn.replied ? `${t("agent")} · ${t("reply")}` : t("agent")), h("span", {}, turn.agent)),
  );
}

/** What somebody said of an item, in words; `questions` are those of its entries. */
export function inWords(one, questions = one.questions) {
  if (one.what === "skip") return t("skipped");
  if (one.what === "flag") return t("flagged");
  return questions.length ? questions.join(" + ") : t("said_none", { reason: reason(one.reason || "unclear") });
}

function said(item) {
  if (!item.said.length) return null;
  const question = (entry) => item.offers.find((offer) => offer.entry === entry)?.question ?? entry;
  const rows = item.said.map((one) => h("li", {}, h("b", {}, one.by), " ", inWords(one, one.entries.map(question)), one.note && h("i", {}, ` ${one.note}`)));
  return h("section", { class: "said" }, h("h2", {}, t("people_said")), h("ul", {}, rows));
}

function candidates(item, state, act) {
  const offers = [...item.offers, ...state.added];
  return h(
    "section",
    { class: "candidates", tabindex: "0", "aria-label": t("candidates") },
    h("h2", {}, t("candidates"), state.was && h("span", { class: "was" }, t("was", { what: inWords(state.was) })), item.audit && h("span", { class: "audit" }, t("audit"))),
    offers.length ? h("ol", {}, offers.map((offer, place) => candidate(offer, place, state, act))) : h("p", {}, t("no_candidates")),
  );
}

function candidate(offer, place, state, act) {
  const isMarked = state.marked.has(offer.entry);
  const pressed = state.mode === "several" ? { "aria-pressed": String(isMarked) } : {};
  const key = place < 9 ? String(place + 1) : null;
  return h(
    "li",
    {},
    h(
      "button",
      { type: "button", class: isMarked ? "offer marked" : "offer", onclick: () => act.choose(place), ...pressed, ...(key ? { "aria-keyshortcuts": key } : {}) },
      h("kbd", {}, key ?? "·"),
      h(
        "span",
        { class: "entry" },
        h("strong", {}, offer.question),
        h("span", { class: "answer" }, offer.category && h("span", { class: "category" }, offer.category), offer.answer),
        state.full && offer.more.length > 0 && h("span", { class: "more" }, t("also", { questions: offer.more.join(t("between")) })),
      ),
      h(
        "span",
        { class: "facts" },
        offer.similarity !== null && h("span", { class: "similarity" }, h("span", { class: "unseen" }, t("similarity", { n: offer.similarity.toFixed(2) })), h("span", { "aria-hidden": "true" }, offer.similarity.toFixed(2))),
        offer.sources.length > 0 && h("span", { class: "sources" }, offer.sources.map(source).join(" · ")),
      ),
    ),
  );
}

/** Always in the same place and of the same height, whatever it holds: a hand finds it without looking. */
function actions(state, act) {
  if (state.mode === "reason") return reasons(act);
  if (state.mode === "several") {
    return h(
      "section",
      { class: "actions", "aria-label": t("several") },
      h("p", {}, t("several_mode")),
      h("div", { class: "row" }, button(t("save"), "Enter", act.saveSeveral, { class: "go", disabled: state.marked.size === 0 }), button(t("search"), "/", act.search), button(t("cancel"), "Esc", act.back)),
    );
  }
  return h(
    "section",
    { class: "actions", "aria-label": t("actions") },
    h(
      "div",
      { class: "row" },
      button(t("none"), "0", act.none, { class: "main" }),
      button(t("search"), "/", act.search, { class: "main" }),
      button(t("several"), "m", act.several),
      button(t("skip"), "s", act.skip),
      button(t("undo"), "u", act.undo),
    ),
    h(
      "div",
      { class: "row" },
      button(t(state.full ? "less" : "full"), "a", act.full, { class: "plain", title: t("key_full") }),
      button(t("recent"), "h", act.recent, { class: "plain", title: t("key_recent") }),
      button(t("flag"), "f", act.flag, { class: "plain" }),
      button(t("propose"), "p", act.propose, { class: "plain", title: t("key_propose") }),
      button(t("same"), "=", act.same, { class: "plain", title: t("key_same") }),
    ),
  );
}

export const REASON_KEYS = ["chitchat", "unclear", "unsupported", "several"];

function reasons(act) {
  return h(
    "section",
    { class: "actions reasons", "aria-labelledby": "why-none" },
    h("h2", { id: "why-none", tabindex: "-1" }, t("why_none")),
    h("div", { class: "row" }, REASON_KEYS.map((name, place) => button(reason(name), String(place + 1), () => act.reason(name), { class: "main" })), button(t("back"), "Esc", act.back, { class: "plain" })),
  );
}
