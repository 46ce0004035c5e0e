// The figures: each snapshot is read once, however many panels show it. Named as its path is: visitors:monthly:top is at
// api/visitors/monthly/top.

import { moment, words } from "./format.js";
import { element, mark, write } from "./document.js";

const meta = document.querySelector("meta[name=gateway]");
/** Where the gateway is. A copy of the dashboard on another server names it in its `<meta name="gateway">`. */
export const gateway = new URL(meta.content || ".", location.href).href;
export const urlOf = (path) => new URL(path, gateway).href;
export const pathOf = (name) => `api/${name.split(":").join("/")}`;

const figures = new Map();
const panels = [];
let readingAll;

/** The snapshot with this name, or null. */
export function snapshotOf(name) {
  const figure = figures.get(name);
  return figure ? figure.snapshot : null;
}
/** The `data` of the snapshot with this name, or null. */
export function dataOf(name) {
  const snapshot = snapshotOf(name);
  return snapshot && snapshot.data;
}

/**
 * Calls `draw` when one of the figures `names` has changed. `section` shows the state and the age of the first.
 * With `isOptional` it is hidden while that has no rows: not every library has them.
 */
export function addPanel(section, names, draw, { isOptional = false } = {}) {
  const foot = section.appendChild(element("p", { class: "foot quiet" }, element("span", {}), element("time", {})));
  mark(section, "data-figure", names[0]);
  const panel = { section, names, draw, foot, isOptional };
  panels.push(panel);
  for (const name of names) {
    if (!figures.has(name)) figures.set(name, { name, text: null, snapshot: null, turn: 0, timer: 0 });
  }
}

function show(panel) {
  const { section, names, isOptional } = panel;
  const snapshot = snapshotOf(names[0]);
  mark(section, "data-generated-at", snapshot ? snapshot.generated_at : null);
  if (isOptional) section.hidden = !snapshot || !snapshot.data.length;
  panel.draw();
  showAge(panel);
}

function showAge({ section, names, foot }) {
  const snapshot = snapshotOf(names[0]);
  const age = snapshot && serverNow() - Date.parse(snapshot.generated_at);
  const state = !snapshot ? "warming" : age > snapshot.ttl_seconds * 1000 ? "stale" : "fresh";
  mark(section, "data-state", state);
  const [label, time] = foot.children;
  write(label, `${words[{ warming: "warming", stale: "outdated", fresh: "updated" }[state]]} `);
  mark(time, "datetime", snapshot ? snapshot.generated_at : null);
  write(time, snapshot ? moment(Date.parse(snapshot.generated_at)) : "");
}

/** Draws everything anew, as in another language. */
export const showAll = () => panels.forEach(show);
export const showAges = () => panels.forEach(showAge);
/** Draws the panels that show `name`. */
export const redraw = (name) => panels.filter(({ names }) => names.includes(name)).forEach(show);

/** Reads the figure of a path such as "/api/visitors/weekly"; all figures, within some seconds, if there is none. */
export function readChanged(path) {
  if (path) {
    const figure = figures.get(path.replace("/api/", "").split("/").join(":"));
    if (figure) read(figure);
  } else {
    // Whoever has lost the same gateway would ask the next at the same moment.
    clearTimeout(readingAll);
    readingAll = setTimeout(readAll, 4000 * Math.random());
  }
}
export const readAll = () => figures.forEach(read);

async function read(figure) {
  clearTimeout(figure.timer);
  const turn = ++figure.turn;
  // Seconds until it is asked for again, should this fail.
  let wait = 10;
  try {
    const answer = await fetch(urlOf(pathOf(figure.name)), { cache: "no-cache" });
    const text = await answer.text();
    if (turn !== figure.turn) return;
    learnTime(answer.headers.get("Date"));
    if (answer.status === 200) return take(figure, text);
    if (answer.status === 202) {
      take(figure, "null");
      // The stream tells when it is ready.
      wait = 30;
    } else if (answer.status === 404) {
      // This gateway is too old to know it.
      return;
    }
  } catch (error) {
    // No connection, or what came is not JSON.
  }
  if (turn === figure.turn) figure.timer = setTimeout(read, wait * 1000 * (0.5 + Math.random()), figure);
}

function take(figure, text) {
  if (text === figure.text) return;
  figure.snapshot = JSON.parse(text);
  figure.text = text;
  redraw(figure.name);
}

// The server's time when performance.now() was 0. The clock of a PC may be wrong, and in libraries it often is.
let epoch = Date.now() - performance.now();
export const serverNow = () => epoch + performance.now();
export function learnTime(text) {
  const time = Date.parse(text);
  if (time) epoch = time - performance.now();
}
