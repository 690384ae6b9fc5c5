// One item on the screen: what was asked, the conversation around it, and the entries to pick.

import { button, h } from "./dom.js";
import { reason, source, t } from "./words.js";

/** The whole view of an item. `act` has what its buttons do; `state` is that of annotate.js. */
export function itemView(item, state, act) {
  return h(
    "article",
    { class: "item", "aria-labelledby": "asked" },
    h("div", { class: "ask" }, heading(item), conversation(item)),
    h("div", { class: "choose" }, said(item), candidates(item, state, act), actions(item, state, act)),
  );
}

function heading(item) {
  return h(
    "div",
    { class: "head" },
    h("p", { class: "quiet why" }, `${t("why")} ${t(`why_${item.why}`)}`),
    h("h1", { id: "asked", tabindex: "-1" }, h("span", { class: "unseen" }, `${t("question")} `), item.text),
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

function said(item) {
  if (!item.said.length) return null;
  const question = (entry) => item.offers.find((offer) => offer.entry === entry)?.question ?? entry;
  const rows = item.said.map((one) =>
    h("li", {}, h("b", {}, one.by), " ", one.entries.length ? one.entries.map(question).join(" + ") : reason(one.reason || "unclear"), one.note && h("i", {}, ` ${one.note}`)),
  );
  return h("section", { class: "said" }, h("h2", {}, t("people_said")), h("ul", {}, rows));
}

function candidates(item, state, act) {
  const offers = [...item.offers, ...state.added];
  return h(
    "section",
    { class: "candidates" },
    h("h2", {}, t("candidates")),
    item.audit && h("p", { class: "quiet" }, t("audit")),
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
        h("span", { class: "answer" }, offer.answer),
        (offer.sources.length > 0 || offer.category) &&
          h("span", { class: "sources" }, offer.category && h("span", { class: "category" }, offer.category), offer.sources.map((name) => h("span", { class: "source" }, source(name)))),
      ),
      offer.similarity !== null && h("span", { class: "similarity" }, h("span", { class: "unseen" }, t("similarity", { n: offer.similarity.toFixed(2) })), h("span", { "aria-hidden": "true" }, offer.similarity.toFixed(2))),
    ),
  );
}

function actions(item, state, act) {
  if (state.mode === "reason") return reasons(act);
  if (state.mode === "several") {
    return h(
      "section",
      { class: "actions", "aria-label": t("several") },
      h("p", {}, t("several_mode")),
      h("div", { class: "row" }, button(t("save"), "Enter", act.saveSeveral, { class: "main", disabled: state.marked.size === 0 }), button(t("search"), "/", act.search), button(t("cancel"), "Esc", act.back)),
    );
  }
  return h(
    "section",
    { class: "actions" },
    h(
      "div",
      { class: "row" },
      button(t("none"), "0", act.none, { class: "main" }),
      button(t("search"), "/", act.search, { class: "main" }),
      button(t("several"), "m", act.several),
      button(t("skip"), "s", act.skip),
      button(t("flag"), "f", act.flag),
      button(t("undo"), "u", act.undo),
      button(t("propose"), "p", act.propose),
      button(t("same"), "=", act.same),
    ),
    item.most_turns > 1 &&
      h("div", { class: "row turns" }, h("span", { class: "quiet" }, t("turns", { n: item.turns, all: item.most_turns })), button(t("more_turns"), "e", act.moreTurns), button(t("fewer_turns"), "E", act.fewerTurns)),
  );
}

export const REASON_KEYS = ["chitchat", "unclear", "unsupported", "several"];

function reasons(act) {
  return h(
    "section",
    { class: "actions reasons", "aria-labelledby": "why-none" },
    h("h2", { id: "why-none", tabindex: "-1" }, t("why_none")),
    h("div", { class: "row" }, REASON_KEYS.map((name, place) => button(reason(name), String(place + 1), () => act.reason(name), { class: "main" })), button(t("back"), "Esc", act.back)),
  );
}
