// Restarts and outages: figures stay, a count that may be wrong is not shown, and everything comes back without a reload.

import { isConnected, isWarm, isWarming, showsCount, showsNoCount } from "./dashboard.js";
import { dashboardTest, type Scene } from "./harness.js";

/** The browser reports what it could not load. */
const expects = (message: string): boolean => message.startsWith("error: Failed to load resource");

for (const signal of ["SIGKILL", "SIGTERM"] as const) {
  dashboardTest(`the page recovers from a gateway that is restarted by ${signal}`, { expects }, async ({ library, page }) => {
    await isWarm(page);
    await showsCount(page, 1_234, "1\u202f234");
    await library.gateway.end(signal);
    await isConnected(page, "lost");
    await isWarm(page);
    await library.worker.store("books:collection", { total_titles: 7, total_items: 8 });
    library.worker.count(1_300);
    await library.gateway.restart();
    await isConnected(page, "live");
    await showsCount(page, 1_300, "1\u202f300");
    await page.locator("[data-key=total_titles][data-total='7']").waitFor();
    library.worker.count(1_301);
    await showsCount(page, 1_301, "1\u202f301");
  });
}

const ownRedis = { ownRedis: true, expects };

dashboardTest("a page that is opened before Redis is there fills itself", { ...ownRedis, warm: false, path: null }, async ({ library, page }) => {
  await library.redis.stop();
  await page.goto(library.url());
  await isWarming(page);
  await showsNoCount(page);
  await comesBack({ library, page });
});

dashboardTest("in an outage of Redis figures stay and the count goes", ownRedis, async ({ library, context, page }) => {
  await isWarm(page);
  await showsCount(page, 1_234, "1\u202f234");
  await library.redis.stop();
  await showsNoCount(page);
  await isConnected(page, "polling");
  await isWarm(page);
  const later = await context.newPage();
  await later.goto(library.url());
  await isWarm(later);
  await showsNoCount(later);
  await comesBack({ library, page });
});

async function comesBack({ library, page }: Pick<Scene, "library" | "page">): Promise<void> {
  await library.redis.restart();
  await library.worker.isConnected();
  await library.worker.storeAll();
  library.worker.count(1_250);
  await showsCount(page, 1_250, "1\u202f250");
  await isWarm(page);
  await isConnected(page, "live");
}
