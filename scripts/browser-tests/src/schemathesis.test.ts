// Schemathesis sends what the API's document allows, and much that it does not, and compares every response with the document.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { withLibrary, type Library } from "./library.js";
import { target } from "./processes.js";

const PROGRAM = join(target, "browser-tests-python/bin/schemathesis");
const skip = existsSync(PROGRAM) ? false : "Schemathesis is not installed: scripts/install python";
/** The same requests in each run. `getTodayStream` never ends; the gateway's own tests read it. */
const ARGUMENTS = [
  "--checks=all", "--phases=examples,coverage,fuzzing,stateful", "--seed=1", "--request-timeout=20", "--suppress-health-check=all",
  "--continue-on-failure", "--warnings=off", "--no-color", "--exclude-operation-id=getTodayStream", "--generation-database=none",
];

async function findsNothing(library: Library, examples: number): Promise<void> {
  const document = await (await fetch(library.url("/docs/json"))).json() as { paths: Record<string, object> };
  const operations = Object.values(document.paths).flatMap(Object.keys);
  const folder = mkdtempSync(join(tmpdir(), "schemathesis-"));
  try {
    // From a file: it leaves out the operation that it has loaded the document from.
    writeFileSync(join(folder, "document.json"), JSON.stringify(document));
    const args = ["run", "document.json", "--url", library.url(""), `--max-examples=${examples}`, ...ARGUMENTS];
    const { code, output } = await new Promise<{ code: unknown; output: string }>((resolve) => {
      execFile(PROGRAM, args, { cwd: folder, maxBuffer: 1e8 }, (error, output) => resolve({ code: error?.code ?? 0, output }));
    });
    assert.equal(code, 0, output);
    assert(output.includes(`Tested: ${operations.length - 1}\n`), output);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("every response is as documented while snapshots are missing", { skip }, () => withLibrary(async (library) => {
  // Few examples: each request for today's count waits for one.
  await findsNothing(library, 2);
}, { CORS_ORIGINS: "*", ACCESS_LOG: "true" }));

test("every response is as documented when everything is there", { skip }, () => withLibrary(async (library) => {
  await library.fill();
  await findsNothing(library, 25);
}));
