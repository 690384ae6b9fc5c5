// Talking to the server. Reads fail at once; writes go through the outbox, which does not give up.

import { language, t } from "./words.js";

const meta = (name) => document.querySelector(`meta[name="${name}"]`).content;

export const by = meta("by");
export const people = Number(meta("people"));

/** What went wrong, in the language of whenever it is read. */
export class Failed extends Error {
  constructor(status, said) {
    // Without a text: that would stand before the getter below.
    super();
    this.status = status;
    this.said = said;
  }

  get message() {
    return inBoth(this.said);
  }
}

/** A problem and the next step as one text: `said` has them in English, and in Chinese under `zh`. */
export function inBoth(said) {
  const { error, next } = language === "zh" && said.zh ? said.zh : said;
  if (!next) return error;
  return language === "zh" ? `${error}。${next}` : `${error}. Next: ${next}`;
}

async function answered(request) {
  let response;
  try {
    response = await request;
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Failed(0, { error: t("server_away") });
  }
  if (response.ok) return response.json();
  const said = await response.json().catch(() => ({}));
  throw new Failed(response.status, said.error ? said : { error: t("server_failed", { status: response.status }) });
}

export function get(path, query = {}, signal = undefined) {
  const asked = new URLSearchParams(query).toString();
  return answered(fetch(asked ? `${path}?${asked}` : path, { signal, credentials: "same-origin" }));
}

export function post(path, body) {
  const headers = { "content-type": "application/json", "x-csrf-token": meta("csrf") };
  return answered(
    fetch(path, { method: "POST", headers, body: JSON.stringify(body), credentials: "same-origin", keepalive: true }),
  );
}

/** The id of one act. Not crypto.randomUUID: pages over plain http from another machine do not have it. */
export function newAct() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
