// The view for the desk and the office: everything, in sections with anchors.

import { byId, element, mark, replaceChildren, worded } from "./document.js";
import { classInWords, number, words } from "./format.js";
import { addPanel, dataOf, pathOf, urlOf } from "./figures.js";
import { addAmounts, addHeatMap, addHoursToday, addNewTitles, addSameSpan, addSeries, addUsual } from "./panels.js";
import { barChart, bucketOf, table } from "./charts.js";
import { RANKINGS, addRanking } from "./rankings.js";
import { addToday, showToday, startToday } from "./today.js";
import { linkTo, start } from "./start.js";

const header = element("header", {},
  element("img", { id: "logo", alt: "", hidden: "" }),
  element("div", { class: "names" }, element("p", { id: "library" }), element("p", { id: "subtitle", class: "quiet" }), element("p", { id: "opening", class: "quiet" })),
  element("nav", {}, worded("a", "lobby", { id: "to-lobby", href: linkTo("lobby") }), worded("a", "report", { href: linkTo("report") }),
    worded("button", "other", { id: "language", type: "button" })));
const main = element("main", { id: "content" });
document.body.append(worded("a", "skip", { class: "skip unseen", href: "#content" }), header, element("div", { id: "notices", role: "region", hidden: "" }), main);

/** A part of the page with a heading and an anchor. */
function part(id, word) {
  const node = element("section", { id, class: "part", "aria-labelledby": `${id}-head` }, worded("h2", word, { id: `${id}-head` }));
  main.append(node);
  return node;
}

/** A panel in a part, with a heading. `csv` is the figure whose rows can be had as CSV. */
function panel(parent, word, add, csv) {
  const node = element("section", { class: "panel" }, worded(parent === top ? "h2" : "h3", word));
  parent.append(node);
  add(node);
  if (csv) node.querySelector(".foot").append(" ", worded("a", "csv", { href: urlOf(`${pathOf(csv)}.csv`), download: "" }));
  return node;
}

const now = element("section", { id: "now", "aria-labelledby": "now-head" });
addToday(now);
addUsual(now.appendChild(element("div", {})));
const top = element("div", { class: "part top" }, now);
main.append(top);
panel(top, "hoursToday", addHoursToday);

const visits = part("visits", "visits");
panel(visits, "weekly", (node) => addSeries(node, "weekly"), "visitors:weekly").classList.add("week");
panel(visits, "same", addSameSpan, "visitors:daily").classList.add("same");
panel(visits, "monthly", (node) => addSeries(node, "monthly"), "visitors:monthly").classList.add("months");
panel(visits, "yearly", (node) => addSeries(node, "yearly"), "visitors:yearly").classList.add("years");
panel(visits, "hours", addHeatMap, "visitors:hours").classList.add("wide");

const lending = part("lending", "lending");
panel(lending, "circulation", (node) => addAmounts(node, "books:circulation", {
  on_loan: "on_loan", overdue: "overdue", due_today: "due_today", lent_today: "lent_today", returned_today: "returned_today",
}));
panel(lending, "fresh", addNewTitles, "books:new");
panel(lending, "usage", (node) => addAmounts(node, "books:usage", {
  loans_12_months: "loans_12_months", titles_lent_12_months: "titles_lent_12_months", titles_never_lent: "titles_never_lent",
}));

const rankings = part("rankings", "rankings");
RANKINGS.filter(({ isOptional }) => !isOptional).forEach((ranking) => addRanking(rankings, ranking));

const collection = part("collection", "collection");
panel(collection, "collection", (node) => addAmounts(node, "books:collection", { total_titles: "titles", total_items: "items" }));
panel(collection, "growth", (node) => addPairs(node, "books:growth:monthly", "month", ["titles", "items"]), "books:growth:monthly").classList.add("months");
panel(collection, "growthYears", (node) => addPairs(node, "books:growth:yearly", "year", ["titles", "items"]), "books:growth:yearly");
panel(collection, "classes", addClasses, "books:classes").classList.add("broad");

const members = part("members", "members");
panel(members, "members", (node) => addAmounts(node, "members:counts", {
  total: "total", active: "active", expired: "expired", pending: "pending", new_this_month: "new_this_month", new_this_year: "new_this_year",
}));
panel(members, "newMembers", (node) => addPairs(node, "members:new:monthly", "month", ["total"]), "members:new:monthly").classList.add("months");
panel(members, "types", addTypes, "members:types").classList.add("types");

// Last, since they come and go: nothing is below them.
const origins = part("origins", "origins");
RANKINGS.filter(({ isOptional }) => isOptional).forEach((ranking) => addRanking(origins, ranking));

/** Bars of `fields` of a figure by month or year. */
function addPairs(node, name, bucket, fields) {
  const chart = barChart(fields);
  node.append(chart.node);
  addPanel(node, [name], () => chart.draw((dataOf(name) || []).map((row) => ({
    ...bucketOf(row[bucket]), values: fields.map((field) => row[field]), partial: row.partial,
  }))));
}

function addTable(node, name, columns, rowOf) {
  const place = node.appendChild(element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": name }));
  addPanel(node, [name], () => {
    mark(place, "aria-label", node.querySelector("h3").textContent);
    replaceChildren(place, [table(columns(), (dataOf(name) || []).map(rowOf))]);
  });
}

function addClasses(node) {
  addTable(node, "books:classes", () => [words.cls, words.titles, words.items, words.loansYear], (row) => [
    classInWords(row.class), number(row.titles), number(row.items), number(row.loans_year),
  ]);
}

function addTypes(node) {
  addTable(node, "members:types", () => [words.kind, words.total, words.active], (row) => [
    row.member_type === null ? words.unknownType : row.member_type, number(row.total), number(row.active),
  ]);
}

// Twelve columns are too narrow for their words on a phone.
const phone = matchMedia("(max-width: 36rem)");
const lie = () => document.querySelectorAll(".months .bars").forEach((chart) => chart.classList.toggle("lying", phone.matches));
phone.addListener(lie);
lie();
const { switchLanguage } = start(showToday);
byId("language").addEventListener("click", switchLanguage);
startToday();
