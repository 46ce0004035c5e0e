// Screens in lobbies and in hands: everything fits, and is large enough.

import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { PHONE, isConnected, isWarm, showsCount, until } from "./dashboard.js";
import { dashboardTest } from "./harness.js";

const LOBBIES = [{ width: 1_280, height: 720 }, { width: 1_920, height: 1_080 }, { width: 3_840, height: 2_160 }];

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
    // 16 px where the screen is 720 high.
    assert.deepEqual((await textsOf(page)).filter(({ size }) => size < height / 45), []);
  });
}

dashboardTest("rankings take turns in the lobby", { path: "/?view=lobby" }, async ({ page }) => {
  await isWarm(page);
  const shown = () => page.locator(".turn").evaluateAll((panels) => (panels as HTMLElement[])
    .filter((panel) => panel.checkVisibility({ visibilityProperty: true })).map(({ dataset }) => dataset.figure));
  const first = await shown();
  assert.equal(first.length, 1);
  await until(page, (first) => {
    const panel = document.querySelector<HTMLElement>(`.turn[data-figure="${first}"]`)!;
    return !panel.checkVisibility({ visibilityProperty: true });
  }, first[0]);
  assert.equal((await shown()).length, 1);
});

for (const language of ["id", "en"]) {
  dashboardTest(`a phone scrolls in one direction only (${language})`, { browser: PHONE, path: `/?lang=${language}` }, async ({ page }) => {
    await isWarm(page);
    await showsCount(page, 1_234, "1\u202f234");
    assert.deepEqual(await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]), [360, 360]);
    await fits(page, 360, Infinity);
  });
}

for (const path of ["/", "/?view=lobby"]) {
  dashboardTest(`nothing moves at ${path} for a reader who prefers reduced motion`, { path }, async ({ page }) => {
    const moving = () => page.evaluate(() => [...document.querySelectorAll("*")].filter((node) => {
      const { transitionDuration, animationName } = getComputedStyle(node);
      return animationName !== "none" || transitionDuration.split(", ").some((time) => parseFloat(time) > 0);
    }).length);
    await isWarm(page);
    assert(await moving() > 0);
    await page.emulateMedia({ reducedMotion: "reduce" });
    assert.equal(await moving(), 0);
  });
}
