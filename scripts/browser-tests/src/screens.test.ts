// Screens in lobbies and in hands: everything fits, and is large enough.

import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { PHONE, isConnected, isWarm, showsCount } from "./dashboard.js";
import { dashboardTest } from "./harness.js";
import { eventually } from "./processes.js";

const LOBBIES = [{ width: 1_280, height: 720 }, { width: 3_840, height: 2_160 }, { width: 1_080, height: 1_920 }];
/** 20 arc minutes on 55 inches at five metres, of the shorter side. */
const LEGIBLE = 34 / 720;

/** Every visible text: its place, its font size, and whether an element around it cuts a part of it off. */
const textsOf = (page: Page) => page.evaluate(() => {
  const nodes = [...document.querySelectorAll("body *")].filter((node) =>
    [...node.childNodes].some((child) => child.nodeType === Node.TEXT_NODE && child.textContent!.trim())
    && node.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && !node.closest(".unseen, script, noscript"));
  return nodes.map((node) => {
    const { left, top, right, bottom } = node.getBoundingClientRect();
    let [clipTop, clipBottom] = [-Infinity, Infinity];
    for (let around = node.parentElement!; around !== document.body; around = around.parentElement!) {
      if (getComputedStyle(around).overflow === "visible") continue;
      const box = around.getBoundingClientRect();
      [clipTop, clipBottom] = [Math.max(clipTop, box.top), Math.min(clipBottom, box.bottom)];
    }
    const isOutside = bottom <= clipTop + 1 || top >= clipBottom - 1;
    const isWhole = top >= clipTop - 1 && bottom <= clipBottom + 1;
    const size = parseFloat(getComputedStyle(node).fontSize);
    return { text: node.textContent, size, isOutside, isWhole, left, top, right, bottom };
  }).filter(({ isOutside }) => !isOutside);
});

async function fits(page: Page, width: number, height: number): Promise<void> {
  const texts = await textsOf(page);
  assert(texts.length > 5, `${texts.length} texts`);
  const beyond = texts.filter(({ isWhole, left, top, right, bottom }) =>
    !isWhole || left < -1 || top < -1 || right > width + 1 || bottom > height + 1);
  assert.deepEqual(beyond, []);
}

for (const viewport of LOBBIES) {
  const options = { path: "/?view=lobby&lang=en", browser: { viewport } };
  dashboardTest(`the lobby fits ${viewport.width} × ${viewport.height} and can be read from afar`, { ...options, warm: false }, async ({ library, page }) => {
    const { width, height } = viewport;
    const scrolls = () => page.evaluate(() => [document.documentElement, document.body].some((node) =>
      node.scrollHeight > innerHeight || node.scrollWidth > innerWidth));
    await isConnected(page, "polling");
    await fits(page, width, height);
    assert(!(await scrolls()));
    await library.fill();
    await isWarm(page);
    await showsCount(page, 1_234, "1\u202f234");
    await fits(page, width, height);
    assert(!(await scrolls()));
    assert.deepEqual((await textsOf(page)).filter(({ size }) => size < LEGIBLE * Math.min(width, height)), []);
  });
}

dashboardTest("rankings take turns in the lobby", { path: "/?view=lobby" }, async ({ page }) => {
  await isWarm(page);
  const shown = () => page.locator(".turn").evaluateAll((panels) => (panels as HTMLElement[])
    .filter((panel) => panel.checkVisibility({ visibilityProperty: true })).map(({ dataset }) => dataset.figure));
  // For a moment one fades out while the next fades in.
  const alone = () => eventually("one panel is shown", async () => { const all = await shown(); return all.length === 1 ? all[0] : undefined; });
  const first = await alone();
  const second = await eventually("another panel is shown", async () => { const next = await alone(); return next === first ? undefined : next; });
  assert.notEqual(second, first);
});

for (const language of ["id", "en"]) {
  dashboardTest(`a phone scrolls in one direction only (${language})`, { browser: PHONE, path: `/?lang=${language}` }, async ({ page }) => {
    await isWarm(page);
    await showsCount(page, 1_234, "1\u202f234");
    assert.deepEqual(await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]), [360, 360]);
    await fits(page, 360, Infinity);
  });
}

/** 1280 pixels wide, twice as large. */
dashboardTest("at 200 % nothing scrolls sideways", { browser: { viewport: { width: 640, height: 400 } } }, async ({ page }) => {
  await isWarm(page);
  assert.deepEqual(await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]), [640, 640]);
  await fits(page, 640, Infinity);
});

/** WCAG 1.4.11. Text is axe's affair. */
for (const colorScheme of ["light", "dark"] as const) {
  dashboardTest(`bars stand out from the paper by 3 to 1 (${colorScheme})`, { browser: { colorScheme } }, async ({ page }) => {
    await isWarm(page);
    const ratios = await page.evaluate(() => {
      const luminance = (color: string) => {
        const [red, green, blue] = color.match(/[\d.]+/g)!.map((part) => Number(part) / 255)
          .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
        return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
      };
      const paper = luminance(getComputedStyle(document.documentElement).backgroundColor);
      const style = getComputedStyle(document.documentElement);
      return ["--past", "--second", "--accent", "--stripe"].map((name) => {
        const probe = document.body.appendChild(document.createElement("i"));
        probe.style.color = style.getPropertyValue(name);
        const bar = luminance(getComputedStyle(probe).color);
        return [name, (Math.max(bar, paper) + 0.05) / (Math.min(bar, paper) + 0.05)] as const;
      });
    });
    assert.deepEqual(ratios.filter(([, ratio]) => ratio < 3), []);
  });
}

dashboardTest("in forced colours bars and the heat map are still there", { browser: { forcedColors: "active" } }, async ({ page }) => {
  await isWarm(page);
  const colors = await page.evaluate(() => [".bar:not([data-partial])", ".bar[data-partial]", ".legend [data-level='5']"].map((selector) =>
    getComputedStyle(document.querySelector(selector)!).backgroundColor));
  const paper = await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  for (const color of colors) assert.notEqual(color, paper);
});

for (const path of ["/", "/?view=lobby"]) {
  dashboardTest(`nothing moves at ${path} for a reader who prefers reduced motion`, { path }, async ({ page }) => {
    const moving = () => page.evaluate(() => [...document.querySelectorAll("*")].filter((node) => {
      const { transitionDuration, animationName } = getComputedStyle(node);
      return animationName !== "none" || transitionDuration.split(", ").some((time) => parseFloat(time) > 0);
    }).length);
    await isWarm(page);
    if (path !== "/") assert(await moving() > 0);
    await page.emulateMedia({ reducedMotion: "reduce" });
    assert.equal(await moving(), 0);
  });
}
