// Each figure shows the values that are stored.

import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { ENGLISH, figureIs, isStill, isWarm, showsCount, textOf, until } from "./dashboard.js";
import { dashboardTest } from "./harness.js";
import { RANKINGS, SERIES, SNAPSHOTS, TTL_SECONDS, isAboutPeople } from "./snapshots.js";

/** The bars of a chart; `height` is in pixels, as hit tests find it: a bar may be drawn in many ways. */
const barsOf = (page: Page, key: string) =>
  page.locator(`[data-figure="${key}"] .visits .bar`).evaluateAll((bars) => (bars as HTMLElement[]).map((bar) => {
    bar.scrollIntoView({ block: "center", behavior: "instant" });
    const { left, right, top, bottom } = bar.getBoundingClientRect();
    let height = 0;
    for (let y = bottom - 0.5; y > top; y -= 1) {
      if ([left + 3, right - 3].every((x) => document.elementsFromPoint(x, y).includes(bar))) height += 1;
    }
    return { key: bar.dataset.key, total: Number(bar.dataset.total), partial: "partial" in bar.dataset, height };
  }));

dashboardTest("charts have bars for the stored totals, in proportion", {}, async ({ library, page }) => {
  // As stored, so that the count does not change the week.
  library.worker.count(312);
  await isWarm(page);
  await showsCount(page, 312, "312");
  await isStill(page);
  for (const [key, data] of Object.entries(SERIES)) {
    const bars = await barsOf(page, key);
    const stored = data.map(({ total, partial, ...name }) => ({ key: String(Object.values(name)[0]), total, partial }));
    assert.deepEqual(bars.map(({ height, ...bar }) => bar), stored);
    const highest = Math.max(...bars.map(({ height }) => height));
    const largest = Math.max(...bars.map(({ total }) => total));
    assert(highest > 50, `${key}: ${highest} px`);
    for (const { height, total } of bars) {
      assert(Math.abs(height / highest - total / largest) < 0.02, `${key}: ${total} of ${largest} has ${height} of ${highest} px`);
    }
  }
});

dashboardTest("each chart has a table for screen readers", { browser: ENGLISH }, async ({ library, page }) => {
  // So that no count comes between two reads.
  library.worker.count(312);
  await isWarm(page);
  await showsCount(page, 312, "312");
  await isStill(page);
  for (const key of Object.keys(SERIES)) {
    const cells = await page.locator(`[data-figure="${key}"] td:nth-child(2)`).allTextContents();
    const bars = await page.locator(`[data-figure="${key}"] .visits .bar`).evaluateAll((bars) =>
      (bars as HTMLElement[]).map(({ dataset }) => dataset.total));
    assert.deepEqual(cells.map((cell) => cell.replaceAll(",", "").split(" ")[0]), bars);
    assert.match(cells.at(-1)!, /until today/);
  }
});

dashboardTest("rankings have a row for each stored row, in order, without ids", { browser: ENGLISH }, async ({ page }) => {
  await isWarm(page);
  for (const [key, rows] of Object.entries(RANKINGS)) {
    const shown = await page.locator(`[data-figure="${key}"] .row`).evaluateAll((rows) =>
      rows.map((row) => [...row.querySelectorAll(".rank, .who > *, .total")].map((part) => part.textContent)));
    assert.deepEqual(shown, rows.map(({ rank, title, member_name, institution, total }) => [
      `${rank}`,
      isAboutPeople(key) ? member_name ?? "(no name)" : title ?? "(no title)",
      ...(institution ? [institution] : []),
      total.toLocaleString("en"),
    ]));
  }
});

dashboardTest("the collection is two numbers", {}, async ({ page }) => {
  await isWarm(page);
  const shown = await page.locator("[data-figure='books:collection'] [data-key]").evaluateAll((nodes) =>
    (nodes as HTMLElement[]).map((node) => [node.dataset.key, node.dataset.total, node.textContent]));
  assert.deepEqual(shown, [["total_titles", "91234", "91.234"], ["total_items", "183127", "183.127"]]);
});

dashboardTest("the live count is in its day, its month and its year", {}, async ({ library, page }) => {
  await isWarm(page);
  // The snapshots hold 312 visits of today.
  for (const more of [0, 100, -12]) {
    library.worker.count(312 + more);
    for (const [key, data] of Object.entries(SERIES)) {
      const total = data.at(-1)!.total + more;
      await page.locator(`[data-figure="${key}"] .visits .bar[data-partial][data-total="${total}"]`).waitFor();
    }
  }
});

