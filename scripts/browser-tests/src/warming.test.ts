// Before the first snapshots exist, figures say that they are being prepared; nothing on the page jumps when they come.

import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { DESK, PHONE, figureIs, isConnected, isWarm, isWarming, showsCount, showsNoCount } from "./dashboard.js";
import { dashboardTest } from "./harness.js";
import { SNAPSHOTS } from "./snapshots.js";

/** Screens so high that all is in view: the browser counts no shift outside of it. */
const VIEWS = {
  "on a desk": { path: "/", browser: { viewport: { ...DESK, height: 7_000 } } },
  "in the lobby": { path: "/?view=lobby", browser: { viewport: { width: 1_280, height: 720 } } },
  "on a phone": { path: "/", browser: { ...PHONE, viewport: { width: 360, height: 14_000 } } },
};
/** The browser calls 0.1 good. On so high a screen one inserted line is 0.01. */
const LARGEST_SHIFT = 0.001;

for (const [where, view] of Object.entries(VIEWS)) {
  dashboardTest(`nothing jumps when figures come ${where}`, { ...view, warm: false }, async ({ library, page }) => {
    await isReadyToFill(page);
    await library.fill();
    await showsCount(page, 1_234, "1\u202f234");
    await isWarm(page);
    await nothingHasJumped(page);
  });
}

dashboardTest("each figure comes by itself, and nothing jumps", { ...VIEWS["on a desk"], warm: false }, async ({ library, page }) => {
  await isReadyToFill(page);
  await page.evaluate(() => document.body.setAttribute("data-same-page", ""));
  // The count is known long before the snapshots.
  library.worker.count(1_234);
  await showsCount(page, 1_234, "1\u202f234");
  for (const key of ["books:collection", "visitors:weekly"]) {
    await page.locator(`[data-figure="${key}"]`).getByText("Sedang disiapkan").waitFor();
    await library.worker.store(key, SNAPSHOTS[key]);
    await figureIs(page, key, "fresh");
    await figureIs(page, "visitors:monthly", "warming");
  }
  // The second of these is above the first when both are there at once.
  for (const key of ["visitors:rooms:month", "visitors:institutions:month"]) {
    await library.worker.store(key, SNAPSHOTS[key]);
    await figureIs(page, key, "fresh");
  }
  await library.worker.storeAll();
  await isWarm(page);
  await page.locator("body[data-same-page]").waitFor();
  await nothingHasJumped(page);
});

async function isReadyToFill(page: Page): Promise<void> {
  await isWarming(page);
  await showsNoCount(page);
  await isConnected(page, "polling");
}

/** By the browser's own account since the page was opened. */
async function nothingHasJumped(page: Page): Promise<void> {
  const shifts = await page.evaluate(() => new Promise<{ value: number; nodes: string[] }[]>((resolve) => {
    type Shift = PerformanceEntry & { value: number; sources: { node?: Element }[] };
    const shifts: { value: number; nodes: string[] }[] = [];
    const add = (entries: PerformanceEntryList) => {
      for (const { value, sources } of entries as Shift[]) {
        shifts.push({ value, nodes: sources.map(({ node }) => node?.outerHTML?.slice(0, 80) ?? String(node?.textContent)) });
      }
    };
    const observer = new PerformanceObserver((list) => add(list.getEntries()));
    observer.observe({ type: "layout-shift", buffered: true });
    requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => { add(observer.takeRecords()); resolve(shifts); })));
  }));
  const sum = shifts.reduce((sum, { value }) => sum + value, 0);
  assert(sum < LARGEST_SHIFT, JSON.stringify(shifts, null, 1));
}
