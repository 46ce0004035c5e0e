// Takes the README's pictures: the page before its first snapshots, then on the demo's library with visitors coming in, and last
// without the gateway. `node pictures.js [--folder deploy/pictures] [--size school|university|national]`.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { chromium, type BrowserContextOptions, type Page } from "playwright-core";
import { LAUNCH, isConnected, isStill, isWarm, isWarming, showsNoCount, showsSomeCount } from "./dashboard.js";
import { Child, Gateway, Redis, binary, eventually, freePort } from "./processes.js";

/** A university takes minutes to generate, load and count. */
const DEMO_PATIENCE = 900_000;
/** The hours of the day that the pictures may show, best first: most visitors have come. */
const HOURS = [15, 14, 13, 12, 16, 11];
const SUNDAY = 0;

const { values: { folder, size } } = parseArgs({ options: {
  folder: { type: "string", default: "deploy/pictures" },
  size: { type: "string", default: "university" },
} });

const DESK = { width: 1_440, height: 900 };
const VIEWS: Record<string, BrowserContextOptions & { path: string }> = {
  lobby: { path: "/?view=lobby", viewport: { width: 1_280, height: 720 }, colorScheme: "dark" },
  portrait: { path: "/?view=lobby", viewport: { width: 720, height: 1_280 } },
  report: { path: "/?view=report", viewport: { width: 900, height: 1_270 } },
  phone: { path: "/", viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true },
  dark: { path: "/", viewport: DESK, colorScheme: "dark" },
  desktop: { path: "/", viewport: DESK },
};

/** A time zone in which it is an afternoon of a weekday now. The names of such zones count to the west. */
function afternoonZone(): string {
  const now = new Date();
  for (const hour of HOURS) {
    for (const east of [hour - now.getUTCHours(), hour - now.getUTCHours() + 24]) {
      const weekday = new Date(now.getTime() + east * 3_600_000).getUTCDay();
      if (east >= -12 && east <= 14 && weekday !== SUNDAY) return `Etc/GMT${east <= 0 ? "+" : "-"}${Math.abs(east)}`;
    }
  }
  throw new Error("it is Sunday wherever it is afternoon: take the pictures tomorrow");
}
const zone = afternoonZone();

const browser = await chromium.launch(LAUNCH);

async function open(url: string, view: BrowserContextOptions): Promise<Page> {
  const context = await browser.newContext({ locale: "id-ID", timezoneId: zone, colorScheme: "light", reducedMotion: "reduce", ...view });
  const page = await context.newPage();
  await page.goto(url);
  return page;
}

async function take(page: Page, name: string): Promise<void> {
  await isStill(page);
  await page.screenshot({ path: join(folder, `${name}.png`) });
}

mkdirSync(folder, { recursive: true });
const redis = await Redis.start();
const empty = await Gateway.start(redis.url, "");
const warming = await open(empty.url("/"), { viewport: DESK });
await isWarming(warming);
await isConnected(warming, "polling");
await take(warming, "warming");

const port = await freePort();
const demo = new Child(binary("demo"), ["--size", size, "--years", "5", "--port", `${port}`, "--zone", zone]);
await demo.listens(port, DEMO_PATIENCE);
await eventually("the demo has all of its figures", async () => {
  for (const path of ["visitors", "books"]) {
    const { status } = await fetch(`http://127.0.0.1:${port}/api/${path}/summary`);
    if (status !== 200) return undefined;
  }
  return true;
}, DEMO_PATIENCE);

const pages: Record<string, Page> = {};
for (const [name, { path, ...view }] of Object.entries(VIEWS)) {
  const page = await open(`http://127.0.0.1:${port}${path}`, view);
  if (name === "report") {
    await page.locator("tfoot").first().waitFor();
  } else {
    await isWarm(page);
    await showsSomeCount(page);
    await isConnected(page, "live");
  }
  await take(page, name);
  pages[name] = page;
}

await demo.end("SIGTERM");
await isConnected(pages.desktop!, "lost");
await showsNoCount(pages.desktop!);
await take(pages.desktop!, "outage");

await browser.close();
await empty.end();
await redis.end();
