// Leaves the lobby's screen open with a count each 100 ms, and prints once a minute what the page holds after a garbage
// collection: heap, nodes, listeners; and the CPU time of its scripts for each count. `node endurance.js [--minutes 120]`;
// `scripts/endurance` builds and runs it.

import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { LAUNCH, isConnected, isWarm } from "./dashboard.js";
import { Library } from "./library.js";

/** Above noise: the first minutes fill caches. */
const MOST_GROWTH = 0.02;
const WARM_UP_MINUTES = 5;

const { values: { minutes } } = parseArgs({ options: { minutes: { type: "string", default: "120" } } });
const library = await Library.start();
await library.fill();
library.worker.stopCounting();
let total = 1_000;
const counting = setInterval(() => library.worker.countOnce(total += 1).catch(() => {}), 100);

// Without V8's compilers, since their code grows for hours and is not the page's. So the scripts take longer than in life.
const browser = await chromium.launch({ ...LAUNCH, args: [...LAUNCH.args, "--js-flags=--no-opt --no-maglev --no-sparkplug"] });
const page = await browser.newPage({ viewport: { width: 1_280, height: 720 }, locale: "id-ID" });
await page.goto(library.url("/?view=lobby"));
await isWarm(page);
await isConnected(page, "live");
const devTools = await page.context().newCDPSession(page);
// CPU time, so that other load on the machine does not count.
await devTools.send("Performance.enable", { timeDomain: "threadTicks" });

interface Sample { heap: number; nodes: number; listeners: number; script: number; counts: number }
async function sample(): Promise<Sample> {
  await devTools.send("HeapProfiler.collectGarbage");
  const { metrics } = await devTools.send("Performance.getMetrics");
  const value = (name: string) => metrics.find((metric) => metric.name === name)!.value;
  return { heap: value("JSHeapUsedSize"), nodes: value("Nodes"), listeners: value("JSEventListeners"), script: value("ScriptDuration"), counts: total };
}

let first: Sample | undefined;
let last = await sample();
console.log("minute  heap (KB)  nodes  listeners  updates  script (ms each)");
for (let minute = 1; minute <= Number(minutes); minute += 1) {
  await sleep(60_000);
  const before = last;
  last = await sample();
  const each = (1_000 * (last.script - before.script)) / (last.counts - before.counts);
  if (minute === WARM_UP_MINUTES) first = last;
  console.log(`${minute}`.padStart(6), (last.heap / 1_024).toFixed(0).padStart(10), `${last.nodes}`.padStart(6),
    `${last.listeners}`.padStart(10), `${total - 1_000}`.padStart(8), each.toFixed(2).padStart(17));
}
clearInterval(counting);
await browser.close();
await library.end();

if (first) {
  const start = first;
  const growth = (key: keyof Sample) => last[key] / start[key] - 1;
  const grown = (["heap", "nodes", "listeners"] as const).filter((key) => growth(key) > MOST_GROWTH);
  const percent = (key: keyof Sample) => `${(100 * growth(key)).toFixed(1)} %`;
  console.log(`since minute ${WARM_UP_MINUTES}: heap ${percent("heap")}, nodes ${percent("nodes")}, listeners ${percent("listeners")}`);
  if (grown.length > 0) throw new Error(`grown: ${grown.join(", ")}`);
}
// Others of the library keep Node.js alive.
process.exit(0);
