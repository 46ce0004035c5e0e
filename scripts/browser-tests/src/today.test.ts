// Today's count, and the day that it belongs to.

import assert from "node:assert/strict";
import { ENGLISH, isConnected, isWarm, showsCount, showsNoCount, textOf, until } from "./dashboard.js";
import { dashboardTest, newContext } from "./harness.js";
import { LONG } from "./library.js";
import { TODAY, TOMORROW } from "./snapshots.js";

dashboardTest("each count is shown at once, in the digits of the language", {}, async ({ library, page }) => {
  await showsCount(page, 1_234, "1\u202f234");
  library.worker.count(1_235);
  await showsCount(page, 1_235, "1\u202f235");
  await until(page, () => /1\.235/.test(document.title));
  library.worker.count(1_200);
  await showsCount(page, 1_200, "1\u202f200");
  await page.goto(library.url("/?lang=en"));
  await showsCount(page, 1_200, "1\u202f200");
  await isConnected(page, "live");
});

dashboardTest("the date is the count's, whatever the browser's time zone", { path: null }, async ({ library }) => {
  for (const timezoneId of ["Pacific/Kiritimati", "Pacific/Pago_Pago"]) {
    const context = await newContext({ ...ENGLISH, timezoneId });
    const page = await context.newPage();
    for (const [query, date] of [["", "Tuesday, September 23, 2025"], ["?lang=id", "Selasa, 23 September 2025"]]) {
      await page.goto(library.url(`/${query}`));
      await showsCount(page, 1_234, "1\u202f234");
      assert.equal(await textOf(page, "#date"), date);
    }
    await context.close();
  }
});

dashboardTest("at midnight the count falls to zero, and the week moves on by a day", {}, async ({ library, page }) => {
  await isWarm(page);
  await showsCount(page, 1_234, "1\u202f234");
  library.worker.count(0, TOMORROW);
  await showsCount(page, 0, "0");
  assert.equal(await textOf(page, "#date"), "Rabu, 24 September 2025");
  // The snapshot of the week is still yesterday's: the day that is over keeps its number.
  const bars = await page.locator("[data-figure='visitors:weekly'] .visits .bar").evaluateAll((bars) =>
    (bars as HTMLElement[]).map(({ dataset }) => [dataset.key, dataset.total, "partial" in dataset]));
  assert.equal(bars.length, 7);
  assert.deepEqual(bars.slice(-2), [[TODAY, "1234", false], [TOMORROW, "0", true]]);
});

/** As when the worker dies just before midnight. */
dashboardTest("an expired count is no longer today's: it is greyed, with its time", { browser: ENGLISH }, async ({ library, page }) => {
  library.worker.count(950);
  await showsCount(page, 950, "950");
  library.worker.stopCounting();
  await showsNoCount(page);
  assert.equal(await page.locator("#today").getAttribute("data-last"), "950");
  const year = new Date().getFullYear();
  assert.match(await textOf(page, "#today-note"), new RegExp(`^Last known: \\w+ \\d+ ${year} \\d\\d:\\d\\d`));
  assert.equal(await textOf(page, "#date"), "");
  assert.doesNotMatch(await page.title(), /950/);
  await isConnected(page, "polling");
  library.worker.count(951);
  await showsCount(page, 951, "951");
  await isConnected(page, "live");
});

/** The shared worker keeps the latest count for tabs that are opened later. */
dashboardTest("a tab that is opened later does not show an expired count", {}, async ({ library, context, page }) => {
  await showsCount(page, 1_234, "1\u202f234");
  library.worker.stopCounting();
  await showsNoCount(page);
  const later = await context.newPage();
  await later.goto(library.url());
  await isWarm(later);
  await showsNoCount(later);
  assert.equal(await textOf(later, "#today"), "–");
});

/** As when the worker dies just before midnight, which its counts then do not outlive. */
dashboardTest("a count that ended with its day is not even the last known", { warm: false }, async ({ library, page }) => {
  // The first becomes `init`, which does not say how long it lives.
  for (const total of [947, 948]) {
    await library.worker.countOnce(total, TODAY, 8_000);
    await showsCount(page, total, `${total}`);
  }
  await library.worker.countOnce(949, TODAY, 3_000);
  await showsCount(page, 949, "949");
  await showsNoCount(page);
  assert.equal(await textOf(page, "#today"), "–");
});

dashboardTest("nothing is touched when nothing has changed", {}, async ({ library, page }) => {
  await isWarm(page);
  await showsCount(page, 1_234, "1\u202f234");
  const changes = await page.evaluate(() => new Promise<string[]>((resolve) => {
    const seen: string[] = [];
    const observer = new MutationObserver((records) => seen.push(...records.map(({ target }) => target.nodeName)));
    observer.observe(document.documentElement, { subtree: true, childList: true, attributes: true, characterData: true });
    setTimeout(() => resolve(seen), 4_000);
  }));
  assert.deepEqual(changes, []);
  library.worker.count(1_235);
  await showsCount(page, 1_235, "1\u202f235");
});

/** With a slow database the next count may be a minute away, and the event `init` does not tell how long its count is valid. */
dashboardTest("a count that is valid for long stays", { warm: false, path: null }, async ({ library, page }) => {
  await library.worker.countOnce(1_234, TODAY, LONG);
  await page.goto(library.url());
  await showsCount(page, 1_234, "1\u202f234");
  await until(page, () => performance.now() > 6_000);
  await showsCount(page, 1_234, "1\u202f234");
  await isConnected(page, "live");
});