dashboardTest("loans stand beside visits, with today's by the desk", {}, async ({ library, page }) => {
  await isWarm(page);
  await library.worker.store("books:circulation", { on_loan: 1, overdue: 2, due_today: 3, lent_today: 217, returned_today: 4 });
  for (const [key, total] of [["weekly", 217], ["monthly", 4_022], ["yearly", 40_015]]) {
    await page.locator(`[data-figure="visitors:${key}"] .loans .bar[data-partial][data-total="${total}"]`).waitFor();
  }
});

dashboardTest("this month and year stand beside the same days of last year", { browser: ENGLISH }, async ({ library, page }) => {
  await isWarm(page);
  library.worker.count(900);
  const shown = () => page.locator("[data-figure='visitors:daily'] p[data-key]").allTextContents();
  // 20 open days of 900 in September 2025; 19 in September 2024, the last of them twice as busy.
  await page.locator("[data-figure='visitors:daily'] [data-total='18000']").waitFor();
  const [month, year] = await shown();
  assert.match(month!, /^This month18,000±0% from 18,000 until Sep 23, 2024$/);
  assert.match(year!, /^This year\d{3},\d{3}[+−][\d.]+% from \d{3},\d{3} until Sep 23, 2024$/);
});

dashboardTest("a closed day is marked, and is not a zero", { browser: ENGLISH }, async ({ page }) => {
  await isWarm(page);
  const values = await page.locator("[data-figure='visitors:weekly'] .visits .value").allTextContents();
  assert.equal(values[2], "closed");
  assert.equal(values.filter((value) => value === "closed").length, 1);
});

dashboardTest("a changed snapshot is shown without a reload", {}, async ({ library, page }) => {
  await isWarm(page);
  await page.evaluate(() => document.body.setAttribute("data-same-page", ""));
  await library.worker.store("books:collection", { total_titles: 91_235, total_items: 183_130 });
  await page.getByText("91.235").waitFor();
  await page.locator("body[data-same-page]").waitFor();
});

dashboardTest("a stale figure says so, with its age", { browser: ENGLISH, path: null }, async ({ library, page }) => {
  const generatedAt = new Date(Date.now() - (TTL_SECONDS + 3_600) * 1_000);
  await library.worker.store("visitors:yearly", SNAPSHOTS["visitors:yearly"], generatedAt);
  await page.goto(library.url());
  await figureIs(page, "visitors:yearly", "stale");
  await figureIs(page, "visitors:monthly", "fresh");
  const figure = page.locator("[data-figure='visitors:yearly']");
  assert.equal(await figure.getAttribute("data-generated-at"), generatedAt.toISOString());
  const foot = figure.locator(".foot");
  assert.equal(await foot.locator("time").getAttribute("datetime"), generatedAt.toISOString());
  const day = generatedAt.toLocaleDateString("en", { day: "numeric", month: "short", year: "numeric" });
  assert((await foot.innerText()).startsWith(`Out of date, as of ${day.replace(",", "")}`), await foot.innerText());
});

dashboardTest("an empty ranking says so", { browser: ENGLISH }, async ({ library, page }) => {
  await library.worker.store("books:top-borrowed:month", []);
  await page.locator("[data-figure='books:top-borrowed:month'][data-state=fresh]").getByText("None yet").waitFor();
});

dashboardTest("rooms are shown while a month or a year names one", { browser: ENGLISH }, async ({ library, page }) => {
  const group = page.locator("section.ranking", { has: page.locator("#rooms") });
  await group.waitFor();
  await library.worker.store("visitors:rooms:month", []);
  await page.locator("[data-figure='visitors:rooms:month']").getByText("None yet").waitFor();
  assert(await group.isVisible());
  await library.worker.store("visitors:rooms:year", []);
  await group.waitFor({ state: "hidden" });
});

const PEOPLE = Object.keys(RANKINGS).filter(isAboutPeople);

dashboardTest("hidden names leave rank and total", {}, async ({ library, page }) => {
  assert.equal(PEOPLE.length, 4);
  for (const key of PEOPLE) {
    await library.worker.store(key, [{ rank: 1, total: 41 }, { rank: 2, total: 7 }]);
    await until(page, (key) => {
      const rows = document.querySelectorAll(`[data-figure="${key}"] .row`);
      return [...rows].map((row) => row.textContent).join() === "141,27";
    }, key);
  }
  assert.doesNotMatch(await textOf(page, "main"), /Pengunjung \d|Peminjam \d|tanpa nama/);
});

dashboardTest("masked names are shown as stored", {}, async ({ library, page }) => {
  await library.worker.store("visitors:monthly:top", [{ rank: 1, member_name: "Siti N.", institution: null, total: 41 }]);
  await until(page, () => document.querySelector("[data-figure='visitors:monthly:top'] .row")?.textContent === "1Siti N.41");
});
