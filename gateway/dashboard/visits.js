// What follows from the series of visits: the live count in week, month and year, the usual of this hour, the same days of
// last year. It does not touch the document.

import { dayAfter, localTime, weekdayOf } from "./format.js";
import { dataOf, serverNow } from "./figures.js";
import { countByDate, todaysCount } from "./today.js";

/** What has been counted since the snapshots were made: [date, visits more than they hold]. */
function visitsSince(days) {
  const known = new Map(days.map(({ date, total }) => [date, total]));
  const last = days[days.length - 1];
  return [...countByDate]
    .filter(([date]) => date >= last.date)
    .map(([date, total]) => [date, total - (known.get(date) || 0)]);
}

/** The same of loans, from the desk's figures, which are made each minute. */
function loansSince(days) {
  const [count, desk, last] = [todaysCount(), dataOf("books:circulation"), days[days.length - 1]];
  return count && desk && last.date === count.date ? [[last.date, desk.lent_today - last.total]] : [];
}

const KEY_OF = { date: (date) => date, month: (date) => date.slice(0, 7), year: (date) => Number(date.slice(0, 4)) };

/** `rows` with what has come `since`, in its day, month or year (`field`). After midnight its day may not be among them yet. */
function withMore(rows, field, since) {
  let result = rows.slice();
  for (const [date, more] of since) {
    const key = KEY_OF[field](date);
    const at = result.findIndex((row) => row[field] === key);
    if (at >= 0) {
      result[at] = { ...result[at], total: result[at].total + more };
    } else if (key > result[result.length - 1][field]) {
      result = [...result.slice(1).map((row) => ({ ...row, partial: false })), { [field]: key, total: more, partial: true }];
    }
  }
  return result;
}

/** The rows of visitors:weekly, monthly or yearly with the live count, [] while there are none. */
export function visitsWithToday(name, field) {
  const [rows, days] = [dataOf(name), dataOf("visitors:weekly")];
  return rows && days ? withMore(rows, field, visitsSince(days)) : rows || [];
}

/** The rows of books:loans:weekly, monthly or yearly with today's loans, [] while there are none. */
export function loansWithToday(name, field) {
  const [rows, days] = [dataOf(name), dataOf("books:loans:weekly")];
  return rows && days ? withMore(rows, field, loansSince(days)) : rows || [];
}

/** The sums of `days` before `until` in its month and year, and the whole same days of the year before. They cost a millisecond. */
function sumsBefore(days, until) {
  const before = `${Number(until.slice(0, 4)) - 1}${until.slice(4)}`;
  const sum = (from, to) => days.filter(({ date }) => date >= from && date <= to).reduce((all, { total }) => all + total, 0);
  const spans = (date, last) => ({ month: sum(`${date.slice(0, 7)}-01`, last), year: sum(`${date.slice(0, 4)}-01-01`, last) });
  return { days, until, before, now: spans(until, dayAfter(until, -1)), then: spans(before, before) };
}
let sums = {};

/**
 * This month and this year beside the same days of the year before: `{ month: [now, before], year: [now, before], before }`,
 * `before` being the last of those days; null without the days.
 */
export function sameSpan() {
  const days = dataOf("visitors:daily");
  if (!days || days.length === 0) return null;
  const last = days[days.length - 1];
  const count = todaysCount();
  const today = count && count.date >= last.date ? count : last;
  if (sums.days !== days || sums.until !== today.date) sums = sumsBefore(days, today.date);
  // After midnight the day before is known by its last count alone.
  const missed = today.date > last.date && countByDate.has(last.date) ? countByDate.get(last.date) - last.total : 0;
  const span = (name, isSame) => [sums.now[name] + (isSame ? missed : 0) + today.total, sums.then[name]];
  return {
    month: span("month", last.date.slice(0, 7) === today.date.slice(0, 7)),
    year: span("year", last.date.slice(0, 4) === today.date.slice(0, 4)),
    before: sums.before,
  };
}

/** The 24 hours of that ISO weekday in visitors:hours. */
const hoursOf = (weekday) => (dataOf("visitors:hours") || []).slice((weekday - 1) * 24, weekday * 24);

/**
 * How today's count compares with the usual of this weekday at this hour, by the quartiles: "busier", "usual" or "quieter",
 * or null where nobody knows. The library's clock is taken to be that of this browser, if both have the same date.
 */
export function compareWithUsual() {
  const count = todaysCount();
  if (!count) return null;
  const { date, hour } = localTime(Date.parse(count.at));
  const hours = hoursOf(weekdayOf(count.date));
  if (date !== count.date || hours.length === 0) return null;
  const at = (quartile) => {
    const [before, after] = [hour < 1 ? 0 : hours[Math.floor(hour) - 1][quartile], hours[Math.floor(hour)][quartile]];
    return before + (after - before) * (hour % 1);
  };
  // Quartiles of too few days are null, which counts as 0.
  const [low, high] = [at("cumulative_p25"), at("cumulative_p75")];
  if (high < 1) return null;
  const verdict = count.total > high ? "busier" : count.total < low ? "quieter" : "usual";
  return { verdict, weekday: weekdayOf(count.date), hour: Math.floor(hour) };
}

/** The library's date, and its hour where this browser has the same date; else null. */
export function libraryTime() {
  const [count, local] = [todaysCount(), localTime(serverNow())];
  const date = count ? count.date : local.date;
  return { date, hour: date === local.date ? Math.floor(local.hour) : null };
}

/** The usual visits of each hour of a date, from the first to the last hour with any: [{ hour, mean }]. */
export function usualHours(date) {
  const hours = hoursOf(weekdayOf(date)).map(({ hour, total, open_days }) => ({ hour, mean: open_days ? total / open_days : 0 }));
  const most = Math.max(0, ...hours.map(({ mean }) => mean));
  // An hour with a fiftieth of the busiest is somebody who forgot to leave.
  const busy = hours.filter(({ mean }) => mean > most / 50).map(({ hour }) => hour);
  return hours.filter(({ hour }) => hour >= Math.min(...busy) && hour <= Math.max(...busy));
}

/** Those of `hours` with less than half of the visits of the busiest: [[from, to), ...]. */
export function quietSpans(hours) {
  const most = Math.max(0, ...hours.map(({ mean }) => mean));
  const spans = [];
  for (const { hour, mean } of hours.filter((each) => each.mean < most / 2)) {
    const latest = spans[spans.length - 1];
    if (latest && latest[1] === hour) latest[1] = hour + 1;
    else spans.push([hour, hour + 1]);
  }
  return spans;
}
