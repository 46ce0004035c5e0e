// Rankings: a group of them has tabs, for the month, the year, all time.

import { byId, element, mark, replaceChildren, worded, write } from "./document.js";
import { number, periodInWords, words } from "./format.js";
import { addPanel, snapshotOf } from "./figures.js";

export const RANKINGS = [
  { name: "visitors", unit: "visits", tabs: { month: "visitors:monthly:top", year: "visitors:yearly:top" } },
  { name: "books", unit: "loans",
    tabs: { month: "books:top-borrowed:month", year: "books:top-borrowed:year", ever: "books:top-borrowed" } },
  { name: "borrowers", unit: "loans", tabs: { month: "books:top-borrowers:month", year: "books:top-borrowers:year" } },
  { name: "institutions", unit: "visits", isOptional: true,
    tabs: { month: "visitors:institutions:month", year: "visitors:institutions:year" } },
  { name: "rooms", unit: "visits", isOptional: true, tabs: { month: "visitors:rooms:month", year: "visitors:rooms:year" } },
];

/** A group with its tabs. */
export function addRanking(parent, { name, unit, tabs, isOptional }) {
  const list = element("div", { role: "tablist", "aria-labelledby": name });
  const panels = element("div", { class: "panels" });
  const group = element("section", { class: "ranking" }, worded("h3", name, { id: name }), list, panels);
  for (const [word, figure] of Object.entries(tabs)) {
    const tab = worded("button", word, { type: "button", role: "tab", id: `tab:${figure}`, "aria-controls": `panel:${figure}` });
    const panel = element("section", { role: "tabpanel", id: `panel:${figure}`, "aria-labelledby": `${name} tab:${figure}`, tabindex: 0 });
    tab.addEventListener("click", () => choose(panel));
    list.append(tab);
    panels.append(panel);
    addRows(panel, figure, unit, () => { if (isOptional) showIfNamed(parent, group, Object.values(tabs)); });
  }
  list.addEventListener("keydown", onTabKey);
  parent.append(group);
  choose(panels.firstChild);
}

/** The rows of one ranking, at most `most` of them. */
export function addRows(section, figure, unit, drawn = () => {}, most = 10) {
  const period = element("span", { class: "period" });
  const rows = element("ol", { class: "rows" });
  section.append(element("div", { class: "caption quiet" }, period, worded("span", unit)), rows);
  addPanel(section, [figure], () => {
    const snapshot = snapshotOf(figure);
    write(period, snapshot ? (snapshot.period ? periodInWords(snapshot.period) : words.ever) : "");
    const data = rowsOf(snapshot).slice(0, most);
    const largest = Math.max(1, ...data.map(({ total }) => total));
    const lines = data.map((row) => drawRow(row, largest));
    if (lines.length === 0) lines.push(element("li", { class: "quiet" }, snapshot ? words.none : words.warming));
    replaceChildren(rows, lines);
    drawn();
  });
}

/** Rankings have `rank` and `total`; institutions and rooms have `visits`, and rows for the rest. */
function rowsOf(snapshot) {
  return snapshot ? snapshot.data.map((row) => ({ ...row, total: "visits" in row ? row.visits : row.total })).filter(({ total }) => total > 0) : [];
}

/** Not every library writes down institutions, or has rooms. */
function showIfNamed(parent, group, figures) {
  const isNamed = figures.some((figure) => rowsOf(snapshotOf(figure)).some(({ institution, room }) => institution || room));
  // It comes last, so that those that are shown stay where they are.
  if (isNamed && group.hidden) parent.append(group);
  group.hidden = !isNamed;
  parent.hidden = [...parent.querySelectorAll(".ranking")].every(({ hidden }) => hidden);
}

/** What a row is called: [text, its kind]. With MEMBER_NAMES=hidden there is nothing. */
function namesOf(row) {
  const trimmed = (text) => (text || "").trim();
  if ("title" in row) return [[trimmed(row.title) || words.noTitle, "title"]];
  if ("room" in row) return [[row.room === null ? words.noRoom : trimmed(row.name) || row.room, "name"]];
  if ("kind" in row) return [[{ named: row.institution, other: words.others, none: words.noInstitution }[row.kind], "name"]];
  const names = "member_name" in row ? [[trimmed(row.member_name) || words.noName, "name"]] : [];
  return row.institution ? [...names, [row.institution, "quiet"]] : names;
}

function drawRow(row, largest) {
  const who = element("div", { class: "who" }, ...namesOf(row).map(([text, kind]) =>
    element("span", { class: kind, dir: "auto", title: text }, text)));
  const made = element("li", { class: row.rank ? "row" : "row unranked", value: row.rank, "data-total": row.total },
    ...(row.rank ? [element("span", { class: "rank" }, number(row.rank))] : []), who,
    element("span", { class: "total" }, number(row.total)), element("span", { class: "share" }));
  made.style.setProperty("--part", row.total / largest);
  return made;
}

function choose(panel) {
  for (const other of panel.parentNode.children) {
    const tab = byId(`tab:${other.id.slice("panel:".length)}`);
    mark(other, "data-shown", other === panel ? "" : null);
    if (!tab) continue;
    mark(tab, "aria-selected", other === panel);
    tab.tabIndex = other === panel ? 0 : -1;
  }
}

// Arrow keys move among the tabs, as everywhere.
function onTabKey(event) {
  const tabs = [...event.currentTarget.children];
  const at = tabs.indexOf(event.target);
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1 + tabs.length, Home: 0, End: tabs.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  tabs[to % tabs.length].focus();
  tabs[to % tabs.length].click();
}
