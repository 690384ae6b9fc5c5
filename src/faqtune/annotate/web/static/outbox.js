// Answers on their way. Kept in the browser until the server has acknowledged them, sent in order, again and again:
// each carries its act's id, so that the server writes it once however often it comes.

import { by, newAct, post } from "./api.js";

const PREFIX = `faqtune-outbox-${by}-`;
const LONGEST_PAUSE_MS = 15000;
const mine = PREFIX + newAct();

let waiting = [];
let sending = null;
let listeners = [];
let failure = null;

/** Told of every change: how many wait, and the last failure or null. */
export const onChange = (listener) => listeners.push(listener);

function changed() {
  if (waiting.length) localStorage.setItem(mine, JSON.stringify(waiting));
  else localStorage.removeItem(mine);
  for (const listener of listeners) listener(waiting.length, failure);
}

/** Items of answers that have not been acknowledged. */
export const pendingItems = () => waiting.map((letter) => letter.body.item).filter(Boolean);

export function send(path, body) {
  waiting.push({ path, body });
  changed();
  sending ??= deliver();
  return sending;
}

/** Until everything has been acknowledged. */
export const flushed = () => sending ?? Promise.resolve();

async function deliver() {
  let pause = 500;
  while (waiting.length) {
    const { path, body } = waiting[0];
    try {
      await post(path, body);
      waiting.shift();
      pause = 500;
      failure = null;
      changed();
    } catch (error) {
      if (error.status === 400) {
        // Asking again would not help, and must not hold up the others.
        waiting.shift();
        failure = error;
        changed();
        failure = null;
        continue;
      }
      failure = error;
      changed();
      await new Promise((done) => setTimeout(done, pause));
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
    }
  }
  sending = null;
}

/** Take up what a tab left that was closed, or that is still open: sending something twice does no harm. */
export function takeUp() {
  for (const key of Object.keys(localStorage)) {
    if (!key.startsWith(PREFIX) || key === mine) continue;
    waiting.push(...JSON.parse(localStorage.getItem(key) || "[]"));
    localStorage.removeItem(key);
  }
  if (waiting.length) {
    changed();
    sending ??= deliver();
  }
}

window.addEventListener("beforeunload", (event) => {
  if (waiting.length) event.preventDefault();
});
