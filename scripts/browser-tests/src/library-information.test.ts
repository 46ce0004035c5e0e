// What the operator says of the library (LIBRARY_FILE) is on every view: name, logo, opening hours, notices.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { isWarm, textOf, until } from "./dashboard.js";
import { dashboardTest } from "./harness.js";

const folder = mkdtempSync(join(tmpdir(), "library-"));
after(() => rmSync(folder, { recursive: true }));

/** Writes a file that names `hours` for every weekday, and returns the variable that names it. */
function libraryFile(name: string, hours: object[], closed: object[] = []): Record<string, string> {
  const weekdays = [1, 2, 3, 4, 5, 6, 7].flatMap((weekday) => hours.map((span) => ({ weekday, ...span })));
  const path = join(folder, name);
  writeFileSync(join(folder, "logo.svg"), `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M0 0h9v9H0z"/></svg>`);
  writeFileSync(path, JSON.stringify({
    name: "Perpustakaan Kota", subtitle: "Lantai 1", logo: "logo.svg", npp: "32A", hours: weekdays, closed,
    notices: [
      { text: "Lantai 2 ditutup", level: "info" }, { text: "Jaringan terganggu", level: "alert" },
      { text: "Sudah lewat", until: "2020-01-01" }, { text: "Belum mulai", from: "2999-01-01", level: "alert" },
    ],
  }));
  return { LIBRARY_FILE: path };
}
const ALWAYS = libraryFile("always.json", [{ open: "00:00", close: "23:59" }]);
const NEVER = libraryFile("never.json", [{ open: "00:00", close: "00:01" }]);
// The browser's zone, see below, has the date of UTC.
const HOLIDAY = libraryFile("holiday.json", [{ open: "00:00", close: "23:59" }], [{ date: new Date().toISOString().slice(0, 10), reason: "Libur" }]);
// A test at midnight would be wrong for a minute; at noon it never is.
const browser = { timezoneId: `Etc/GMT${new Date().getUTCHours() >= 12 ? "+" : "-"}${Math.abs(new Date().getUTCHours() - 12)}` };

dashboardTest("the page has name, logo, hours and current notices, alerts first", { variables: ALWAYS, browser }, async ({ page }) => {
  await isWarm(page);
  await page.getByText("Perpustakaan Kota", { exact: true }).waitFor();
  assert.equal(await textOf(page, "#subtitle"), "Lantai 1");
  assert.equal(await textOf(page, "#opening"), "Buka sampai pukul 23.59");
  assert.deepEqual(await page.locator("#notices > *").allTextContents(), ["Jaringan terganggu", "Lantai 2 ditutup"]);
  await until(page, () => document.querySelector<HTMLImageElement>("#logo")!.naturalWidth > 0);
});

dashboardTest("in the lobby alerts stay on top, and other notices take their turn", { variables: ALWAYS, browser, path: "/?view=lobby&lang=en" }, async ({ page }) => {
  await isWarm(page);
  await page.locator("#notices").getByText("Jaringan terganggu").waitFor();
  assert.deepEqual(await page.locator("#notices > *").allTextContents(), ["Jaringan terganggu"]);
  assert.deepEqual(await page.locator("#notices-info > *").allTextContents(), ["Lantai 2 ditutup"]);
  assert.equal(await textOf(page, "#opening"), "Open until 23:59");
  assert(await page.locator("#today").isVisible());
});

dashboardTest("outside the opening hours the lobby is dark, and says when it opens", { variables: NEVER, browser, path: "/?view=lobby&lang=en" }, async ({ page }) => {
  await page.locator("html[data-closed]").waitFor();
  const tomorrow = await page.evaluate(() => new Date(Date.now() + 86_400_000).toLocaleDateString("en", { weekday: "long" }));
  await page.locator("#closed-opening").getByText(`Closed. Opens ${tomorrow} at 00:00`).waitFor();
  assert(!(await page.locator("#today").isVisible()));
  assert.match(await textOf(page, "#closed-clock"), /^\d\d:\d\d$/);
  const background = await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  assert.equal(background, "rgb(18, 23, 20)");
});

dashboardTest("a closed day says why", { variables: HOLIDAY, browser, path: "/?view=lobby&lang=en" }, async ({ page }) => {
  await page.locator("html[data-closed]").waitFor();
  assert.match(await textOf(page, "#opening"), /^Closed: Libur\. Opens \w+ at 00:00$/);
});

dashboardTest("without opening hours nothing is ever closed", { path: "/?view=lobby" }, async ({ page }) => {
  await isWarm(page);
  assert.equal(await page.locator("html[data-closed]").count(), 0);
  assert.equal(await textOf(page, "#opening"), "");
});
