// What a visitor sees, in any browser: the same scenarios for each engine, all at once in windows of their own.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Engine, missingEngine, type EngineName, type Page } from "./engine.js";
import { Library } from "./library.js";
import { PATIENCE } from "./processes.js";
import { MODES, Proxy, type Mode } from "./proxy.js";
import { RANKINGS, SERIES, TOMORROW, headline, visitsByMonth } from "./snapshots.js";

/** A page whose stream is withheld has the right number after some 25 s; more for a busy machine. */
const WITHHELD_PATIENCE = 40_000;
/** A count lives for 8 s. */
const OUTAGE_PATIENCE = 30_000;
const INDONESIAN = "/?lang=id";

/** Waits until today's number is `total`, as a valid one. */
export const shows = (page: Page, total: number, patience = PATIENCE): Promise<void> =>
  page.until(patience, (total, text) => {
    const today = document.querySelector<HTMLElement>("#today")!;
    return today.dataset.total === total && today.textContent === text;
  }, `${total}`, headline(total));

/** Waits until no number is shown as valid, and a note says why. */
const showsNone = (page: Page, patience = OUTAGE_PATIENCE): Promise<void> =>
  page.until(patience, () => {
    const today = document.querySelector<HTMLElement>("#today")!;
    const note = document.querySelector("#today-note")!.textContent!;
    return !("total" in today.dataset) && (today.textContent === "–" || "last" in today.dataset) && note.length > 5;
  });

const isConnected = (page: Page, state: string): Promise<void> =>
  page.until(PATIENCE, (state) => document.documentElement.dataset.connection === state, state);

/** Waits until every figure of the page has this state. */
export const figuresAre = (page: Page, state: string): Promise<void> =>
  page.until(PATIENCE, (state) => {
    const figures = Array.from(document.querySelectorAll<HTMLElement>("[data-figure]"));
    return figures.length > 20 && figures.every(({ dataset }) => dataset.state === state);
  }, state);

/** A page that is reloaded loses the mark. */
const mark = (page: Page): Promise<void> => page.evaluate(() => document.body.setAttribute("data-same-page", ""));
const isMarked = (page: Page): Promise<boolean> => page.evaluate(() => document.body.hasAttribute("data-same-page"));

/** Records each total that the page shows as valid from now on. */
const record = (page: Page): Promise<void> =>
  page.evaluate(() => {
    const today = document.querySelector<HTMLElement>("#today")!;
    const add = () => { document.body.dataset.seen = `${document.body.dataset.seen || ""} ${today.dataset.total || ""}`; };
    new MutationObserver(add).observe(today, { attributes: true, childList: true, characterData: true, subtree: true });
    add();
  });
const recorded = async (page: Page): Promise<number[]> =>
  (await page.evaluate(() => document.body.dataset.seen!)).split(" ").filter((total) => total !== "").map(Number);

/** What a scenario has: a library that is filled, and a browser. */
interface Scene {
  library: Library;
  engine: Engine;
  open: (path?: string) => Promise<Page>;
}
interface Options {
  warm?: boolean;
  ownRedis?: boolean;
  /** Whether the console may have errors: a browser reports what it could not load. */
  hasErrors?: boolean;
  skip?: string | false;
}

export function scenarios(name: EngineName): void {
  describe(name, { concurrency: true }, () => {
    let started: Promise<Engine> | undefined;
    after(async () => (await started?.catch(() => undefined))?.end());

    const scenario = (title: string, options: Options, body: (scene: Scene) => Promise<void>): void => {
      test(title, { skip: missingEngine(name) || (options.skip ?? false) }, async () => {
        started ??= Engine.start(name, { language: "en", isDark: true });
        const engine = await started;
        const library = await Library.start({}, options.ownRedis);
        const pages: Page[] = [];
        try {
          if (options.warm ?? true) await library.fill();
          await body({ library, engine, open: async (path = INDONESIAN) => {
            const page = await engine.open(path.startsWith("http") ? path : library.url(path));
            pages.push(page);
            return page;
          } });
          if (!options.hasErrors) assert.deepEqual((await Promise.all(pages.map((page) => page.consoleErrors()))).flat(), []);
        } finally {
          // WebKitGTK restarts the shared workers that a closing window has hosted, also those of other windows.
          if (name !== "webkit") await Promise.allSettled(pages.map((page) => page.close()));
          await library.end();
        }
      });
    };
    count(scenario);
    faults(scenario);
    for (const mode of Object.keys(MODES) as Mode[]) if (mode !== "pass") withheld(scenario, mode);
    upgrades(scenario);
    views(scenario);
  });
}

