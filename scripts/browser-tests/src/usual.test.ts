// Today's count beside what is usual, by visitors:hours (snapshots.ts): on every weekday but Sunday 100 visits an hour from 8 to
// 15, 200 from 10 to 11, 30 from 15 to 16. Half of the days lie within 20 % of that.

import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { ENGLISH, isWarm, textOf, until } from "./dashboard.js";
import { dashboardTest, type Scene } from "./harness.js";
import { LONG } from "./library.js";
import { HOURS, TODAY } from "./snapshots.js";

const browser = { ...ENGLISH, timezoneId: "UTC" };

/** Every figure, and no count of now: one that is no later than the last one is not sent on. */
async function fill({ library, page }: Scene): Promise<void> {
  await library.worker.storeAll();
  await isWarm(page);
}

/** Counts `total` visits at a time of the library's day. */
async function count({ library }: Scene, total: number, time: string): Promise<void> {
  await library.worker.countAt(total, new Date(`${TODAY}T${time}Z`), LONG);
}
const says = (page: Page, text: string): Promise<void> => until(page, (text) => document.querySelector("#usual")!.textContent === text, text);

dashboardTest("the count is compared with the quartiles of this weekday at this time", { browser, warm: false }, async (scene) => {
  const { page } = scene;
  await fill(scene);
  // At 12:30 the median is 550, the quartiles are 440 and 660.
  for (const [total, second, verdict] of [
    [661, "00", "Busier than usual"], [660, "01", "As busy as usual"], [440, "02", "As busy as usual"], [439, "03", "Quieter than usual"],
  ] as const) {
    await count(scene, total, `12:30:${second}`);
    await says(page, `${verdict} for Tuesday at 12`);
  }
  assert.equal(await textOf(page, "#quiet-hours"), "Quiet hours today: 15–16");
  const now = () => page.locator(".top [data-figure='visitors:hours'] .bar[data-partial]").getAttribute("data-key");
  assert.equal(await now(), "12");
  await count(scene, 440, "13:05:00");
  await page.locator(".top [data-figure='visitors:hours'] .bar[data-partial][data-key='13']").waitFor();
});

dashboardTest("nothing is said with fewer than four open days, or before opening", { browser, warm: false }, async (scene) => {
  const { library, page } = scene;
  await fill(scene);
  await count(scene, 3, "07:30:00");
  await page.locator("#today[data-total='3']").waitFor();
  assert.equal(await textOf(page, "#usual"), "");
  await count(scene, 700, "12:30:00");
  await says(page, "Busier than usual for Tuesday at 12");
  await library.worker.store("visitors:hours", HOURS.map((row) => ({ ...row, open_days: 3, cumulative_p25: null, cumulative_p50: null, cumulative_p75: null })));
  await says(page, "");
});

/** Its clock is not the library's. */
dashboardTest("nothing is said to a browser that has another date", { browser: { ...browser, timezoneId: "Pacific/Kiritimati" }, warm: false }, async (scene) => {
  await fill(scene);
  // There it is half past twelve of the next day.
  await count(scene, 1_700, "22:30:00");
  await until(scene.page, () => document.querySelector<HTMLElement>("#today")!.dataset.total === "1700");
  assert.equal(await textOf(scene.page, "#usual"), "");
});

dashboardTest("the heat map has the mean of each hour", { browser }, async ({ page }) => {
  await isWarm(page);
  const rows = await page.locator(".heat tr").evaluateAll((rows) => rows.map((row) => [...row.children].map((cell) => cell.textContent)));
  assert.deepEqual(rows[0], ["Day", "08", "09", "10", "11", "12", "13", "14", "15"]);
  assert.deepEqual(rows[1], ["Mon", "100", "100", "200", "100", "100", "100", "100", "30"]);
  assert.deepEqual(rows[7], ["Sun", "0", "0", "0", "0", "0", "0", "0", "0"]);
});
