// The page and the report on paper.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { isWarm, showsCount, textOf, until } from "./dashboard.js";
import { dashboardTest } from "./harness.js";
import { RANKINGS } from "./snapshots.js";

const PDFTOTEXT = "/usr/bin/pdftotext";
const printTest = existsSync(PDFTOTEXT) ? dashboardTest
  : (name: string) => test(name, { skip: "pdftotext is not installed: scripts/install pdftotext" });

/** The pages of paper, as text. */
async function printed(page: Page): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), "print-"));
  try {
    const path = join(folder, "page.pdf");
    await page.pdf({ path, preferCSSPageSize: true });
    return execFileSync(PDFTOTEXT, ["-layout", path, "-"], { encoding: "utf8" }).split("\f").slice(0, -1);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

printTest("the page prints every figure and ranking, dark text on white, without controls", { browser: { colorScheme: "dark" } }, async ({ page }) => {
  await isWarm(page);
  await showsCount(page, 1_234, "1\u202f234");
  const paper = await printed(page);
  assert(paper.length <= 8, `${paper.length} pages`);
  const text = paper.join("\n");
  for (const wanted of ["Kunjungan hari ini", "91.234", "6.401", "Mahasiswa", "Ruang Baca"]) assert(text.includes(wanted), wanted);
  // Also those behind other tabs.
  for (const [key, [first]] of Object.entries(RANKINGS)) assert(text.includes(first!.total.toLocaleString("id")), key);
  assert.doesNotMatch(text, /CSV|Layar lobi|English/);
  await page.emulateMedia({ media: "print" });
  const [paperColor, ink, bar] = await page.evaluate(() => [
    getComputedStyle(document.documentElement).backgroundColor, getComputedStyle(document.body).color,
    getComputedStyle(document.querySelector(".bar")!).getPropertyValue("print-color-adjust"),
  ]);
  assert.deepEqual([paperColor, ink, bar], ["rgb(255, 255, 255)", "rgb(0, 0, 0)", "exact"]);
});

printTest("a report of a year has its months, sums and averages", { path: "/?view=report&lang=en&year=2024" }, async ({ page }) => {
  await page.locator("tfoot").first().waitFor();
  const paper = await printed(page);
  assert(paper.length <= 4, `${paper.length} pages`);
  const rows = await page.locator("main section").first().locator("tr").evaluateAll((rows) => rows.map((row) => [...row.children].map((cell) => cell.textContent)));
  assert.equal(rows.length, 1 + 12 + 3);
  // 25 open days of 900 visits in September, one of them twice as busy; unique people are known for the last 12 months alone.
  assert.deepEqual(rows[9], ["September 2024", "25", "23,400", "–", "3,900", "–"]);
  assert.deepEqual(rows[10], ["October 2024", "27", "24,300", "903", "4,050", "1,501"]);
  // 366 days, 52 of them Sundays.
  assert.deepEqual(rows[13], ["Sum", "314", "283,500", "", "47,250", ""]);
  assert.deepEqual(rows[14]!.slice(0, 3), ["Average per month", "26.2", "23,625"]);
  assert.deepEqual(rows[15], ["Average per open day", "", "902.9", "", "150.5", ""]);
});

printTest("the last 12 complete months are reported by default, with all that forms ask for", { path: "/?view=report&lang=en" }, async ({ page }) => {
  await page.locator("tfoot").first().waitFor();
  const text = await textOf(page, "main");
  assert.match(text, /Period: September 2024 – August 2025/);
  for (const [name, value] of [["active", "20,222"], ["in total", "31,111"], ["titles", "91,234"], ["copies", "183,127"], ["titles with copies", "90,000"],
    ["titles never lent", "45,000"], ["turnover (loans in 12 months ÷ copies)", "0.3"], ["stock not used (never lent ÷ titles with copies)", "50%"],
    ["visits in the last 365 days", "281,700"], ["2025 (until today)", "1,205"], ["300 Social sciences", "8,004"]]) {
    const row = page.locator("tr").filter({ has: page.locator(`th:text-is("${name}")`) }).first();
    assert.equal(await row.locator("td").first().textContent(), value, name);
  }
  await page.locator("#year").selectOption("2023");
  await until(page, () => location.search.includes("year=2023") && document.querySelector("main")?.textContent?.includes("January 2023"));
});
