// The panels that several views share: what is known of now, and charts of visits and loans.

import { element, mark, replaceChildren, worded, write } from "./document.js";
import { DATE, fillIn, hourOf, inWords, number, percent, someDay, words } from "./format.js";
import { addPanel, dataOf } from "./figures.js";
import { barChart, bucketOf, heatMap } from "./charts.js";
import { compareWithUsual, libraryTime, loansWithToday, quietSpans, sameSpan, usualHours, visitsWithToday } from "./visits.js";
import { isClosedDay, onLibrary } from "./library.js";
import { onTotal } from "./today.js";

const SPANS = { weekly: "date", monthly: "month", yearly: "year" };

/** The bars of visits, and of loans below them, of "weekly", "monthly" or "yearly". */
export function addSeries(section, span, { hasLoans = true, isLying = false } = {}) {
  const field = SPANS[span];
  const [visits, loans] = [`visitors:${span}`, `books:loans:${span}`];
  const chart = barChart(hasLoans ? ["visits", "loans"] : ["visits"]);
  section.append(chart.node);
  if (isLying) chart.node.classList.add("lying");
  const draw = () => {
    const lent = new Map((hasLoans ? loansWithToday(loans, field) : []).map((row) => [row[field], row.total]));
    chart.draw(visitsWithToday(visits, field).map((row) => {
      const isClosed = field === "date" && row.total === 0 && (!row.partial || isClosedDay(row.date));
      const values = hasLoans ? [row.total, lent.has(row[field]) ? lent.get(row[field]) : null] : [row.total];
      return { ...bucketOf(row[field]), values, partial: row.partial, note: isClosed ? words.closed : "" };
    }));
  };
  addPanel(section, hasLoans ? [visits, loans, "visitors:weekly", "books:loans:weekly", "books:circulation"] : [visits, "visitors:weekly"], draw);
  onTotal(draw);
  onLibrary(draw);
}

/** Calls `draw` with the first count of an hour of the library. */
function onHour(draw) {
  let last = "";
  onTotal(() => {
    const { date, hour } = libraryTime();
    if (last === `${date} ${hour}`) return;
    last = `${date} ${hour}`;
    draw();
  });
}

/** How busy it is now compared with the usual, and the quiet hours of today. */
export function addUsual(section) {
  const verdict = section.appendChild(element("p", { id: "usual" }));
  const quiet = section.appendChild(element("p", { id: "quiet-hours", class: "quiet" }));
  const compare = () => {
    const found = compareWithUsual();
    const day = found && inWords(someDay(found.weekday), { weekday: "long" });
    write(verdict, found ? fillIn(words[found.verdict], { when: fillIn(words.at, { day, hour: hourOf(found.hour) }) }) : "");
  };
  const draw = () => {
    compare();
    const spans = quietSpans(usualHours(libraryTime().date));
    const said = spans.map(([from, to]) => `${hourOf(from)}–${hourOf(to)}`).join(", ");
    write(quiet, said && `${words.quietHours}: ${said}`);
  };
  addPanel(section, ["visitors:hours"], draw);
  onTotal(compare);
  onHour(draw);
}

/** The usual visits of each hour of today's weekday; the present hour is marked. */
export function addHoursToday(section) {
  const chart = barChart(["visits"]);
  const note = element("p", { class: "note quiet" });
  section.append(note, chart.node);
  const draw = () => {
    const { date, hour: now } = libraryTime();
    const hours = usualHours(date);
    write(note, dataOf("visitors:hours") && hours.length === 0 ? words.usuallyClosed : "");
    chart.draw(hours.map(({ hour, mean }) => ({
      key: hour, title: hourOf(hour), label: [hourOf(hour), ""], values: [Math.round(mean)], partial: hour === now,
    })));
  };
  addPanel(section, ["visitors:hours"], draw);
  onHour(draw);
}

export function addHeatMap(section) {
  const heat = heatMap();
  const levels = [0, 1, 2, 3, 4, 5].map((level) => element("i", { "data-level": level }));
  section.append(heat.node, element("p", { class: "legend quiet" }, worded("span", "less"), ...levels, worded("span", "more"), " · ", worded("span", "perHour")));
  addPanel(section, ["visitors:hours"], () => {
    heat.node.setAttribute("aria-label", words.hours);
    heat.draw(dataOf("visitors:hours") || []);
  });
}

/** This month and this year beside the same days of last year. */
export function addSameSpan(section) {
  const list = section.appendChild(element("div", { class: "amounts spans" }));
  const amount = (which, word) => {
    const node = element("p", { "data-key": which }, worded("span", word, { class: "quiet" }), element("strong", { class: "amount" }), element("span", { class: "quiet" }));
    node.hidden = true;
    return node;
  };
  list.append(amount("month", "thisMonth"), amount("year", "thisYear"));
  const draw = () => {
    const spans = sameSpan();
    for (const node of list.children) {
      node.hidden = !spans;
      if (!spans) continue;
      const [now, before] = spans[node.dataset.key];
      const ratio = now / before - 1;
      const sign = Math.abs(ratio) < 0.0005 ? "±" : ratio > 0 ? "+" : "−";
      const change = before > 0 ? sign + percent(Math.abs(ratio)) : "–";
      const [, amount, compared] = node.children;
      mark(amount, "data-total", now);
      write(amount, number(now));
      write(compared, fillIn(words.compared, { change, before: number(before), date: inWords(spans.before, DATE) }));
    }
  };
  addPanel(section, ["visitors:daily"], draw);
  onTotal(draw);
}

/** The numbers `keys` of a snapshot that is an object, each with its word. */
export function addAmounts(section, name, keys) {
  const amounts = Object.entries(keys).map(([key, word]) => element("p", {},
    element("strong", { class: "amount", "data-key": key }, "–"), worded("span", word, { class: "quiet" })));
  section.append(element("div", { class: "amounts" }, ...amounts));
  addPanel(section, [name], () => {
    const data = dataOf(name);
    for (const node of section.querySelectorAll(".amount")) {
      const value = data && data[node.dataset.key];
      if (data) node.setAttribute("data-total", value);
      else node.removeAttribute("data-total");
      write(node, data ? number(value) : "–");
    }
  });
}

/** The newest titles, at most `most`. */
export function addNewTitles(section, most = 10) {
  const rows = section.appendChild(element("ol", { class: "rows plain" }));
  addPanel(section, ["books:new"], () => {
    const data = dataOf("books:new");
    const line = ({ title, added }) => element("li", { class: "row" }, element("div", { class: "who" },
      element("span", { class: "title", dir: "auto", title }, (title || "").trim() || words.noTitle)),
      element("time", { class: "quiet", datetime: added }, inWords(added, { day: "numeric", month: "short" })));
    const lines = (data || []).slice(0, most).map(line);
    replaceChildren(rows, lines.length ? lines : [element("li", { class: "quiet" }, data ? words.none : words.warming)]);
  });
}

