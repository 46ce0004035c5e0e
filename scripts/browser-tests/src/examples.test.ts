// Pages of another origin than the gateway's: that of deploy/examples, served as its README says, and a copy of the dashboard.

import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { isConnected, isWarm, showsCount, until } from "./dashboard.js";
import { missing, newContext } from "./harness.js";
import { withLibrary, type Library } from "./library.js";
import { withAddress } from "./page-server.js";
import { Child, freePort, root } from "./processes.js";
import { SERIES, SNAPSHOTS } from "./snapshots.js";

interface Scene {
  library: Library;
  /** What the other web server serves. */
  folder: string;
  origin: string;
  tab: Page;
}

/** A library that is filled and allows another web server's pages, and a tab. Fails if anything is on the console. */
function otherOriginTest(name: string, body: (scene: Scene) => Promise<void>): void {
  test(name, { skip: missing }, async () => {
    const port = await freePort();
    const origin = `http://127.0.0.1:${port}`;
    const folder = mkdtempSync(join(tmpdir(), "page-"));
    const server = new Child("python3", ["-m", "http.server", "--bind", "127.0.0.1", "--directory", folder, `${port}`]);
    await withLibrary(async (library) => {
      await library.fill();
      await server.listens(port);
      const tab = await (await newContext()).newPage();
      const problems: string[] = [];
      tab.on("console", (message) => { if (message.location().url !== `${origin}/favicon.ico`) problems.push(message.text()); });
      tab.on("pageerror", (error) => { problems.push(`${error}`); });
      await body({ library, folder, origin, tab });
      assert.deepEqual(problems, []);
    }, { CORS_ORIGINS: origin }).finally(async () => {
      await server.end();
      rmSync(folder, { recursive: true });
    });
  });
}

otherOriginTest("the example shows the count and the figures, and follows both", async ({ library, folder, origin, tab }) => {
  const page = readFileSync(join(root, "deploy/examples/index.html"), "utf8");
  writeFileSync(join(folder, "index.html"), withAddress(page, library));
  const shows = (texts: Record<string, string>) => until(tab, (texts) =>
    Object.entries(texts).every(([id, text]) => document.getElementById(id)!.textContent === text), texts);
  const written = (number: number) => number.toLocaleString("en");

  await tab.goto(origin);
  const week = written(SERIES["visitors:weekly"].reduce((sum, { total }) => sum + total, 0));
  await shows({ today: "1,234", week, titles: written((SNAPSHOTS["books:collection"] as { total_titles: number }).total_titles) });
  library.worker.count(1_235);
  await library.worker.store("books:collection", { total_titles: 7, total_items: 8 });
  await shows({ today: "1,235", week, titles: "7" });
  library.worker.stopCounting();
  await shows({ today: "–", week, titles: "7" });
});

otherOriginTest("a copy of the dashboard works where README says to put it", async ({ library, folder, origin, tab }) => {
  const dashboard = join(root, "gateway/dashboard");
  cpSync(dashboard, join(folder, "dashboard"), { recursive: true });
  cpSync(join(dashboard, "live.js"), join(folder, "live.js"));
  const page = readFileSync(join(dashboard, "index.html"), "utf8");
  writeFileSync(join(folder, "index.html"), page.replace('name="gateway" content=""', `name="gateway" content="${library.url()}"`));
  await tab.goto(origin);
  await isWarm(tab);
  await showsCount(tab, 1_234, "1\u202f234");
  await isConnected(tab, "live");
  library.worker.count(1_235);
  await showsCount(tab, 1_235, "1\u202f235");
});
