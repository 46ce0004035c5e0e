// EventSource, in Chromium and in Node.js, comes back by itself after a lone gateway was stopped by SIGTERM and started again.

import assert from "node:assert/strict";
import { test } from "node:test";
import { EventSource as NodeEventSource } from "eventsource-4";
import { missing, newContext } from "./harness.js";
import { withLibrary, type Library } from "./library.js";
import { eventually } from "./processes.js";

const SOURCES = 12;
/** Chromium opens at most six connections to a host in one profile, and the page has a stream of its own. */
const PROFILES = 4;
/** The drain as installed, not the short one of the other tests. */
const defaults = { SHUTDOWN_DRAIN_SECONDS: "10" };
const stream = "/api/visitors/today/stream";

/** Restarts the gateway, and waits until every source has received the count of the new one. */
async function comeBack(library: Library, totals: () => Promise<number[]>): Promise<void> {
  const all = (total: number) => eventually(`${SOURCES} sources receive ${total}`, async () => {
    const received = (await totals()).filter((received) => received === total);
    return received.length === SOURCES || undefined;
  });
  library.worker.count(1);
  await all(1);
  await library.gateway.end("SIGTERM");
  library.worker.count(2);
  await library.gateway.restart();
  await all(2).catch(async (error) => assert.fail(`${error}: ${await totals()}`));
}

test(`${SOURCES} EventSources in Chromium come back after a restart`, { skip: missing }, () => withLibrary(async (library) => {
  const contexts = await Promise.all(Array.from({ length: PROFILES }, () => newContext()));
  const pages = await Promise.all(contexts.map(async (context) => {
    const page = await context.newPage();
    await page.goto(library.url());
    await page.evaluate(([stream, count]) => {
      for (let index = 0; index < count; index += 1) {
        const mark = document.createElement("data");
        document.body.append(mark);
        const source = new EventSource(stream);
        for (const name of ["init", "update"]) {
          source.addEventListener(name, ({ data }) => { mark.value = JSON.parse(data).total; });
        }
      }
    }, [stream, SOURCES / PROFILES] as const);
    return page;
  }));
  await comeBack(library, async () => {
    const totals = pages.map((page) => page.locator("data").evaluateAll((marks) => (marks as HTMLDataElement[]).map(({ value }) => Number(value))));
    return (await Promise.all(totals)).flat();
  });
  await Promise.all(contexts.map((context) => context.close()));
}, defaults));

test(`${SOURCES} EventSources of the npm package come back after a restart`, () => withLibrary(async (library) => {
  const totals = new Array<number>(SOURCES).fill(0);
  const sources = totals.map((_, index) => {
    const source = new NodeEventSource(library.url(stream));
    for (const name of ["init", "update"]) {
      source.addEventListener(name, ({ data }) => { totals[index] = JSON.parse(data).total; });
    }
    return source;
  });
  try {
    await comeBack(library, async () => totals);
  } finally {
    sources.forEach((source) => source.close());
  }
}, defaults));
