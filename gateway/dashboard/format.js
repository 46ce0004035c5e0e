// Language, numbers and dates. Formatters are made once for each language: making one takes longer than a whole update.

import { WORDS } from "./words.js";

export let words, language;
let made;

export function useLanguage(wanted) {
  language = document.documentElement.lang = wanted;
  words = WORDS[wanted];
  made = new Map();
}

/** The language of the address, the one chosen last, or the first that the browser wishes for. */
export function firstLanguage(query) {
  let chosen = null;
  try { chosen = localStorage.getItem("language"); } catch { /* not allowed here */ }
  const wishes = [query.get("lang"), chosen, ...navigator.languages.map((tag) => tag.split("-")[0])];
  return wishes.find((wish) => wish === "id" || wish === "en") || "id";
}

export function remember(wanted) {
  try { localStorage.setItem("language", wanted); } catch { /* not allowed here */ }
}

/** What `make` returns, which is called once for each `key` and language. */
export function once(key, make) {
  if (!made.has(key)) made.set(key, make());
  return made.get(key);
}

export const number = (value) => once("number", () => new Intl.NumberFormat(language)).format(value);

/** A headline: its thousands are apart by a space, which from far away is not read as a decimal point. */
export const headline = (value) => String(value).replace(/\B(?=(\d{3})+$)/g, "\u202f");

/** Few characters, such as "23,4 rb". */
export const short = (value) => once("short", () =>
  new Intl.NumberFormat(language, { notation: "compact", maximumSignificantDigits: 3 })).format(value);

export const decimal = (value) => once("decimal", () =>
  new Intl.NumberFormat(language, { maximumFractionDigits: 1 })).format(value);

export const decimal2 = (value) => once("decimal2", () =>
  new Intl.NumberFormat(language, { maximumFractionDigits: 2 })).format(value);

export const percent = (value) => once("percent", () =>
  new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 1 })).format(value);

/** "300 Social sciences" of "3"; null is every other class. */
export const classInWords = (main) => (main === null ? words.noClass : `${main}00 ${words.dewey[main]}`);

/** "{a} and {b}" with the values of `a` and `b`. */
export const fillIn = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

// ---- Dates of the library's calendar, such as "2025-09-23", "2025-09", "2025": shown as they stand, without a zone

export const DAY = { weekday: "long", day: "numeric", month: "long", year: "numeric" };
export const DATE = { day: "numeric", month: "short", year: "numeric" };
export const MONTH = { month: "long", year: "numeric" };
export const YEAR = { year: "numeric" };
const CLOCK = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };

const dateFormatter = (options) => once(JSON.stringify(options), () => new Intl.DateTimeFormat(language, options));
export const inWords = (date, options) => dateFormatter({ timeZone: "UTC", ...options }).format(new Date(String(date)));

/** "2025-09" or "2025" in words. */
export const periodInWords = (period) => inWords(period, period.includes("-") ? MONTH : YEAR);

/** 1 (Monday) to 7 of a date such as "2025-09-23". */
export const weekdayOf = (date) => new Date(date).getUTCDay() || 7;
/** A date of that ISO weekday. */
export const someDay = (weekday) => `2024-01-0${weekday}`;
export const dayAfter = (date, days) => new Date(Date.parse(date) + 86400000 * days).toISOString().slice(0, 10);

/** A moment in the zone of this browser: "23 Sep 2025 10.42". */
export const moment = (time) => dateFormatter({ ...DATE, ...CLOCK }).format(time).replace(/,/g, "");
export const clock = (time) => dateFormatter(CLOCK).format(time);
/** "08" of 8 */
export const hourOf = (hour) => String(hour).padStart(2, "0");

/** The date and the hour of a moment in the zone of this browser. */
export function localTime(time) {
  const at = new Date(time);
  const two = (value) => String(value).padStart(2, "0");
  return {
    date: `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`,
    time: `${two(at.getHours())}:${two(at.getMinutes())}`,
    hour: at.getHours() + at.getMinutes() / 60,
  };
}
