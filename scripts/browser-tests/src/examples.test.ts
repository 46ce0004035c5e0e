// The page of deploy/examples, served as its README says, from another origin than the gateway's.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { until } from "./dashboard.js";
import { missing, newContext } from "./harness.js";
import { withLibrary } from "./library.js";
import { withAddress } from "./page-server.js";
import { Child, freePort, root } from "./processes.js";
import { SERIES, SNAPSHOTS } from "./snapshots.js";

test("the page of another origin shows the count and the figures, and follows both", { skip: missing }, async () => {
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const folder = mkdtempSync(join(tmpdir(), "page-"));
  const server = new Child("python3", ["-m", "http.server", "--bind", "127.0.0.1", "--directory", folder, `${port}`]);
  await withLibrary(async (library) => {
    await library.fill();
    const page = readFileSync(join(root, "deploy/examples/index.html"), "utf8");
    writeFileSync(join(folder, "index.html"), withAddress(page, library));
    await server.listens(port);
    const tab = await (await newContext()).newPage();
    const problems: string[] = [];
    tab.on("console", (message) => { if (message.location().url !== `${origin}/favicon.ico`) problems.push(message.text()); });
    tab.on("pageerror", (error) => { problems.push(`${error}`); });
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
    assert.deepEqual(problems, []);
  }, { CORS_ORIGINS: origin }).finally(async () => {
    await server.end();
    rmSync(folder, { recursive: true });
  });
});
