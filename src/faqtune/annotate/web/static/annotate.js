// Annotating: which item is on the screen, what a key does, and what is fetched ahead so that the next one is there.

import { get, newAct, post } from "./api.js";
import { alarm, h, say, $ } from "./dom.js";
import { did } from "./did.js";
import { flagDialog, proposeDialog, sameDialog } from "./dialogs.js";
import { itemView, REASON_KEYS } from "./item.js";
import { flushed, pendingItems, send } from "./outbox.js";
import { recentDialog } from "./recent.js";
import { searchDialog } from "./search.js";
import { reason, t } from "./words.js";

const AHEAD = 6;
const FULL = "faqtune-full-answers";
const state = { item: null, next: [], mode: "pick", marked: new Set(), added: [], was: null, full: localStorage.getItem(FULL) === "yes", over: false, generation: null };
let watch = { seen: 0, since: 0 };
let filling = null;
let busy = false;

/** Draw the view into `place`; called again when the language changes. */
export function annotateView(place) {
  state.place = place;
  draw();
  if (!state.item) advance();
  return { key, title: t("view_annotate") };
}

/** Show one item now, before those that were fetched ahead; `was`: what this person said of it and took back. */
export function showFirst(item, was = null) {
  state.over = false;
  state.next = state.next.filter((next) => next.item !== item.item);
  if (state.item && state.item.item !== item.item) state.next.unshift(state.item);
  show(item, was);
}

function draw() {
  if (!state.place?.isConnected) return;
  if (state.item) {
    state.place.replaceChildren(itemView(state.item, state, doing));
    toTheQuery();
  } else state.place.replaceChildren(h("section", { class: "empty" }, h("h1", { tabindex: "-1", id: "asked" }, t(state.over ? "done" : "loading")), state.over && h("p", {}, t("done_hint"))));
}

function show(item, was = null) {
  Object.assign(state, { item, was, mode: "pick", marked: new Set(), added: [] });
  watch = { seen: 0, since: document.hidden ? 0 : performance.now() };
  draw();
  focusOn("#asked");
  scrollTo(0, 0);
}

const ABOVE_PX = 72;

/** Scroll a long conversation so that the query's turns are in view, with a little of what came before. */
function toTheQuery() {
  const around = $(".conversation");
  const asked = around.querySelector(".asked");
  if (asked) around.scrollTop += asked.getBoundingClientRect().top - around.getBoundingClientRect().top - ABOVE_PX;
}

function focusOn(selector) {
  if (!document.querySelector("dialog[open]")) $(selector)?.focus({ preventScroll: true });
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    watch.seen += watch.since ? performance.now() - watch.since : 0;
    watch.since = 0;
  } else watch.since = performance.now();
});

const seconds = () => (watch.seen + (watch.since ? performance.now() - watch.since : 0)) / 1000;

async function fill() {
  const pending = pendingItems();
  const have = [...pending, ...state.next.map((item) => item.item), ...(state.item ? [state.item.item] : [])];
  const found = await get("/api/items", { count: AHEAD + pending.length, have: [...new Set(have)].join(",") });
  const known = new Set([...pendingItems(), ...state.next.map((item) => item.item), state.item?.item]);
  if (state.generation !== null && state.generation !== found.generation) state.next = [];
  state.generation = found.generation;
  state.next.push(...found.items.filter((item) => !known.has(item.item)));
  return found.items.length;
}

/** Fetch ahead; one request at a time. */
function fillSoon() {
  filling ??= fill().finally(() => (filling = null));
  return filling;
}

async function advance() {
  const item = state.next.shift();
  if (item) {
    show(item);
    fillSoon().catch(away);
    return;
  }
  state.item = null;
  draw();
  try {
    await fillSoon();
    // What was fetched may have been asked for before the last answer arrived.
    if (!state.next.length) await flushed().then(fillSoon);
  } catch (error) {
    away(error);
    setTimeout(() => state.item || advance(), 3000);
    return;
  }
  if (state.next.length) show(state.next.shift());
  else {
    state.over = true;
    draw();
    focusOn("#asked");
  }
}

function away(error) {
  alarm(error.message, 6);
}

/** One decision: saved in the background, the next item at once. */
function decide(what, more, words) {
  const item = state.item;
  send("/api/answers", {
    act: newAct(), item: item.item, what, turns: item.turns, seconds: Math.round(seconds() * 10) / 10,
    candidates: item.offers.map((offer) => offer.entry), suggested: item.suggested, why: item.why, audit: item.audit,
    ...more,
  });
  say(words);
  did(words, { seconds: seconds(), undo: doing.undo });
  advance();
}

