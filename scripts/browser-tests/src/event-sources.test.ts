// Clients of the event stream come back by themselves after a lone gateway was stopped by SIGTERM and started again:
// the examples of the documents, and libraries that people use.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { EventSource as Undici } from "undici";
import { Engine, missingEngine } from "./engine.js";
import { missing, newContext } from "./harness.js";
import { withLibrary, type Library } from "./library.js";
import { PageServer, withAddress } from "./page-server.js";
import { Child, eventually, root, target } from "./processes.js";

const STREAM = "/api/visitors/today/stream";
/** Of each client. A browser opens at most six connections to a host in one profile. */
const STREAMS = 3;
/** For so long there is no gateway. Each client comes back earlier: after a refusal it waits for at most 8 s. */
const AWAY = 9_000;

/** One stream of a client: text that begins with the latest count, or names an event that it should not have seen. */
type Latest = () => Promise<string>;
/** A client, and how one of its streams is started. */
type Client = { name: string; start: () => Promise<Latest>; count?: number };

/**
 * Starts the streams of all clients, one after the other. Twelve profiles of Chromium that start at once keep each other
 * from the cores, and a connection without a request is closed after 5 s.
 */
async function startAll(clients: Client[]): Promise<{ name: string; streams: Latest[] }[]> {
  const started = [];
  for (const { name, start, count = STREAMS } of clients) {
    const streams: Latest[] = [];
    while (streams.length < count) streams.push(await start());
    started.push({ name, streams });
  }
  return started;
}

/** What clients find in place of the gateway: nobody, or a load balancer that has no gateway. */
type Meanwhile = "nobody" | "balancer";

/** Stops and starts the gateway, and waits until every stream has received the count of the new one. */
async function comeBack(library: Library, clients: Client[], meanwhile: Meanwhile, context: TestContext): Promise<void> {
  const started = await startAll(clients);
  const receive = async (total: number) => {
    const since = performance.now();
    await Promise.all(started.map(async ({ name, streams }) => {
      await eventually(`${name} receives ${total}`, async () => {
        const texts = await Promise.all(streams.map((latest) => latest()));
        return texts.every((text) => parseInt(text) === total) || assert.fail(`${texts}`);
      });
      context.diagnostic(`${name}: ${total} after ${((performance.now() - since) / 1_000).toFixed(1)} s`);
    }));
  };
  library.worker.count(1);
  await receive(1);
  await library.gateway.end("SIGTERM");
  library.worker.count(2);
  const balancer = createServer((_, response) => { response.writeHead(503).end(); });
  if (meanwhile === "balancer") balancer.listen(library.gateway.port, "127.0.0.1");
  await sleep(AWAY);
  balancer.closeAllConnections();
  balancer.close();
  await library.gateway.restart();
  await receive(2);
}

type Clients = (library: Library, site: PageServer) => Client[];

/** Runs clients with a library and a web site of another origin. The drain is as installed, not that of other tests. */
async function inLibrary(context: TestContext, meanwhile: Meanwhile, clients: Clients): Promise<void> {
  const site = await PageServer.start();
  const run = async (library: Library) => comeBack(library, clients(library, site), meanwhile, context);
  await withLibrary(run, { SHUTDOWN_DRAIN_SECONDS: "10", CORS_ORIGINS: site.origin }).finally(() => site.end());
}

let firefox: Promise<Engine> | undefined;
after(async () => (await firefox)?.end());

/** Each opens a page and then tells its title. Chromium has a profile for each page, Firefox one for all. */
const BROWSERS = [{
  name: "Chromium",
  skip: missing,
  count: STREAMS,
  open: async (url: string): Promise<Latest> => {
    const page = await (await newContext()).newPage();
    const failures: string[] = [];
    page.on("requestfailed", (request) => { failures.push(`${request.url()}: ${request.failure()?.errorText}`); });
    await page.goto(url);
    return async () => [await page.title(), ...failures.slice(0, 5)].join("; ");
  },
}, {
  name: "Firefox",
  skip: missingEngine("firefox"),
  count: 1,
  open: async (url: string): Promise<Latest> => {
    const page = await (await (firefox ??= Engine.start("firefox"))).open(url);
    return () => page.evaluate(() => document.title);
  },
}];

/** The examples of a document: with live.js, and with a bare EventSource. */
function examples(document: string): string[] {
  const codes = [...document.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code]) => code!);
  assert.equal(codes.length, 2, document);
  return codes;
}
const read = (path: string): string => readFileSync(join(root, path), "utf8");

