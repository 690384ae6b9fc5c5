// Elements without markup: every text becomes a text node, so nothing that a customer wrote is ever read as HTML.

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes, `on…` listeners and children (elements or texts; null and false are passed over). */
export function h(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function s(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const $ = (selector) => document.querySelector(selector);

/** A button that shows the key which does the same. */
export function button(label, key, onclick, attributes = {}) {
  const shortcut = key ? { "aria-keyshortcuts": key } : {};
  return h("button", { type: "button", onclick, ...shortcut, ...attributes }, label, key ? " " : null, key && h("kbd", {}, key));
}

/** Say something to those who do not see the page change. */
export function say(text) {
  $("#said").textContent = text;
}

let alarmEnds = 0;

/** Say something that everybody must see, for some seconds; "" takes it away. */
export function alarm(text, seconds = 12) {
  $("#alarm").replaceChildren(text ? h("p", {}, text) : "");
  clearTimeout(alarmEnds);
  if (text && seconds) alarmEnds = setTimeout(() => alarm(""), seconds * 1000);
}

/** Whether a key press belongs to an input method that is still composing: it never does anything here. */
export const composes = (event) => event.isComposing || event.keyCode === 229;
