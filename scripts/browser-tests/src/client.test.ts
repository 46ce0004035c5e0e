// A TypeScript client whose types are generated from the gateway's own document: it compiles, wrong uses do not, and it works.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { withLibrary } from "./library.js";
import { target } from "./processes.js";
import { SERIES, SNAPSHOTS, TODAY } from "./snapshots.js";

const packages = join(target, "browser-tests");
const run = promisify(execFile);

const folderOfLibrary = mkdtempSync(join(tmpdir(), "library-"));
const LIBRARY_FILE = join(folderOfLibrary, "library.json");
writeFileSync(LIBRARY_FILE, JSON.stringify({ hours: [{ weekday: 1, open: "08:00", close: "16:00" }], logo: "logo.svg" }));
writeFileSync(join(folderOfLibrary, "logo.svg"), "<svg/>");
after(() => { rmSync(folderOfLibrary, { recursive: true }); });

const library = { opens: ["1 08:00"], badge: true, logo: 200 };

test("a client generated from the document compiles under strict and reads figures", () => withLibrary(async (server) => {
  // Below the folder with the packages, so that it finds them.
  const folder = mkdtempSync(join(packages, "client-"));
  const node = async (program: string, ...args: string[]) => {
    const failed = ({ stdout, stderr }: { stdout: string; stderr: string }) => assert.fail(`${program}: ${stdout}${stderr}`);
    return (await run("node", [program, ...args], { cwd: folder }).catch(failed)).stdout;
  };
  try {
    cpSync(join(packages, "client"), folder, { recursive: true });
    await node(join(packages, "node_modules/openapi-typescript/bin/cli.js"), server.url("/docs/json"), "--output", "schema.d.ts");
    await node(join(packages, "node_modules/typescript/bin/tsc"), "--project", ".");

    assert.deepEqual(JSON.parse(await node("out/client.js", server.url(""))), {
      today: 5, weekly: 5, summary: 5, collection: 5, library, notModified: 202, ready: "ready", health: "missing",
    });
    await server.fill();
    assert.deepEqual(JSON.parse(await node("out/client.js", server.url(""), "stream")), {
      today: 1_234,
      weekly: SERIES["visitors:weekly"].find(({ total }) => total === 1_311),
      summary: 1_234,
      collection: SNAPSHOTS["books:collection"],
      library,
      notModified: 304,
      ready: "ready",
      health: "fresh",
      stream: { init: 1_234, update: TODAY },
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}, { LIBRARY_FILE }));
