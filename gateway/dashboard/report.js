// The view for forms: A4, for a year or the last 12 complete months.

import { byId, element, query, replaceChildren, worded, write } from "./document.js";
import { MONTH, classInWords, decimal, decimal2, inWords, language, moment, number, percent, words } from "./format.js";
import { addPanel, dataOf, pathOf, snapshotOf, urlOf } from "./figures.js";
import { table } from "./charts.js";
import { libraryInfo, nameOf, onLibrary } from "./library.js";
import { REPORT_WORDS } from "./report-words.js";
import { linkTo, start } from "./start.js";

const year = /^\d{4}$/.test(query.get("year") || "") ? query.get("year") : null;
const NAMES = ["visitors:daily", "books:loans:daily", "visitors:monthly:types", "books:loans:monthly", "members:counts",
  "members:types", "books:collection", "books:growth:yearly", "books:growth:monthly", "books:usage", "books:classes"];

const header = element("header", {}, worded("a", "page", { href: linkTo("page") }),
  element("label", {}, worded("span", "choose"), " ", element("select", { id: "year" })),
  worded("button", "print", { id: "print", type: "button" }), worded("button", "other", { id: "language", type: "button" }));
const main = element("main", { id: "content" });
document.body.append(header, main);

// The report's words in the present language.
let said;
const shown = (value) => (value === null || value === undefined ? "–" : number(value));

/** The months of the report, oldest first; those that are over and, in a chosen year, the current one. */
function monthsOf(days) {
  const current = days[days.length - 1].date.slice(0, 7);
  const all = [...new Set(days.map(({ date }) => date.slice(0, 7)))];
  const chosen = year ? all.filter((month) => month.startsWith(year)) : all.filter((month) => month < current).slice(-12);
  return chosen.map((month) => ({ month, isOver: month < current }));
}

/** A row of numbers for each month. `unique…` are null where nobody knows them. */
function rowsOf(days) {
  const byMonth = (list, month) => (list || []).filter(({ date }) => date.startsWith(month));
  const sum = (list, field = "total") => list.reduce((all, row) => all + (row[field] || 0), 0);
  const types = dataOf("visitors:monthly:types") || [];
  const lent = dataOf("books:loans:monthly") || [];
  return monthsOf(days).map(({ month, isOver }) => {
    const visits = byMonth(days, month);
    const people = types.filter((row) => row.month === month);
    const loans = lent.find((row) => row.month === month);
    return {
      month, isOver,
      open: visits.filter(({ total }) => total > 0).length,
      visits: sum(visits),
      unique: people.length ? sum(people, "unique_members") : null,
      loans: dataOf("books:loans:daily") ? sum(byMonth(dataOf("books:loans:daily"), month)) : null,
      borrowers: loans ? loans.unique_borrowers : null,
    };
  });
}

const monthName = ({ month, isOver }) => inWords(month, MONTH) + (isOver ? "" : ` (${words.toDate})`);

function section(title, csv, content, definitions) {
  return element("section", {},
    element("h2", {}, title, " ", ...csv.map((name) => element("a", { class: "csv", href: urlOf(`${pathOf(name)}.csv`), download: "" }, `CSV ${name}`))),
    ...content, ...definitions.map((text) => element("p", { class: "definition" }, text)));
}

function monthsTable(rows) {
  const all = (field) => rows.reduce((total, row) => total + (row[field] || 0), 0);
  const over = rows.filter(({ isOver }) => isOver);
  const average = (field) => {
    const known = over.map((row) => row[field]).filter((value) => value !== null);
    return known.length ? decimal(known.reduce((total, value) => total + value, 0) / known.length) : "–";
  };
  const [visits, open, loans] = [all("visits"), all("open"), all("loans")];
  const perDay = (total) => (open ? decimal(total / open) : "–");
  return table([said.eachMonth, said.openDays, words.visits, words.unique, words.loans, words.borrowersUnique],
    rows.map((row) => [monthName(row), shown(row.open), shown(row.visits), shown(row.unique), shown(row.loans), shown(row.borrowers)]), [
      [said.sum, shown(open), shown(visits), "", shown(loans), ""],
      [said.average, average("open"), average("visits"), average("unique"), average("loans"), average("borrowers")],
      [said.averageDay, "", perDay(visits), "", perDay(loans), ""],
    ]);
}

function typesTable(rows) {
  const types = (dataOf("visitors:monthly:types") || []);
  const months = rows.filter(({ month }) => types.some((row) => row.month === month));
  if (months.length === 0) return [];
  const kinds = types.filter((row) => row.month === months[0].month);
  const name = ({ kind, member_type: type }) => ({ member: type, unknown: words.unknownType, guest: words.guest }[kind]);
  const cell = ({ visits, unique_members: unique }) => (unique === null ? number(visits) : `${number(visits)} (${number(unique)})`);
  return [table([said.eachMonth, ...kinds.map(name)], months.map((row) => [monthName(row), ...types.filter(({ month }) => month === row.month).map(cell)]))];
}

