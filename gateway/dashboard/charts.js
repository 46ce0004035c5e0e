// Bars and the heat map. Each has a table of the same numbers for screen readers.

import { element, mark, replaceChildren, worded, write } from "./document.js";
import { DAY, MONTH, YEAR, decimal, hourOf, inWords, language, number, once, short, someDay, words } from "./format.js";

/** What is told of the bucket of a date, a month or a year, such as "2025-09-23", "2025-09", 2025. */
export const bucketOf = (key) => once(key, () => nameBucket(key));

function nameBucket(key) {
  const text = String(key);
  if (text.length > 7) return { key, title: inWords(text, DAY), label: [inWords(text, { weekday: "short" }), inWords(text, { day: "numeric" })] };
  if (text.length < 7) return { key, title: text, label: [text, ""] };
  return { key, title: inWords(text, MONTH), label: [inWords(text, { month: "short" }), text.endsWith("-01") ? inWords(text, YEAR) : ""] };
}

/**
 * Columns of bars, one row of bars for each series. Returns the node and a function that draws
 * `[{ key, title, label: [text, shorter text], values: [one for each series, or null], partial, note }]`.
 */
export function barChart(series) {
  const columns = element("div", { class: "columns", "aria-hidden": "true" });
  const head = element("tr", {}, worded("th", "period", { scope: "col" }), ...series.map((word) => worded("th", word, { scope: "col" })));
  const body = element("tbody", {});
  const node = element("div", { class: `bars series-${series.length}` }, columns,
    element("div", { class: "unseen" }, element("table", {}, element("thead", {}, head), body)));
  const row = () => element("tr", {}, element("th", { scope: "row" }), ...series.map(() => element("td", {})));
  // What each column shows: a visit changes one of them.
  let drawn = [];

  return { node, draw(buckets) {
    if (drawn.length !== buckets.length) {
      replaceChildren(columns, buckets.map(() => emptyColumn(series)));
      replaceChildren(body, buckets.map(row));
      drawn = buckets.map(() => "");
    }
    const most = series.map((_, index) => Math.max(1, ...buckets.map(({ values }) => values[index] || 0)));
    buckets.forEach((bucket, at) => {
      const { title, values, partial, note } = bucket;
      const shown = [language, title, partial, note, values, most].join();
      if (shown === drawn[at]) return;
      drawn[at] = shown;
      drawColumn(columns.children[at], bucket, most);
      drawRow(body.children[at], bucket);
    });
  } };
}

const textOf = (value, format) => (value === null || value === undefined ? "–" : format(value));

function emptyColumn(series) {
  const plot = (word) => element("div", { class: `plot ${word}` }, element("div", { class: "bar" }), element("span", { class: "value" }));
  return element("div", { class: "column" }, ...series.map(plot), element("div", { class: "label" }, element("span", {}), element("span", {})));
}

function drawColumn(column, bucket, most) {
  const [...plots] = column.children;
  const lines = plots.pop().children;
  bucket.label.forEach((text, line) => write(lines[line], text));
  plots.forEach((plot, index) => drawBar(plot, bucket, bucket.values[index], most[index]));
}

function drawRow(row, { title, values, partial, note }) {
  const [name, ...cells] = row.children;
  write(name, title);
  const remark = note || (partial ? words.toDate : "");
  cells.forEach((cell, index) => write(cell, `${textOf(values[index], number)}${remark && ` (${remark})`}`));
}

function drawBar(plot, { key, partial, note }, value, most) {
  const [bar, text] = plot.children;
  mark(bar, "data-key", key);
  mark(bar, "data-total", value);
  mark(bar, "data-partial", partial ? "" : null);
  const part = String((value || 0) / most);
  if (plot.style.getPropertyValue("--part") !== part) plot.style.setProperty("--part", part);
  write(text, value === 0 && note ? note : textOf(value, most < 10000 ? number : short));
}

/** The weekdays and hours of visitors:hours. Returns the node and a function that draws `data`. */
export function heatMap() {
  const table = element("table", { class: "heat" });
  return { node: element("div", { class: "scroll heat-map", tabindex: 0, role: "region" }, table), draw(data) {
    const busy = data.filter(({ total }) => total > 0).map(({ hour }) => hour);
    const [first, end] = [Math.min(...busy), Math.max(...busy) + 1];
    if (busy.length === 0) return replaceChildren(table, []);
    const mean = ({ total, open_days }) => (open_days ? total / open_days : 0);
    const most = Math.max(...data.map(mean));
    const hours = [];
    for (let hour = first; hour < end; hour += 1) hours.push(hour);
    const head = element("tr", {}, element("th", { scope: "col" }, words.day),
      ...hours.map((hour) => element("th", { scope: "col" }, hourOf(hour))));
    const rows = [1, 2, 3, 4, 5, 6, 7].map((weekday) => element("tr", {},
      element("th", { scope: "row" }, inWords(someDay(weekday), { weekday: "short" })),
      ...hours.map((hour) => {
        const value = mean(data[(weekday - 1) * 24 + hour]);
        const level = value === 0 ? 0 : Math.ceil((value / most) * 5);
        return element("td", { "data-level": level, title: decimal(value) }, element("span", {}, value ? decimal(value) : "0"));
      })));
    replaceChildren(table, [element("thead", {}, head), element("tbody", {}, ...rows)]);
  } };
}

/** A table: `columns` are words, `rows` lists of texts, the first of which names the row. `sum` are the last rows. */
export function table(columns, rows, sum = []) {
  const cells = (tag, [first, ...others]) => element("tr", {}, element("th", { scope: "row" }, first), ...others.map((text) => element(tag, {}, text)));
  const made = element("table", { class: "figures" },
    element("thead", {}, element("tr", {}, ...columns.map((text) => element("th", { scope: "col" }, text)))),
    element("tbody", {}, ...rows.map((row) => cells("td", row))));
  if (sum.length > 0) made.append(element("tfoot", {}, ...sum.map((row) => cells("td", row))));
  return made;
}
