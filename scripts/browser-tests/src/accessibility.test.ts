// axe-core finds nothing, by all of its rules; and every control works from the keyboard.

import { AxeBuilder } from "@axe-core/playwright";
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { DESK, PHONE, isConnected, isWarm, showsSomeCount, until } from "./dashboard.js";
import { dashboardTest } from "./harness.js";

const VIEWS = {
  "a desk": { path: "/", browser: { viewport: DESK } },
  "a phone": { path: "/", browser: PHONE },
  "the lobby": { path: "/?view=lobby", browser: { viewport: { width: 1_920, height: 1_080 } } },
};

async function violations(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations.flatMap(({ id, help, nodes }) => nodes.map(({ html }) => `${id} (${help}): ${html}`));
}

for (const [where, { path, browser }] of Object.entries(VIEWS)) {
  for (const colorScheme of ["light", "dark"] as const) {
    for (const warm of [true, false]) {
      // Without motion, so that no colour is looked at while it changes.
      const options = { path, warm, browser: { ...browser, colorScheme, reducedMotion: "reduce" as const } };
      dashboardTest(`axe finds nothing on ${where}, ${colorScheme}, ${warm ? "warm" : "warming"}`, options, async ({ page }) => {
        await (warm ? isWarm(page) : isConnected(page, "polling"));
        assert.deepEqual(await violations(page), []);
      });
    }
  }
}

for (const colorScheme of ["light", "dark"] as const) {
  const browser = { colorScheme, reducedMotion: "reduce" as const };
  dashboardTest(`axe finds nothing in the report, ${colorScheme}`, { path: "/?view=report", browser }, async ({ page }) => {
    await page.locator("tfoot").first().waitFor();
    assert.deepEqual(await violations(page), []);
  });
  dashboardTest(`axe finds nothing in the frame, ${colorScheme}`, { path: "/?view=embed", browser }, async ({ page }) => {
    await showsSomeCount(page);
    assert.deepEqual(await violations(page), []);
  });
}

dashboardTest("Tab reaches every control, and the focus is visible", {}, async ({ page }) => {
  await isWarm(page);
  // Arrow keys move among the tabs of a list: only one of them can be reached by Tab.
  const controls = await page.evaluate(() => {
    const nodes = [...document.querySelectorAll<HTMLElement>("a[href], button, [tabindex='0']")];
    const reachable = nodes.filter((node) => node.tabIndex >= 0 && node.checkVisibility({ visibilityProperty: true }));
    reachable.forEach((node) => node.setAttribute("data-unreached", ""));
    return reachable.length;
  });
  assert(controls >= 5, `${controls} controls`);
  for (let press = 0; press < 2 * controls; press += 1) {
    await page.keyboard.press("Tab");
    const invisible = await page.evaluate(() => {
      const node = document.activeElement!;
      node.removeAttribute("data-unreached");
      const { outlineStyle, outlineWidth } = getComputedStyle(node);
      const isVisible = node === document.body || (outlineStyle !== "none" && parseFloat(outlineWidth) >= 2);
      return isVisible ? null : node.outerHTML;
    });
    assert.equal(invisible, null, "has the focus and does not show it");
  }
  assert.deepEqual(await page.locator("[data-unreached]").evaluateAll((nodes) => nodes.map((node) => node.outerHTML)), []);
});

dashboardTest("Enter and arrow keys do what a click does", {}, async ({ page }) => {
  await isWarm(page);
  await page.locator("#language").focus();
  await page.keyboard.press("Enter");
  await page.locator("html[lang=en]").waitFor();
  assert.equal(await page.evaluate(() => document.activeElement?.id), "language");
  await page.locator("[role=tab]").first().focus();
  await page.keyboard.press("ArrowRight");
  await until(page, () => {
    const tab = document.activeElement!;
    const panel = document.getElementById(tab.getAttribute("aria-controls") ?? "");
    const isSecond = tab.previousSibling !== null && tab.getAttribute("aria-selected") === "true";
    return isSecond && panel?.checkVisibility({ visibilityProperty: true });
  });
});