type Scenario = (title: string, options: Options, body: (scene: Scene) => Promise<void>) => void;

function count(scenario: Scenario): void {
  scenario("numbers: the count and the figures are those that are stored", {}, async ({ library, open }) => {
    // As stored, so that the count does not change the week.
    library.worker.count(312);
    const page = await open();
    await shows(page, 312);
    await figuresAre(page, "fresh");
    for (const [key, data] of Object.entries(SERIES)) {
      const bars = await page.evaluate((key) => Array.from(document.querySelectorAll<HTMLElement>(`[data-figure="${key}"] .visits .bar`),
        ({ dataset }) => [dataset.key, dataset.total]), key);
      assert.deepEqual(bars, data.map(({ total, partial, ...name }) => [String(Object.values(name)[0]), `${total}`]), key);
    }
    for (const [key, rows] of Object.entries(RANKINGS)) {
      const text = await page.evaluate((key) => document.querySelector(`[data-figure="${key}"]`)!.textContent!, key);
      for (const { title, member_name, total } of rows) {
        assert(text.includes(`${title ?? member_name ?? ""}`) && text.includes(total.toLocaleString("id")), `${key}: ${text}`);
      }
    }
    const collection = await page.evaluate(() => document.querySelector("[data-figure='books:collection']")!.textContent!);
    assert.match(collection, /91\.234.*183\.127/s);
  });

  scenario("live: changes of the count come without a reload", {}, async ({ library, open }) => {
    const page = await open();
    await shows(page, 1_234);
    await mark(page);
    for (const total of [1_235, 1_200]) {
      library.worker.count(total);
      await shows(page, total);
    }
    await isConnected(page, "live");
    assert(await isMarked(page));
  });

  scenario("midnight: the count of yesterday is never shown as that of today", {}, async ({ library, open }) => {
    const page = await open();
    await shows(page, 1_234);
    library.worker.stopCounting();
    await showsNone(page);
    await record(page);
    const later = await open();
    await showsNone(later);
    library.worker.count(7, TOMORROW);
    for (const each of [page, later]) await shows(each, 7);
    assert.deepEqual([...new Set(await recorded(page))], [7]);
    await page.reload();
    await shows(page, 7);
  });

  scenario("warming: a page that is opened before the first figures fills itself", { warm: false }, async ({ library, open }) => {
    const page = await open();
    await figuresAre(page, "warming");
    await showsNone(page);
    await mark(page);
    await library.fill();
    await shows(page, 1_234);
    await figuresAre(page, "fresh");
    assert(await isMarked(page));
  });

  scenario("preferences: the page has the language and the colours of the browser", {}, async ({ open }) => {
    const page = await open("/");
    await page.until(PATIENCE, () => document.documentElement.lang === "en" && document.querySelector("#today")!.textContent === "1\u202f234");
    const background = await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    const [red, green, blue] = background.match(/\d+/g)!.map(Number);
    assert(red! + green! + blue! < 384, background);
    for (const width of [1_440, 500]) {
      await page.resize({ width, height: 900 });
      await page.until(PATIENCE, (width) => innerWidth === width && document.documentElement.scrollWidth <= width, width);
    }
  });
}

function faults(scenario: Scenario): void {
  scenario("restart: the page comes back when the gateway does", { hasErrors: true }, async ({ library, open }) => {
    const page = await open();
    await shows(page, 1_234);
    await mark(page);
    await library.gateway.end("SIGTERM");
    library.worker.count(1_300);
    await library.gateway.restart();
    await shows(page, 1_300);
    await isConnected(page, "live");
    library.worker.count(1_301);
    await shows(page, 1_301);
    assert(await isMarked(page));
  });

  scenario("outage: without Redis no count outlives its time", { ownRedis: true, hasErrors: true }, async ({ library, open }) => {
    const page = await open();
    await shows(page, 1_234);
    await figuresAre(page, "fresh");
    await library.redis.stop();
    await showsNone(page);
    await figuresAre(page, "fresh");
    await library.redis.restart();
    await library.worker.isConnected();
    await library.worker.storeAll();
    library.worker.count(1_250);
    await shows(page, 1_250);
    await isConnected(page, "live");
  });
}

