// How the page hears of counts: one stream for all tabs of a browser, or polling.

import assert from "node:assert/strict";
import { test } from "node:test";
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

test("ENABLE_DASHBOARD=false removes the page and its script", () => withLibrary(async (library) => {
  for (const path of ["/", "/stream.js"]) assert.equal((await fetch(library.url(path))).status, 404, path);
}, { ENABLE_DASHBOARD: "false" }));
