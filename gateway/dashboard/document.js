// The document. What has not changed is not touched: nothing flickers, and screen readers stay quiet.

export const root = document.documentElement;
export const query = new URLSearchParams(location.search);
export const byId = (id) => document.getElementById(id);

export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function mark(node, attribute, value) {
  if (value === null || value === undefined) node.removeAttribute(attribute);
  else if (node.getAttribute(attribute) !== String(value)) node.setAttribute(attribute, value);
}

export function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) mark(made, attribute, value);
  made.append(...children);
  return made;
}

export function replaceChildren(node, children) {
  node.textContent = "";
  node.append(...children);
}

/** A text that depends on the language; `setWords` writes it. */
export const worded = (name, word, attributes = {}, ...children) => element(name, { ...attributes, "data-word": word }, ...children);

export function setWords(words) {
  for (const node of document.querySelectorAll("[data-word]")) write(node, words[node.dataset.word]);
}

const pen = document.createElement("canvas").getContext("2d");
const sizes = new Map();
const room = self.ResizeObserver && new ResizeObserver((entries) => entries.forEach(({ target }) => fit(target)));

/** Writes a number as large as there is room for, up to its `--largest`. */
export function writeLarge(node, text) {
  if (node.textContent === text) return;
  node.textContent = text;
  // All digits are of one width: it keeps its size while it grows.
  const shape = text.replace(/\d/g, "0");
  if (sizes.get(node) === shape) return;
  if (!sizes.has(node) && room) room.observe(node.parentNode);
  sizes.set(node, shape);
  fit(node.parentNode);
}

function fit(parent) {
  for (const node of parent.querySelectorAll("[data-fit]")) {
    if (!sizes.has(node)) continue;
    node.style.fontSize = "";
    const { fontFamily, fontWeight, fontSize } = getComputedStyle(node);
    pen.font = `${fontWeight} 100px ${fontFamily}`;
    const widest = (parent.clientWidth * 100) / pen.measureText(sizes.get(node)).width;
    if (widest < parseFloat(fontSize)) node.style.fontSize = `${Math.floor(widest)}px`;
  }
}