const offers = () => [...state.item.offers, ...state.added];

const act = {
  choose(place) {
    const offer = offers()[place];
    if (!offer) return;
    if (state.mode === "several") {
      if (!state.marked.delete(offer.entry)) state.marked.add(offer.entry);
      draw();
      say(`${offer.question} ${state.marked.has(offer.entry) ? t("marked") : ""}`);
    } else act.pick(offer);
  },
  pick(offer) {
    decide("pick", { entries: [offer.entry] }, t("picked", { question: offer.question }));
  },
  none() {
    state.mode = "reason";
    draw();
    focusOn("#why-none");
  },
  reason(name) {
    decide("none", { reason: name }, t("said_none", { reason: reason(name) }));
  },
  skip() {
    decide("skip", {}, t("skipped"));
  },
  async flag() {
    const note = await flagDialog();
    if (note !== null) decide("flag", { note }, t("flagged"));
  },
  several() {
    state.mode = "several";
    draw();
    focusOn("#asked");
    say(t("several_mode"));
  },
  saveSeveral() {
    if (state.marked.size) decide("pick", { entries: [...state.marked] }, t("picked_several", { n: state.marked.size }));
  },
  back() {
    Object.assign(state, { mode: "pick", marked: new Set(), added: [] });
    draw();
    focusOn("#asked");
  },
  async search() {
    const offer = await searchDialog();
    if (!offer) return;
    if (state.mode !== "several") return act.pick(offer);
    if (!offers().some((known) => known.entry === offer.entry)) state.added.push(offer);
    state.marked.add(offer.entry);
    draw();
  },
  async undo() {
    await flushed();
    again(await post("/api/undo", { act: newAct() }));
  },
  async recent() {
    await flushed();
    const of = await recentDialog();
    if (of) again(await post("/api/undo", { act: newAct(), of }));
  },
  full() {
    state.full = !state.full;
    localStorage.setItem(FULL, state.full ? "yes" : "no");
    draw();
  },
  moreTurns: () => turns(state.item.turns >= state.item.most_turns ? 1 : state.item.turns + 1),
  fewerTurns: () => turns(state.item.turns <= 1 ? state.item.most_turns : state.item.turns - 1),
  propose: () => proposeDialog(state.item),
  same: () => sameDialog(state.item),
};

/** Show the item of an answer that was taken back. */
function again({ item, was }) {
  if (!item) {
    say(t("nothing_to_undo"));
    alarm(t("nothing_to_undo"), 3);
    return;
  }
  showFirst(item, was);
  say(t("undone"));
  did(t("undone"), { count: -1 });
}

async function turns(count) {
  if (state.item.most_turns < 2) return;
  const item = state.item;
  const other = await get("/api/item", { item: item.item, why: item.why, turns: count });
  if (state.item !== item) return;
  state.item = { ...other, said: item.said };
  draw();
  focusOn("#asked");
  say(other.text);
}

/** What a key does here; false for those that do nothing. Never called while an input method is composing. */
function key(event) {
  const name = event.key;
  if ((event.ctrlKey || event.metaKey) && name === "z") return run(act.undo);
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  if (name === "u") return run(act.undo);
  if (name === "h") return run(act.recent);
  if (!state.item) return false;
  const digit = /^[0-9]$/.test(name) ? Number(name) : null;
  if (state.mode === "reason") {
    if (digit !== null && REASON_KEYS[digit - 1]) return run(() => act.reason(REASON_KEYS[digit - 1]));
    return name === "Escape" ? run(act.back) : false;
  }
  if (digit > 0) return digit <= offers().length ? run(() => act.choose(digit - 1)) : false;
  if (name === "/") return run(act.search);
  if (state.mode === "several") {
    if (name === "Escape" || name === "m") return run(act.back);
    if (name === "Enter" && document.activeElement?.tagName !== "BUTTON") return run(act.saveSeveral);
    return false;
  }
  const does = { 0: act.none, s: act.skip, f: act.flag, m: act.several, e: act.moreTurns, E: act.fewerTurns, p: act.propose, "=": act.same, a: act.full }[name];
  return does ? run(does) : false;
}

/** The same for buttons. */
const doing = Object.fromEntries(Object.entries(act).map(([name, does]) => [name, (...given) => run(() => does(...given))]));

/** Do one thing at a time: a key pressed while a dialog or an undo is on its way does nothing. */
function run(does) {
  if (!busy) {
    busy = true;
    Promise.resolve(does()).catch(away).finally(() => (busy = false));
  }
  return true;
}
