// A test of the dashboard: a library, and a page that looks at it in a headless Chromium.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, test } from "node:test";
import { chromium, type Browser, type BrowserContext, type BrowserContextOptions, type Page } from "playwright-core";
import { CHROMIUM, DESK, LAUNCH } from "./dashboard.js";
import { Library } from "./library.js";
import { PATIENCE } from "./processes.js";

export const missing = existsSync(CHROMIUM) ? false : "Chromium is not installed: scripts/install chromium";

let browser: Promise<Browser> | undefined;
after(async () => (await browser)?.close());

/** One browser for each test file, with a fresh profile (context) for each test. The default language is Indonesian. */
export async function newContext(options: BrowserContextOptions = {}): Promise<BrowserContext> {
  browser ??= chromium.launch(LAUNCH);
  const context = await (await browser).newContext({ locale: "id-ID", viewport: DESK, ...options });
  context.setDefaultTimeout(PATIENCE);
  return context;
}

interface Options {
  /** Whether all snapshots and today's count exist from the beginning; `true` by default. */
  warm?: boolean;
  /** Variables of the gateway. */
  variables?: Record<string, string>;
  /** A Redis of the test's own, which it may stop. */
  ownRedis?: boolean;
  browser?: BrowserContextOptions;
  /** What the page opens first; `null` for nothing. */
  path?: string | null;
  /** Runs before each page's own scripts. */
  initScript?: () => void;
  /** Whether a message on the console is expected. None is by default. */
  expects?: (message: string) => boolean;
}

export interface Scene {
  library: Library;
  context: BrowserContext;
  page: Page;
  /** All messages on the consoles of all pages. */
  console: string[];
}

/** Like `test`, with a library and a page. Fails if anything unexpected is on the console, or another host is asked for anything. */
export function dashboardTest(name: string, options: Options, body: (scene: Scene) => Promise<void>): void {
  test(name, { skip: missing }, async () => {
    const library = await Library.start(options.variables, options.ownRedis);
    const console: string[] = [];
    const requests: string[] = [];
    let context: BrowserContext | undefined;
    try {
      if (options.warm ?? true) await library.fill();
      context = await newContext(options.browser);
      context.on("console", (message) => { console.push(`${message.type()}: ${message.text()}`); });
      context.on("weberror", (error) => { console.push(`uncaught: ${error.error()}`); });
      context.on("request", (request) => { requests.push(request.url()); });
      if (options.initScript) await context.addInitScript(options.initScript);
      const page = await context.newPage();
      if (options.path !== null) await page.goto(library.url(options.path));
      await body({ library, context, page, console });
      assert.deepEqual(console.filter((message) => !options.expects?.(message)), [], "on the console");
      assert.deepEqual(requests.filter((url) => !url.startsWith(library.url()) && !url.startsWith("data:")), [], "other hosts");
    } finally {
      await context?.close();
      await library.end();
    }
  });
}

