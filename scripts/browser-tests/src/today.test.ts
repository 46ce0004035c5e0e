// Today's count, and the day that it belongs to.

import assert from "node:assert/strict";
import { ENGLISH, isConnected, isWarm, showsCount, showsNoCount, textOf, until } from "./dashboard.js";
import { dashboardTest, newContext } from "./harness.js";
import { LONG } from "./library.js";
import { TODAY, TOMORROW } from "./snapshots.js";

dashboardTest("each count is shown at once, in the digits of the language", {}, async ({ library, page }) => {
  await showsCount(page, 1_234, "1.234");
  library.worker.count(1_235);
  await showsCount(page, 1_235, "1.235");
  assert.match(await page.title(), /1\.235/);
  library.worker.count(1_200);
  await showsCount(page, 1_200, "1.200");
  await page.goto(library.url("/?lang=en"));
  await showsCount(page, 1_200, "1,200");
  await isConnected(page, "live");
});

dashboardTest("the date is the count's, whatever the browser's time zone", { path: null }, async ({ library }) => {
  for (const timezoneId of ["Pacific/Kiritimati", "Pacific/Pago_Pago"]) {
    const context = await newContext({ ...ENGLISH, timezoneId });
    const page = await context.newPage();
    for (const [query, count, date] of [["", "1,234", "Tuesday, September 23, 2025"], ["?lang=id", "1.234", "Selasa, 23 September 2025"]]) {
      await page.goto(library.url(`/${query}`));
      await showsCount(page, 1_234, count!);
      assert.equal(await textOf(page, "#date"), date);
    }
    await context.close();
  }
});

dashboardTest("at midnight the count falls to zero, and the week moves on by a day", {}, async ({ library, page }) => {
  await isWarm(page);
  await showsCount(page, 1_234, "1.234");
  library.worker.count(0, TOMORROW);
  await showsCount(page, 0, "0");
  assert.equal(await textOf(page, "#date"), "Rabu, 24 September 2025");
  // The snapshot of the week is still yesterday's: the day that is over keeps its number.
  const bars = await page.locator("[data-figure='visitors:weekly'] .bar").evaluateAll((bars) =>
    (bars as HTMLElement[]).map(({ dataset }) => [dataset.key, dataset.total, "partial" in dataset]));
  assert.equal(bars.length, 7);
  assert.deepEqual(bars.slice(-2), [[TODAY, "1234", false], [TOMORROW, "0", true]]);
});

/** As when the worker dies just before midnight. */
dashboardTest("an expired count is not shown", {}, async ({ library, page }) => {
  library.worker.count(950);
  await showsCount(page, 950, "950");
  library.worker.stopCounting();
  await showsNoCount(page);
  assert.doesNotMatch(await textOf(page, "#now"), /950/);
  assert.equal(await textOf(page, "#date"), "");
  assert.doesNotMatch(await page.title(), /950/);
  await isConnected(page, "lost");
  library.worker.count(951);
  await showsCount(page, 951, "951");
  await isConnected(page, "live");
});

/** The shared worker keeps the latest count for tabs that are opened later. */
dashboardTest("a tab that is opened later does not show an expired count", {}, async ({ library, context, page }) => {
  await showsCount(page, 1_234, "1.234");
  library.worker.stopCounting();
  await showsNoCount(page);
  const later = await context.newPage();
  await later.goto(library.url());
  await isWarm(later);
  await showsNoCount(later);
  assert.doesNotMatch(await textOf(later, "#now"), /1\.234/);
});

/** With a slow database the next count may be a minute away, and the event `init` does not tell how long its count is valid. */
dashboardTest("a count that is valid for long stays", { warm: false, path: null }, async ({ library, page }) => {
  await library.worker.countOnce(1_234, TODAY, LONG);
  await page.goto(library.url());
  await showsCount(page, 1_234, "1.234");
  await until(page, () => performance.now() > 6_000);
  await showsCount(page, 1_234, "1.234");
  await isConnected(page, "live");
});
