// Browsers of three makers behind one interface, so that one set of scenarios runs in all of them. Chromium is driven over its
// debugging pipe (devtools.ts), which the oldest one has too; Firefox and WebKitGTK over WebDriver (webdriver.ts).

import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CHROMIUM } from "./dashboard.js";
import { DevTools } from "./devtools.js";
import { eventually, target } from "./processes.js";
import { startFirefox, startWebKit } from "./webdriver.js";

/** What the browser of a visitor is set to. WebKitGTK takes its language from the machine's locales, and `language` is ignored. */
export interface Preferences {
  language: string;
  isDark: boolean;
}

export interface Size {
  width: number;
  height: number;
}

/** One window of a browser. */
export interface Window {
  /** Resolves after the event `load`. */
  goto(url: string): Promise<void>;
  reload(): Promise<void>;
  /** The value of an expression, as JSON can hold it. A promise is awaited. */
  run(expression: string): Promise<unknown>;
  screenshot(): Promise<Buffer>;
  pdf(): Promise<Buffer>;
  /** Sets the size of the page itself, without the frame of the window. Fails if a window of this engine cannot be so narrow. */
  resize(size: Size): Promise<void>;
  /** Messages of the console that are errors, and uncaught exceptions. WebDriver has only what came after the event `load`. */
  consoleErrors(): Promise<string[]>;
  close(): Promise<void>;
}

export interface Browser {
  readonly version: string;
  readonly canPrint: boolean;
  /** A window is visible to its page, however many there are. */
  open(): Promise<Window>;
  end(): Promise<void>;
}

const OLD_CHROMIUM = join(target, "bench/old-chromium");
const GECKODRIVER = join(target, "bench/firefox/bin/geckodriver");

/** What must be there, and how it is started. The names are those of `scripts/install`. */
const ENGINES = {
  chromium: {
    needs: [CHROMIUM],
    start: (preferences: Preferences): Promise<Browser> => DevTools.start(CHROMIUM, preferences),
  },
  firefox: {
    needs: ["/usr/bin/firefox-esr", GECKODRIVER],
    start: (preferences: Preferences): Promise<Browser> => startFirefox(GECKODRIVER, preferences),
  },
  webkit: { needs: ["/usr/bin/WebKitWebDriver", "/usr/bin/Xvfb"], start: startWebKit },
  "old-chromium": {
    needs: [join(OLD_CHROMIUM, "complete")],
    start: (preferences: Preferences): Promise<Browser> => DevTools.start(join(OLD_CHROMIUM, "chromium"), preferences),
  },
};
export type EngineName = keyof typeof ENGINES;

/** Why the tests in an engine are skipped, or `false`. */
export const missingEngine = (name: EngineName): string | false =>
  ENGINES[name].needs.every((path) => existsSync(path)) ? false : `${name} is not installed: scripts/install ${name}`;

/** Between two looks at a page, in ms. Over WebDriver one window waits for all others, and a look takes up to 10 ms. */
const PAUSE = 500;

export class Engine {
  private constructor(readonly name: EngineName, readonly browser: Browser) {}

  static async start(name: EngineName, preferences: Preferences = { language: "id", isDark: false }): Promise<Engine> {
    return new Engine(name, await ENGINES[name].start(preferences));
  }

  async open(url: string, size?: Size): Promise<Page> {
    const window = await this.browser.open();
    if (size) await window.resize(size);
    await window.goto(url);
    return new Page(window);
  }

  end(): Promise<void> {
    return this.browser.end();
  }
}

export class Page {
  constructor(readonly window: Window) {}

  goto = (url: string): Promise<void> => this.window.goto(url);
  reload = (): Promise<void> => this.window.reload();
  resize = (size: Size): Promise<void> => this.window.resize(size);
  consoleErrors = (): Promise<string[]> => this.window.consoleErrors();
  close = (): Promise<void> => this.window.close();
  screenshot = async (path: string): Promise<void> => writeFile(path, await this.window.screenshot());
  pdf = async (path: string): Promise<void> => writeFile(path, await this.window.pdf());

  /** Runs `body` in the page. It sees its arguments and nothing of this file. */
  evaluate<A extends unknown[], R>(body: (...args: A) => R, ...args: A): Promise<Awaited<R>> {
    return this.window.run(`(${body})(...${JSON.stringify(args)})`) as Promise<Awaited<R>>;
  }

  /** Waits until `predicate` is true in the page; says what the page shows if that never happens. */
  async until<A extends unknown[]>(patience: number, predicate: (...args: A) => unknown, ...args: A): Promise<void> {
    try {
      // While a page reloads there is nothing to run it in.
      await eventually("", async () => (await this.evaluate(predicate, ...args)) || undefined, patience, PAUSE);
    } catch (error) {
      const shown = await this.evaluate(() => {
        const today = document.querySelector<HTMLElement>("#today");
        return JSON.stringify([document.documentElement.dataset, today && today.dataset, today && today.textContent]);
      }).catch(String);
      const { cause } = error as Error;
      throw new Error(`timed out: ${predicate} of ${JSON.stringify(args)}; the page shows ${shown}`, { cause });
    }
  }
}
