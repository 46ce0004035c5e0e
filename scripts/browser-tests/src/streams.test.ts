// How the page hears of counts: one stream for all tabs of a browser, or polling.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { isConnected, isWarm, showsCount } from "./dashboard.js";
import { dashboardTest } from "./harness.js";
import { withLibrary, type Library } from "./library.js";
import { eventually } from "./processes.js";

const streams = (library: Library, wanted: number): Promise<unknown> =>
  eventually(`${wanted} streams`, async () => (await library.gateway.metric("gateway_streams")) === wanted || undefined);

dashboardTest("all tabs of a browser use one stream", { path: null }, async ({ library, context }) => {
  const tabs = [];
  for (let tab = 0; tab < 3; tab += 1) {
    const page = await context.newPage();
    await page.goto(library.url());
    await isWarm(page);
    await showsCount(page, 1_234, "1\u202f234");
    tabs.push(page);
  }
  await streams(library, 1);
  const [first, second, last] = tabs;
  await first!.close();
  await second!.close();
  library.worker.count(1_235);
  await showsCount(last!, 1_235, "1\u202f235");
  assert.equal(await library.gateway.metric("gateway_streams_opened_total"), 1);
  await last!.close();
  await streams(library, 0);
});

// @ts-expect-error: a window has one
const initScript = () => { delete window.SharedWorker; };
dashboardTest("without shared workers a tab has a stream of its own", { initScript }, async ({ library, page }) => {
  assert(await page.evaluate(() => !("SharedWorker" in window)));
  await showsCount(page, 1_234, "1\u202f234");
  library.worker.count(1_235);
  await showsCount(page, 1_235, "1\u202f235");
  await isConnected(page, "live");
});

const variables = { ENABLE_SSE_TODAY: "false" };
const expects = (message: string) => message.includes("404");
dashboardTest("without streams the page polls", { variables, expects }, async ({ library, page }) => {
  await isConnected(page, "polling");
  await showsCount(page, 1_234, "1\u202f234");
  await isWarm(page);
  library.worker.count(1_235);
  await showsCount(page, 1_235, "1\u202f235");
  await isConnected(page, "polling");
});

/** A tab that was frozen gets at once all that the shared worker has told it meanwhile. Here it is busy, and so as deaf. */
dashboardTest("a tab that was frozen replays no old counts", { warm: false }, async ({ library, page }) => {
  await library.worker.countOnce(1_000);
  await showsCount(page, 1_000, "1\u202f000");
  await page.evaluate(() => {
    const today = document.querySelector<HTMLElement>("#today")!;
    new MutationObserver(() => { today.dataset.seen = `${today.dataset.seen ?? ""} ${today.dataset.total}`; })
      .observe(today, { attributes: true, attributeFilter: ["data-total"] });
  });
  const busy = page.evaluate(() => {
    for (const end = performance.now() + 8_000; performance.now() < end;);
    // What came before it froze is no replay.
    document.querySelector<HTMLElement>("#today")!.dataset.seen = "";
  });
  for (let total = 1_001; total <= 1_050; total += 1) {
    await library.worker.countOnce(total);
    await sleep(20);
  }
  await busy;
  await showsCount(page, 1_050, "1\u202f050");
  const seen = (await page.locator("#today").getAttribute("data-seen"))!.trim().split(" ");
  assert(seen.length <= 2, `${seen.length} counts: ${seen.join(" ")}`);
});

/** As in a browser that is too old for the modules. */
dashboardTest("a page whose scripts cannot run shows today's number alone", { path: null, expects: () => true }, async ({ library, page }) => {
  await page.route("**/dashboard/page.js", (route) => route.abort());
  await page.goto(library.url());
  await page.locator("#simple").getByText("1234", { exact: true }).waitFor();
  assert.match(await page.locator("#simple").innerText(), /This browser is too old for the dashboard/);
});

test("ENABLE_DASHBOARD=false removes the page and its scripts", () => withLibrary(async (library) => {
  for (const path of ["/", "/live.js", "/dashboard/page.js"]) assert.equal((await fetch(library.url(path))).status, 404, path);
}, { ENABLE_DASHBOARD: "false" }));
