// How Chromium is started, and what is waited for on the dashboard.

import type { BrowserContextOptions, Page } from "playwright-core";

export const CHROMIUM = "/usr/bin/chromium";
const args = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
  // A request to another host fails, and the failure is on the console.
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];
/** SIGTERM ends this process as it would any other; Chromium ends with it. */
export const LAUNCH = { executablePath: CHROMIUM, args, handleSIGTERM: false };

export const DESK = { width: 1440, height: 900 };
export const PHONE: BrowserContextOptions = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true };
export const ENGLISH: BrowserContextOptions = { locale: "en-GB" };

/** Waits until `predicate` is true in the page. */
export async function until<T>(page: Page, predicate: (argument: T) => unknown, argument?: T): Promise<void> {
  try {
    await page.waitForFunction(predicate as (argument: unknown) => unknown, argument, { polling: 100 });
  } catch (error) {
    throw new Error(`timed out: ${predicate} of ${JSON.stringify(argument)}`, { cause: error });
  }
}

/** Waits until today's number is `total`, written as `text`. */
export const showsCount = (page: Page, total: number, text: string): Promise<void> =>
  until(page, ([total, text]) => {
    const today = document.querySelector<HTMLElement>("#today")!;
    return today.dataset.total === total && today.textContent === text;
  }, [`${total}`, text] as const);

export const showsSomeCount = (page: Page): Promise<void> => page.locator("#today[data-total]").waitFor();

/** Waits until no number is shown as today's, and a note says why. */
export const showsNoCount = (page: Page): Promise<void> =>
  until(page, () => {
    const today = document.querySelector<HTMLElement>("#today")!;
    return !("total" in today.dataset) && document.querySelector("#today-note")!.textContent!.length > 5;
  });

/** `live`, `lost`, `polling`, `connecting`. */
export const isConnected = (page: Page, state: string): Promise<void> =>
  until(page, (state) => document.documentElement.dataset.connection === state, state);

const allFigures = (page: Page, state: string): Promise<void> =>
  until(page, (state) => {
    const figures = [...document.querySelectorAll<HTMLElement>("[data-figure]")];
    return figures.length >= 5 && figures.every(({ dataset }) => dataset.state === state);
  }, state);

/** Waits until every figure is shown. */
export const isWarm = (page: Page): Promise<void> => allFigures(page, "fresh");
/** Waits until every figure says that it is being prepared. */
export const isWarming = (page: Page): Promise<void> => allFigures(page, "warming");

/** Waits until a figure has this state: `fresh`, `stale`, `warming`. */
export const figureIs = (page: Page, key: string, state: string): Promise<void> =>
  page.locator(`[data-figure="${key}"][data-state=${state}]`).waitFor({ state: "attached" });

/** Waits until nothing moves. */
export const isStill = (page: Page): Promise<void> =>
  until(page, () => document.getAnimations().every(({ playState }) => playState !== "running"));

/** `textContent`, as it is in the document. */
export const textOf = async (page: Page, selector: string): Promise<string> => (await page.locator(selector).textContent()) ?? "";