/** What a page does with events of any kind. */
const SHOW = `
  const show = (name, data) => {
    if (document.title.startsWith("strange")) return;
    document.title = name === "init" || name === "update" ? JSON.parse(data).total : "strange: " + name + data;
  };`;
const browserPackages = (url: string): Record<string, string> => ({
  "reconnecting-eventsource": `${SHOW}
    import Source from "/packages/reconnecting-eventsource/build/esm/reconnecting-eventsource.js";
    const source = new Source("${url}");
    for (const name of ["init", "update", "message"]) source.addEventListener(name, ({ data }) => show(name, data));`,
  // By default it does not come back after the clean end of a stream.
  "fetch-event-source": `${SHOW}
    import { fetchEventSource } from "/packages/@microsoft/fetch-event-source/lib/esm/index.js";
    const onclose = () => { throw new Error("the stream has ended"); };
    const onmessage = ({ event, data }) => show(event, data);
    fetchEventSource("${url}", { openWhenHidden: true, onclose, onmessage });`,
});

for (const { name, skip, count, open } of BROWSERS) {
  test(`the examples of the documents come back after a restart, in ${name}`, { skip }, (context) => inLibrary(context, "balancer", (library, site) => {
    const documents = { README: examples(read("README.md")), docs: examples(read("gateway/docs/stream.md")) };
    return Object.entries(documents).flatMap(([document, codes]) => codes.map((code, index) => {
      const path = `/${document}-${index}`;
      site.scripts.set(path, withAddress(code, library));
      return { name: `${document}, ${index === 0 ? "live.js" : "EventSource"}`, start: () => open(`${site.origin}${path}`), count };
    }));
  }));

  test(`npm packages for browsers come back after a restart, in ${name}`, { skip }, (context) => inLibrary(context, "nobody", (library, site) => {
    return Object.entries(browserPackages(library.url(STREAM))).map(([name, code]) => {
      site.scripts.set(`/${name}`, code);
      return { name, start: () => open(`${site.origin}/${name}`), count };
    });
  }));
}

/** What all of them are, as far as it is used here. */
type NodeSource = new (url: string) => {
  addEventListener(name: string, listener: (event: { data: string }) => void): void;
  close(): void;
};

test("npm packages for Node.js come back after a restart", async (context) => {
  const sources: InstanceType<NodeSource>[] = [];
  const packages: Record<string, NodeSource> = { undici: Undici as never };
  for (const version of [2, 3, 4, 5]) {
    const module = await import(`eventsource-${version}`) as { default: NodeSource; EventSource?: NodeSource };
    packages[`eventsource ${version}`] = module.EventSource ?? module.default;
  }
  const start = (Source: NodeSource, url: string) => async () => {
    const source = new Source(url);
    sources.push(source);
    let latest = "";
    for (const name of ["init", "update"]) {
      source.addEventListener(name, ({ data }) => { if (!latest.startsWith("strange")) latest = `${JSON.parse(data).total}`; });
    }
    source.addEventListener("message", ({ data }) => { latest = `strange: ${data}`; });
    return async () => latest;
  };
  const clients = (library: Library) =>
    Object.entries(packages).map(([name, Source]) => ({ name, start: start(Source, library.url(STREAM)) }));
  await inLibrary(context, "nobody", clients).finally(() => sources.forEach((source) => source.close()));
});

const PYTHON = join(target, "browser-tests-python/bin/python");
const withoutPython = existsSync(PYTHON) ? false : "Python packages are not installed: scripts/install python";

test("PyPI packages come back after a restart", { skip: withoutPython }, async (context) => {
  const children: Child[] = [];
  const start = (name: string, url: string) => async () => {
    const child = new Child(PYTHON, [join(root, "scripts/browser-tests/client/sse.py"), name, url]);
    children.push(child);
    return async () => {
      const lines = child.output.trim().split("\n");
      return lines.find((line) => line.startsWith("strange")) ?? lines.findLast((line) => /^\d/.test(line)) ?? child.output;
    };
  };
  const clients = (library: Library) =>
    ["sseclient", "requests-sse", "httpx-sse"].map((name) => ({ name, start: start(name, library.url(STREAM)) }));
  await inLibrary(context, "nobody", clients).finally(() => Promise.all(children.map((child) => child.end())));
});
