// The view for a television in the lobby: today's number, and panels that take turns.

import { byId, element, mark, root, worded, write } from "./document.js";
import { clock, inWords, localTime } from "./format.js";
import { serverNow } from "./figures.js";
import { addHoursToday, addNewTitles, addSeries, addUsual } from "./panels.js";
import { RANKINGS, addRows } from "./rankings.js";
import { addToday, showToday, startToday } from "./today.js";
import { start } from "./start.js";

const TURN = 12000;
const ROWS = 5;

const now = element("section", { id: "now", "aria-labelledby": "now-head" });
addToday(now);
addUsual(now.appendChild(element("div", { id: "compared" })));

const turns = element("section", { id: "turns" });
function panel(word, add) {
  const node = element("section", { class: "turn" }, worded("h2", word));
  turns.append(node);
  add(node);
}
panel("notices", (node) => node.append(element("div", { id: "notices-info", class: "rows" })));
panel("hoursToday", addHoursToday);
panel("fresh", (node) => addNewTitles(node, ROWS));
panel("weekly", (node) => addSeries(node, "weekly", { hasLoans: false, isLying: true }));
for (const { name, unit, tabs } of RANKINGS.slice(0, 3)) panel(name, (node) => addRows(node, tabs.month, unit, undefined, ROWS));
turns.append(element("div", { class: "progress", "aria-hidden": "true" }));

document.body.append(
  element("header", {}, element("img", { id: "logo", alt: "", hidden: "" }), element("p", { id: "library" }), element("p", { id: "clock" })),
  element("div", { id: "notices", role: "region", hidden: "" }),
  element("main", {}, now, turns),
  element("footer", {}, element("p", { id: "opening" }), element("p", { id: "clock-date" })),
  element("div", { id: "closed" }, element("p", { id: "closed-name" }), element("p", { id: "closed-clock" }), element("p", { id: "closed-opening" })),
);

const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
let turn = -1;
const hasContent = (each) => Boolean(each.querySelector(".row, .column"));
function next() {
  const all = [...turns.querySelectorAll(".turn")];
  const after = [...all.slice(turn + 1), ...all.slice(0, turn + 1)];
  const shown = after.find(hasContent) || turns.querySelector("[data-figure]");
  turn = all.indexOf(shown);
  all.forEach((each) => mark(each, "data-shown", each === shown ? "" : null));
  // A new node begins its animation anew.
  const progress = turns.querySelector(".progress");
  progress.replaceWith(progress.cloneNode());
}

/** The clock, and the place of everything: over hours it drifts by a few pixels, so that nothing burns in. */
function tick() {
  const time = serverNow();
  const { date } = localTime(time);
  write(byId("clock"), clock(time));
  write(byId("clock-date"), inWords(date, { weekday: "long", day: "numeric", month: "long" }));
  write(byId("closed-clock"), clock(time));
  write(byId("closed-name"), byId("library").textContent);
  write(byId("closed-opening"), byId("opening").textContent);
  const shown = turns.querySelector("[data-shown]");
  if (!hasContent(shown) && turns.querySelector(".row, .column")) next();
  const minutes = time / 60000;
  root.style.setProperty("--drift-x", `${Math.round(4 * Math.sin(minutes / 7))}px`);
  root.style.setProperty("--drift-y", `${Math.round(4 * Math.sin(minutes / 11))}px`);
}

next();
start(() => { showToday(); tick(); });
startToday();
if (!isStill) setInterval(next, TURN);
setInterval(tick, 1000);
