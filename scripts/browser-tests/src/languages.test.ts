// Indonesian and English: which one is shown, and that no text is missing.

import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { isConnected, isWarm, showsCount, textOf } from "./dashboard.js";
import { dashboardTest } from "./harness.js";

async function speaks(page: Page, language: "id" | "en"): Promise<void> {
  await page.locator(`html[lang=${language}]`).waitFor();
  assert.equal(await textOf(page, "h1"), language === "id" ? "Kunjungan hari ini" : "Visits today");
}

for (const [preferred, shown] of [["en-GB,en", "en"], ["fr-FR,en,id", "en"], ["id-ID,id", "id"], ["fr-FR,fr", "id"]] as const) {
  dashboardTest(`a browser that prefers ${preferred} is shown ${shown}`, { warm: false, path: null }, async ({ library, context, page }) => {
    const userAgent = await page.evaluate(() => navigator.userAgent);
    const devTools = await context.newCDPSession(page);
    await devTools.send("Emulation.setUserAgentOverride", { userAgent, acceptLanguage: preferred });
    await page.goto(library.url());
    await speaks(page, shown);
  });
}

dashboardTest("the address overrides the browser, and the button both", { path: "/?lang=en" }, async ({ library, page }) => {
  await isWarm(page);
  await speaks(page, "en");
  await page.evaluate(() => document.body.setAttribute("data-same-page", ""));
  await page.locator("#language").click();
  await speaks(page, "id");
  await showsCount(page, 1_234, "1\u202f234");
  await page.locator("body[data-same-page]").waitFor();
  await page.locator("#language").click();
  await speaks(page, "en");
  // It is remembered.
  await page.goto(library.url());
  await speaks(page, "en");
});

for (const language of ["id", "en"]) {
  for (const view of ["page", "lobby"]) {
    const path = `/?lang=${language}&view=${view}`;
    dashboardTest(`no text is missing at ${path}`, { path, warm: false }, async ({ library, page }) => {
      await isConnected(page, "polling");
      await allTextIsThere(page);
      await library.fill();
      await isWarm(page);
      await showsCount(page, 1_234, "1\u202f234");
      await allTextIsThere(page);
    });
  }
}

async function allTextIsThere(page: Page): Promise<void> {
  const text = (await textOf(page, "body > header")) + (await textOf(page, "main"));
  assert.doesNotMatch(text, /undefined|null|NaN|Invalid|\[object/);
  const empty = await page.locator("[data-word], h1, h2, button, th, #connection").evaluateAll((nodes) =>
    nodes.filter((node) => node.textContent!.trim() === "").map((node) => node.outerHTML));
  assert.deepEqual(empty, []);
}
