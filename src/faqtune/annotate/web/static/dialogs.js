// What opens over the page. Escape closes; Enter saves, unless an input method is composing.

import { newAct } from "./api.js";
import { button, composes, h, say } from "./dom.js";
import { send } from "./outbox.js";
import { searchDialog } from "./search.js";
import { t } from "./words.js";

/** Open a modal dialog; resolves to what `close(value)` was called with, null if it was cancelled. */
export function dialog(title, content, label = null) {
  return new Promise((resolve) => {
    let value = null;
    const before = document.activeElement;
    const element = h("dialog", { "aria-label": title, class: label });
    const close = (result) => {
      value = result;
      element.close();
    };
    element.addEventListener("close", () => {
      element.remove();
      before?.focus({ preventScroll: true });
      resolve(value);
    });
    // Escape while composing belongs to the input method.
    element.addEventListener("keydown", (event) => composes(event) && event.stopPropagation(), true);
    element.append(h("h2", {}, title), ...[content(close)].flat());
    document.body.append(element);
    element.showModal();
    element.querySelector("[autofocus]")?.focus();
  });
}

function form(fields, close, read) {
  const save = (event) => {
    event.preventDefault();
    const value = read();
    if (value !== undefined) close(value);
  };
  const made = h(
    "form",
    { onsubmit: save, novalidate: true },
    fields,
    h("p", { class: "row" }, h("button", { type: "submit", class: "go", "aria-keyshortcuts": "Enter" }, t("save"), " ", h("kbd", {}, "Enter")), button(t("cancel"), "Esc", () => close(null))),
  );
  made.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || composes(event)) {
      if (event.key === "Enter") event.preventDefault();
      return;
    }
    // A line break in a longer text is Shift+Enter.
    if (event.target.tagName === "TEXTAREA" && !event.shiftKey) save(event);
  });
  return made;
}

let fieldNumber = 0;

function field(label, input) {
  input.id ||= `field-${(fieldNumber += 1)}`;
  return h("p", { class: "field" }, h("label", { for: input.id }, label), input);
}

/** The note, or null. */
export function flagDialog() {
  return dialog(t("flag_title"), (close) => {
    const note = h("textarea", { rows: "3", maxlength: "2000", autofocus: true });
    return form([h("p", { class: "quiet" }, t("flag_hint")), field(t("note"), note)], close, () => note.value);
  });
}

/** A field that holds an entry, chosen among those of the item or by searching. */
function entryField(label, offers) {
  const chosen = h("select", {}, h("option", { value: "" }, "–"), offers.map((offer) => h("option", { value: offer.entry }, offer.question)));
  const find = button(t("search"), null, async () => {
    const offer = await searchDialog();
    if (!offer) return;
    if (![...chosen.options].some((option) => option.value === offer.entry)) chosen.append(h("option", { value: offer.entry }, offer.question));
    chosen.value = offer.entry;
  });
  const made = field(label, chosen);
  made.append(find);
  return [made, chosen];
}

export function proposeDialog(item) {
  return dialog(t("propose_title"), (close) => {
    const kinds = [["question", t("propose_question")], ["entry", t("propose_entry")]].map(([value, label], place) => {
      const input = h("input", { type: "radio", name: "what", value, checked: place === 0, onchange: () => toggle() });
      return [h("label", { class: "choice" }, input, " ", label), input];
    });
    const [entryPart, entry] = entryField(t("entry"), item?.offers ?? []);
    const question = h("input", { type: "text", maxlength: "500", autofocus: true, required: true });
    if (item) question.value = item.text.slice(0, 500);
    const answer = h("textarea", { rows: "3", maxlength: "5000" });
    const answerPart = field(t("answer"), answer);
    const note = h("input", { type: "text", maxlength: "2000" });
    const what = () => kinds.find(([, input]) => input.checked)[1].value;
    const toggle = () => {
      entryPart.hidden = what() !== "question";
      answerPart.hidden = what() !== "entry";
    };
    toggle();
    return form([h("p", { class: "row" }, kinds.map(([label]) => label)), entryPart, field(t("standard_question"), question), answerPart, field(t("note"), note)], close, () => {
      if (!question.value.trim()) return void question.focus();
      if (what() === "question" && !entry.value) return void entry.focus();
      send("/api/proposals", { act: newAct(), what: what(), entry: what() === "question" ? entry.value : "", question: question.value, answer: what() === "entry" ? answer.value : "", note: note.value, query: (item?.text ?? "").slice(0, 2000) });
      say(t("proposed"));
      return true;
    });
  });
}

export function sameDialog(item) {
  return dialog(t("same_title"), (close) => {
    const [onePart, one] = entryField(t("first_entry"), item.offers);
    const [otherPart, other] = entryField(t("second_entry"), item.offers);
    const note = h("input", { type: "text", maxlength: "2000" });
    one.autofocus = true;
    return form([h("p", { class: "quiet" }, t("same_hint")), onePart, otherPart, field(t("note"), note)], close, () => {
      if (!one.value) return void one.focus();
      if (!other.value || other.value === one.value) return void other.focus();
      send("/api/same", { act: newAct(), entries: [one.value, other.value], note: note.value });
      say(t("reported"));
      return true;
    });
  });
}

const KEYS = [["1 – 5", "key_pick"], ["0", "key_none"], ["/", "key_search"], ["m", "key_several"], ["s", "key_skip"], ["f", "key_flag"], ["u", "key_undo"], ["h", "key_recent"], ["a", "key_full"], ["e", "key_turns"], ["p", "key_propose"], ["=", "key_same"], ["?", "key_help"]];

export function helpDialog() {
  return dialog(t("keys_title"), (close) => [
    h("dl", { class: "keys" }, KEYS.map(([key, word]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, t(word))])),
    h("p", { class: "row" }, button(t("close"), "Esc", () => close(null), { class: "main", autofocus: true })),
  ]);
}
