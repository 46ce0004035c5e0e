// What the page may do, and what stored text may do to it. That nothing comes from another host, every test of the page checks.

import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isWarm, until } from "./dashboard.js";
import { dashboardTest, missing, newContext } from "./harness.js";
import { withLibrary } from "./library.js";
import { root } from "./processes.js";

/** Bytes of all views, their scripts and styles, uncompressed; and of what one view loads, with Brotli. */
const LARGEST = 90_000;
const LARGEST_ENCODED = 25_000;

const isViolation = (message: string) => message.includes("Content Security Policy");

dashboardTest("the policy stops scripts that are not the page's own", { expects: isViolation }, async ({ page, console }) => {
  await isWarm(page);
  await page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "window.broken = true";
    document.body.append(script);
    const image = document.createElement("img");
    document.body.append(image);
    image.setAttribute("onerror", "window.broken = true");
    image.dispatchEvent(new Event("error"));
  });
  assert.equal(await page.evaluate(() => "broken" in window), false);
  assert.equal(console.filter(isViolation).length, 2, console.join("\n"));
});

dashboardTest("markup in names and titles is shown as text", {}, async ({ library, page }) => {
  const markup = `<b>tebal</b> "><script>window.broken = true</script><img src=x onerror="window.broken = true">`;
  await library.worker.store("books:top-borrowed:month", [{ rank: 1, biblio_id: 1, title: markup, total: 5 }]);
  await library.worker.store("visitors:monthly:top", [{ rank: 1, member_id: "1", member_name: markup, institution: markup, total: 5 }]);
  for (const [key, parts] of [["books:top-borrowed:month", 1], ["visitors:monthly:top", 2]] as const) {
    const figure = page.locator(`[data-figure="${key}"]`);
    await figure.locator(".row").nth(1).waitFor({ state: "detached" });
    const shown = await figure.locator(".who > *").evaluateAll((nodes) => (nodes as HTMLElement[]).map((node) => node.innerText));
    assert.deepEqual(shown, Array(parts).fill(markup));
    assert.equal(await figure.locator("b, script, img").count(), 0);
  }
  assert.equal(await page.evaluate(() => "broken" in window), false);
});

test("a script in the logo never runs", { skip: missing }, async () => {
  const folder = mkdtempSync(join(tmpdir(), "library-"));
  const LIBRARY_FILE = join(folder, "library.json");
  writeFileSync(LIBRARY_FILE, JSON.stringify({ logo: "logo.svg" }));
  const script = `document.documentElement.setAttribute("data-broken", "")`;
  writeFileSync(join(folder, "logo.svg"), `<svg xmlns="http://www.w3.org/2000/svg" onload='${script}'><script>${script}</script></svg>`);
  try {
    await withLibrary(async (library) => {
      const context = await newContext();
      const page = await context.newPage();
      await page.goto(library.url("/logo"));
      assert.equal(await page.locator("svg").count(), 1);
      assert.equal(await page.locator("[data-broken]").count(), 0);
      await context.close();
    }, { LIBRARY_FILE });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the page is small, and may not be shown in another site's frame", () => withLibrary(async (library) => {
  const page = await fetch(library.url("/"));
  let size = (await page.text()).length;
  const names = readdirSync(join(root, "gateway/dashboard")).filter((name) => name !== "index.html");
  for (const name of names) {
    const file = await fetch(library.url(name === "live.js" ? "/live.js" : `/dashboard/${name}`));
    assert.equal(file.status, 200, name);
    size += (await file.text()).length;
  }
  assert(size > 1_000 && size < LARGEST, `${size}`);
  assert.match(page.headers.get("content-security-policy") ?? "", /frame-ancestors 'none'/);
}));

for (const view of ["page", "lobby", "report", "embed"]) {
  dashboardTest(`the ${view} loads little`, { path: null }, async ({ library, page }) => {
    // A browser asks for Brotli over TLS alone.
    await page.route("**", (route) => route.continue({ headers: { ...route.request().headers(), "accept-encoding": "br" } }));
    let size = 0;
    page.on("response", (response) => {
      if (!new URL(response.url()).pathname.startsWith("/api/")) size += Number(response.headers()["content-length"]);
    });
    await page.goto(library.url(`/?view=${view}`));
    await until(page, () => document.querySelector("#today, #print"));
    assert(size > 10_000 && size < LARGEST_ENCODED, `${size}`);
  });
}
