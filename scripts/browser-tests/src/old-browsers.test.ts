// Browsers of smart TVs and of old PCs: none is younger than Chromium 79 of the end of 2019.

import { parse } from "acorn";
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Engine, missingEngine } from "./engine.js";
import { withLibrary } from "./library.js";
import { root } from "./processes.js";
import { figuresAre, shows } from "./scenarios.js";

const folder = join(root, "gateway/dashboard");
const page = readFileSync(join(folder, "index.html"), "utf8");
const parts = (name: string): string[] =>
  [...page.matchAll(new RegExp(`<${name}(?: [^>]*)?>(.*?)</${name}>`, "gs"))].map(([, text]) => text!).filter((text) => text.trim() !== "");
const files = readdirSync(folder).filter((name) => name.endsWith(".js"));
const scripts = Object.fromEntries([
  ...parts("script").map((text, index) => [`script ${index + 1} of index.html`, text]),
  ...files.map((name) => [name, readFileSync(join(folder, name), "utf8")]),
] as [string, string][]);

for (const [name, text] of Object.entries(scripts)) {
  test(`${name} is ECMAScript 2019`, () => {
    // A module may begin like a script.
    const sourceType = /^(import|export)\b/m.test(text) ? "module" : "script";
    parse(text, { ecmaVersion: 2019, sourceType });
  });
}

/** What came later, as far as a text tells it. */
const LATER = {
  styles: [/:is\(/, /:where\(/, /:has\(/, /\binset(-\w+)?:/, /aspect-ratio/, /@layer/],
  scripts: [/Object\.hasOwn\b/, /\.replaceAll\(/, /\.replaceChildren\(/, /\.at\(/, /\.findLast/, /structuredClone\(/, /Promise\.any\(/,
    /AbortSignal\.timeout/, /randomUUID/, /checkVisibility/],
};

for (const [kind, texts] of [["styles", [readFileSync(join(folder, "style.css"), "utf8")]], ["scripts", Object.values(scripts)]] as const) {
  test(`the page's ${kind} have nothing that came later`, () => {
    assert.deepEqual(LATER[kind].filter((word) => texts.some((text) => word.test(text))), []);
  });
}

test("Chromium 79 shows the page", { skip: missingEngine("old-chromium") }, () => withLibrary(async (library) => {
  await library.fill();
  const engine = await Engine.start("old-chromium");
  try {
    assert.match(engine.browser.version, /Chrome\/79\./);
    const page = await engine.open(library.url("/?lang=id"));
    await shows(page, 1_234);
    await figuresAre(page, "fresh");
    library.worker.count(1_235);
    await shows(page, 1_235);
    assert.deepEqual(await page.consoleErrors(), []);
  } finally {
    await engine.end();
  }
}));
