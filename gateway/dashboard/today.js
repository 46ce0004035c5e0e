// Today's count: it comes from live.js, by way of the shared worker (shared.js) where there are such, and is shown at #today.

import { DAY, headline, inWords, moment, number, words } from "./format.js";
import { byId, element, mark, root, worded, write, writeLarge } from "./document.js";
import { gateway, learnTime, readChanged } from "./figures.js";
import { reloadIfUpgraded } from "./upgrade.js";
import { live } from "../live.js";

// { total, date, at }, while it is valid
let count = null;
// The last that was valid, unless it ended with its day.
let last = null;
let state = "connecting";
let wasLive = false;
let longestLife = 0;
// When the count was made that expires at the library's midnight.
let lastOfDay = "";
const listeners = [];

/** The latest counts of today and of yesterday, by their dates. */
export const countByDate = new Map();
export const todaysCount = () => count;
/** Calls `listener` when today's count or its date changes. */
export const onTotal = (listener) => listeners.push(listener);

/** The heading, the number, and what is said of them. */
export function addToday(section) {
  section.append(
    element("div", { class: "head" }, worded("h1", "today", { id: "now-head" }), element("p", { id: "connection", role: "status" })),
    element("p", { id: "today", "data-fit": "" }, "–"),
    element("p", { id: "date" }),
    element("p", { id: "today-note" }),
    element("p", { id: "spoken", class: "unseen", role: "status" }),
  );
}

export function showToday() {
  mark(root, "data-connection", state);
  write(byId("connection"), words[state]);
  write(byId("date"), count ? inWords(count.date, DAY) : "");
  const why = { connecting: "connecting", live: "counting", polling: "counting", lost: "unknown" }[state];
  write(byId("today-note"), count ? "" : last ? `${words.lastKnown}: ${moment(Date.parse(last.at))}` : words[why]);
  showTotal();
  showTitle();
}

/** All that changes with each visit. */
function showTotal() {
  const today = byId("today");
  mark(today, "data-total", count && count.total);
  mark(today, "data-last", count || !last ? null : last.total);
  const shown = count || last;
  writeLarge(today, shown ? headline(shown.total) : "–");
}

function showTitle() {
  const title = count ? `${number(count.total)} · ${words.today}` : words.today;
  if (document.title !== title) document.title = title;
}

function onCount(next) {
  const before = count;
  if (next) {
    if (next.expires_at) {
      longestLife = Math.max(longestLife, next.life);
      learnTime(next.at);
      // It lives shorter than others.
      if (next.life < 0.95 * longestLife) lastOfDay = next.at;
    }
    last = next.at === lastOfDay ? null : next;
    countByDate.set(next.date, next.total);
    if (countByDate.size > 2) countByDate.delete(countByDate.keys().next().value);
  }
  count = next;
  if (!before || !next || before.date !== next.date) showToday();
  else if (before.total === next.total) return;
  else showTotal();
  if (next) listeners.forEach((listener) => listener());
}

function onState(next) {
  if (next === "live" && wasLive) {
    // A gateway was away, or a browser has restarted the shared worker, which then has forgotten that it heard nothing.
    reloadIfUpgraded();
    readChanged(null);
  }
  wasLive = wasLive || next === "live";
  state = next;
  showToday();
}

/** The title costs as much as all the rest, so that it does not follow each visit. */
const TITLE_INTERVAL = 5000;
/** To screen readers, once a minute if it has changed. */
const speak = () => { if (count) write(byId("spoken"), `${words.today}: ${number(count.total)}`); };

// ---- The connection

const alone = () => live(gateway, { onCount, onState, onChange: readChanged });

/** By the shared worker, which all tabs have in common. `fail` is called when it does not work. */
function shared(fail) {
  let isModule = false;
  // Its address carries the version: a new page does not meet an old worker.
  const worker = new SharedWorker(`dashboard/shared.js?${root.dataset.version}`, {
    name: gateway, get type() { isModule = true; return "module"; },
  });
  if (!isModule) throw new Error("shared workers cannot be modules here");

  const calls = { onCount, onState, onChange: readChanged };
  const ageOf = ({ wall, steady }) => Math.max(Date.now() - wall, performance.timeOrigin + performance.now() - steady);
  const hasExpired = ({ value, made }, grace = 0) => value !== null && ageOf(made) > value.life + grace;
  // The latest call of onCount.
  let latest = null;
  let timer = null;
  function takeLatest() {
    timer = null;
    if (!hasExpired(latest)) onCount(latest.value);
  }
  worker.port.onmessage = ({ data }) => {
    if (data.name !== "onCount") return calls[data.name](data.value);
    latest = data;
    // A tab that was frozen gets at once all that it has missed.
    if (timer === null) timer = setTimeout(takeLatest, 0);
  };
  const watch = setInterval(() => {
    // The worker would have said so.
    if (count && latest && hasExpired(latest, 2000)) end();
  }, 1000);
  function end() {
    clearInterval(watch);
    worker.port.onmessage = null;
    onCount(null);
    fail();
  }
  worker.onerror = end;
  return () => {
    clearInterval(watch);
    worker.port.postMessage("goodbye");
  };
}

function connect() {
  let stop;
  const goAlone = () => { stop = alone(); };
  try {
    stop = shared(goAlone);
  } catch (error) {
    // There are none here, or they are not allowed.
    goAlone();
  }
  addEventListener("pagehide", () => stop());
  addEventListener("pageshow", ({ persisted }) => { if (persisted) location.reload(); });
}

export function startToday() {
  showToday();
  connect();
  setInterval(showTitle, TITLE_INTERVAL);
  setInterval(speak, 60000);
}