/** Two columns: what, and how much. `lines` are [word, number or text]. */
const list = (lines) => table([said.what, said.amount],
  lines.map(([word, value]) => [words[word], typeof value === "string" ? value : shown(value)]));

function membersList() {
  const counts = dataOf("members:counts") || {};
  return list(["total", "active", "expired", "pending", "new_this_year"].map((key) => [key, counts[key]]));
}

function memberTypes() {
  const rows = dataOf("members:types") || [];
  return table([words.kind, words.total, words.active], rows.map((row) => [row.member_type || words.unknownType, shown(row.total), shown(row.active)]));
}

function collectionList(days) {
  const [collection, usage] = [dataOf("books:collection") || {}, dataOf("books:usage")];
  const lastYear = days.slice(-365).reduce((all, { total }) => all + total, 0);
  const lines = [["titles", collection.total_titles], ["items", collection.total_items]];
  if (usage) {
    lines.push(...["titles_with_items", "titles_never_lent", "titles_lent_12_months", "loans_12_months"].map((key) => [key, usage[key]]),
      ["turnover", usage.items ? decimal2(usage.loans_12_months / usage.items) : "–"],
      ["unused", usage.titles_with_items ? percent(usage.titles_never_lent / usage.titles_with_items) : "–"]);
  }
  return list([...lines, ["visits_365", lastYear]]);
}

function classesTable() {
  return table([words.cls, words.titles, words.items, words.loansYear], (dataOf("books:classes") || []).map((row) => [
    classInWords(row.class), number(row.titles), number(row.items), number(row.loans_year)]));
}

function growthTable() {
  const [yearly, monthly] = [dataOf("books:growth:yearly") || [], dataOf("books:growth:monthly") || []];
  const line = (name, { titles, items, partial }) => [name + (partial ? ` (${words.toDate})` : ""), number(titles), number(items)];
  return table([words.period, words.titles, words.items], year
    ? yearly.map((row) => line(String(row.year), row))
    : [...yearly.slice(-2).map((row) => line(String(row.year), row)), ...monthly.slice(0, -1).map((row) => line(inWords(row.month, MONTH), row))]);
}

function draw() {
  said = REPORT_WORDS[language];
  const days = dataOf("visitors:daily");
  if (!days || days.length === 0) return replaceChildren(main, [element("p", {}, words.warming)]);
  const years = [...new Set(days.map(({ date }) => date.slice(0, 4)))];
  const select = byId("year");
  replaceChildren(select, [element("option", { value: "" }, said.lastMonths), ...years.map((each) => element("option", { value: each }, each))]);
  select.value = year || "";
  const rows = rowsOf(days);
  const library = libraryInfo();
  const period = rows.length ? `${inWords(rows[0].month, MONTH)} – ${inWords(rows[rows.length - 1].month, MONTH)}` : year;
  const types = typesTable(rows);
  replaceChildren(main, [
    element("h1", {}, said.reportTitle),
    element("p", { id: "library" }, nameOf()),
    element("p", { class: "about" }, `${said.covers}: ${period}. ${said.made}: ${moment(Date.parse(snapshotOf("visitors:daily").generated_at))}.`,
      library.npp ? ` ${said.npp}: ${library.npp}.` : ""),
    section(said.byMonth, ["visitors:daily", "books:loans:daily"], [monthsTable(rows)], [said.defVisits, said.defLoans, said.defUnique]),
    ...(types.length ? [section(said.byType, ["visitors:monthly:types"], types, [`${words.visits} (${said.uniqueOf}). ${said.defTypes}`])] : []),
    element("div", { class: "pair" },
      section(words.members, ["members:types"], [membersList(), memberTypes()], [said.defMembers]),
      section(words.collection, [], [collectionList(days)], [said.defUsage])),
    section(words.classes, ["books:classes"], [classesTable()], []),
    section(words.growth, ["books:growth:yearly", "books:growth:monthly"], [growthTable()], [said.defCollection]),
    element("div", { class: "signature" }, element("p", {}, `${said.place}: `), element("p", {}, said.signature)),
  ]);
}

const hidden = element("section", { hidden: "" });
document.body.append(hidden);
addPanel(hidden, NAMES, draw);
onLibrary(draw);
const { switchLanguage } = start(() => write(document.querySelector("title"), said.reportTitle));
byId("language").addEventListener("click", switchLanguage);
byId("print").addEventListener("click", () => print());
byId("year").addEventListener("change", ({ target }) => {
  if (target.value) query.set("year", target.value);
  else query.delete("year");
  location.search = query;
});