function withheld(scenario: Scenario, mode: Mode): void {
  scenario(`withheld: the page polls behind a proxy that ${MODES[mode]}`, { hasErrors: true }, async ({ library, open }) => {
    const proxy = await Proxy.start(library.gateway.port, mode);
    try {
      const page = await open(proxy.url(INDONESIAN));
      await record(page);
      if (mode === "kept-open") {
        await isConnected(page, "live");
        await library.gateway.end();
        library.worker.count(1_235);
        await library.gateway.restart();
        // The next stream is not withheld: whether the page polls until then is its own affair.
      } else {
        library.worker.count(1_235);
        await page.until(WITHHELD_PATIENCE, () => document.documentElement.dataset.connection === "polling");
      }
      await shows(page, 1_235, WITHHELD_PATIENCE);
      library.worker.count(1_236);
      await shows(page, 1_236, WITHHELD_PATIENCE);
      // Meanwhile the delayed stream still tells of 1,235.
      if (mode === "delayed") await sleep(2_000);
      const totals = await recorded(page);
      assert.deepEqual(totals, [...totals].sort((one, other) => one - other));
      proxy.cut("pass");
      await isConnected(page, "live");
      library.worker.count(1_237);
      await shows(page, 1_237);
      await isConnected(page, "live");
    } finally {
      proxy.end();
    }
  });
}

function upgrades(scenario: Scenario): void {
  /** Opens a page whose version is "first", then gives it `version` and breaks its stream. */
  const upgrade = async ({ library, open }: Scene, version: () => string, body: (page: Page, proxy: Proxy) => Promise<void>): Promise<void> => {
    const proxy = await Proxy.start(library.gateway.port);
    try {
      proxy.version = () => "first";
      const page = await open(proxy.url(INDONESIAN));
      await shows(page, 1_234);
      await isConnected(page, "live");
      await mark(page);
      proxy.version = version;
      proxy.cut("pass");
      await page.until(PATIENCE, () => !document.body.hasAttribute("data-same-page"));
      await body(page, proxy);
    } finally {
      proxy.end();
    }
  };
  const hasErrors = true;

  scenario("upgrade: the page reloads itself when the gateway has another one", { hasErrors }, (scene) =>
    upgrade(scene, () => "second", async (page, proxy) => {
      await shows(page, 1_234);
      assert.equal(await page.evaluate(() => document.documentElement.dataset.version), "second");
      await isConnected(page, "live");
      await mark(page);
      proxy.cut("pass");
      scene.library.worker.count(1_235);
      await shows(page, 1_235);
      await isConnected(page, "live");
      assert(await isMarked(page));
      assert.equal(proxy.loads, 2);
    }));

  /** As while gateways of two versions stand behind one balancer. */
  scenario("upgrade: the page does not reload itself again and again", { hasErrors }, (scene) =>
    upgrade(scene, randomUUID, async (page, proxy) => {
      await shows(page, 1_234);
      await isConnected(page, "live");
      await sleep(5_000);
      assert.equal(proxy.loads, 2);
    }));
}

const PDFTOTEXT = "/usr/bin/pdftotext";

function views(scenario: Scenario): void {
  const skip = existsSync(PDFTOTEXT) ? false : "pdftotext is not installed: scripts/install pdftotext";
  scenario("report: it prints every month on four pages at most", { skip }, async ({ engine, open }) => {
    const page = await open("/?view=report&lang=id");
    await page.until(PATIENCE, () => document.documentElement.dataset.view === "report"
      && document.querySelector("[data-figure='visitors:daily'][data-state=fresh]"));
    const text = engine.browser.canPrint ? await printed(page) : await page.evaluate(() => document.body.innerText);
    // The 12 complete months before September 2025.
    for (const [month, total] of [...visitsByMonth()].slice(-13, -1)) {
      const name = new Intl.DateTimeFormat("id", { month: "long", timeZone: "UTC" }).format(new Date(month));
      assert(text.includes(name) && text.includes(total.toLocaleString("id")), `${name}: ${total}\n${text}`);
    }
  });

  scenario("embed: the number, live", {}, async ({ library, open }) => {
    const page = await open("/?view=embed&lang=id");
    await page.until(PATIENCE, () => document.documentElement.dataset.view === "embed");
    await shows(page, 1_234);
    library.worker.count(1_235);
    await shows(page, 1_235);
  });
}

/** The text of the page on paper. A page of paper ends with a form feed. */
async function printed(page: Page): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "report-"));
  try {
    await page.pdf(join(folder, "report.pdf"));
    const text = execFileSync(PDFTOTEXT, ["-layout", join(folder, "report.pdf"), "-"], { encoding: "utf8" });
    assert(text.split("\f").length - 1 <= 4, `${text.split("\f").length - 1} pages`);
    return text;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
