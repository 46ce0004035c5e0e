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
/** The hour of the day that the pictures show: most visitors have come. */
const AFTERNOON = 15;

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

/** A time zone in which it is afternoon now. The names of such zones count to the west. */
function afternoonZone(): string {
  const west = (new Date().getUTCHours() + 24 - AFTERNOON) % 24;
  return west <= 12 ? `Etc/GMT+${west}` : `Etc/GMT-${24 - west}`;
}

const browser = await chromium.launch(LAUNCH);

async function open(url: string, view: BrowserContextOptions): Promise<Page> {
  const context = await browser.newContext({ locale: "id-ID", colorScheme: "light", reducedMotion: "reduce", ...view });
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
const demo = new Child(binary("demo"), ["--size", size, "--port", `${port}`, "--zone", afternoonZone()]);
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
  await isWarm(page);
  // The report has no count.
  if (name !== "report") {
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
