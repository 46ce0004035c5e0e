// Who the library is, and when it is open: api/library, which the operator writes (LIBRARY_FILE).

import { clock, dayAfter, fillIn, inWords, localTime, someDay, weekdayOf, words } from "./format.js";
import { byId, element, mark, query, root, write } from "./document.js";
import { learnTime, serverNow, urlOf } from "./figures.js";

let library = {};
const listeners = [];
export const onLibrary = (listener) => listeners.push(listener);
export const libraryInfo = () => library;
export const nameOf = () => (query.get("name") || "").slice(0, 80) || library.name || words.library;

/** Reads it now, and again every minute. */
export async function readLibrary() {
  setTimeout(readLibrary, 60000);
  const answer = await fetch(urlOf("api/library"), { cache: "no-cache" }).catch(() => null);
  if (!answer || answer.status !== 200) return;
  learnTime(answer.headers.get("Date"));
  const read = await answer.json().catch(() => null);
  if (!read || JSON.stringify(read) === JSON.stringify(library)) return;
  library = read;
  showLibrary();
}

/** Shows the name, the logo, the subtitle, the notices and the opening hours where the page has a place for them. */
export function showLibrary() {
  const places = { library: nameOf(), subtitle: library.subtitle || "", opening: openingText() };
  for (const [id, text] of Object.entries(places)) if (byId(id)) write(byId(id), text);
  const logo = byId("logo");
  if (logo) {
    logo.hidden = !library.logo;
    if (library.logo) mark(logo, "src", urlOf("logo"));
  }
  const alerts = byId("notices-info") ? currentNotices().filter(isAlert) : currentNotices();
  showNotices(byId("notices"), alerts, "p");
  showNotices(byId("notices-info"), currentNotices().filter((notice) => !isAlert(notice)), "div");
  mark(root, "data-alert", alerts.some(isAlert) ? "" : null);
  mark(root, "data-closed", opening().isOpen === false ? "" : null);
  listeners.forEach((listener) => listener());
}

const isAlert = ({ level }) => level === "alert";

/** The notices of today; alerts come first. */
function currentNotices() {
  const { date } = localTime(serverNow());
  const current = (library.notices || []).filter(({ from, until }) => (!from || from <= date) && (!until || until >= date));
  return [...current.filter(isAlert), ...current.filter((notice) => !isAlert(notice))];
}

function showNotices(node, notices, tag) {
  if (!node || node.dataset.notices === JSON.stringify(notices)) return;
  node.dataset.notices = JSON.stringify(notices);
  node.textContent = "";
  node.append(...notices.map((notice) => element(tag, { class: isAlert(notice) ? "row alert" : "row" }, notice.text)));
  node.hidden = notices.length === 0;
}

export const isClosedDay = (date) => (library.closed || []).some((day) => day.date === date);
const hoursOf = (date) => (isClosedDay(date) ? [] : (library.hours || []).filter(({ weekday }) => weekday === weekdayOf(date)));

/** `{ isOpen, until }`, or `{ isOpen: false, opens: { date, time }, reason }`; `{}` where no hours are known. */
export function opening() {
  if (!library.hours || library.hours.length === 0) return {};
  const { date, time } = localTime(serverNow());
  const now = hoursOf(date).find(({ open, close }) => open <= time && time < close);
  if (now) return { isOpen: true, until: now.close };
  const closedDay = (library.closed || []).find((day) => day.date === date);
  const later = ({ open }) => open > time;
  for (let days = 0; days < 60; days += 1) {
    const day = dayAfter(date, days);
    const spans = hoursOf(day).filter((span) => days > 0 || later(span)).map(({ open }) => open).sort();
    if (spans.length > 0) return { isOpen: false, opens: { date: day, time: spans[0], isToday: days === 0 }, reason: closedDay && closedDay.reason };
  }
  return { isOpen: false, reason: closedDay && closedDay.reason };
}

function openingText() {
  const { isOpen, until, opens, reason } = opening();
  if (isOpen === undefined) return "";
  const shown = (time) => time.replace(":", clock(0).includes(".") ? "." : ":");
  if (isOpen) return fillIn(words.openUntil, { time: shown(until) });
  const closed = reason ? fillIn(words.closedFor, { reason }) : words.closedNow;
  if (!opens) return closed;
  const day = inWords(someDay(weekdayOf(opens.date)), { weekday: "long" });
  return `${closed}. ${fillIn(opens.isToday ? words.opensToday : words.opens, { day, time: shown(opens.time) })}`;
}
