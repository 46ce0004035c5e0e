// live.js in a simulated world: what it shows, when it asks, and how it heals.

import assert from "node:assert/strict";
import { test } from "node:test";
import ts from "typescript";
import { LIFE, STEP, World, source } from "./simulation.js";

const HOUR = 3_600_000;
/** Of the client's timer, in ms. */
const TICK = 250 + STEP;
/** Between two requests of a client that polls: 10 s, 20 % more or less. */
const POLL = { least: 8_000, most: 12_000 + TICK };
/** The oldest count that is right: an answer is as old as the worker's last count, and stays until the next answer. */
const OLDEST = { live: LIFE + TICK, quiet: 5_000 + LIFE + TICK, polling: 13_000 + LIFE + TICK };

/** Asserts that no count is shown that is older. */
const atMost = (world: World, age: number) => () => assert((world.age ?? 0) < age, `${world.age} ms old at ${world.time}`);
const gaps = (times: number[]): number[] => times.slice(1).map((time, index) => time - times[index]!);

function polls(requests: number[], most = POLL.most): void {
  assert(requests.length > 3, `${requests}`);
  for (const gap of gaps(requests)) assert(gap >= POLL.least && gap <= most, `${gap} ms between two requests`);
}

test("it is small, and of ES2019", () => {
  assert(Buffer.byteLength(source) < 4_096, `${Buffer.byteLength(source)} bytes`);
  const compiled = (target: ts.ScriptTarget) => ts.transpileModule(source, { compilerOptions: { target } }).outputText;
  assert.equal(compiled(ts.ScriptTarget.ES2019), compiled(ts.ScriptTarget.ESNext));
});

test("it shows every count of the stream, and asks for none in an hour", async () => {
  const world = new World();
  await world.run(1);
  assert.deepEqual(world.states, ["connecting", "live"]);
  const { total, date, at } = world.counts[0]!;
  assert.deepEqual({ total, date, at }, { total: 0, date: "2025-09-23", at: "2025-09-23T03:00:00.000Z" });
  assert.equal(world.sources[0]!.url, "https://gateway.example/api/visitors/today/stream");
  await world.run(3_600, atMost(world, OLDEST.live));
  assert.equal(world.counts.length, 1 + world.count!.total);
  assert(!world.counts.includes(null));
  assert.deepEqual([world.requests, world.states, world.changes, world.sources.length], [[], ["connecting", "live"], [], 1]);
});

test("a count goes at the end of its life", async () => {
  const world = new World({ answer: "refused" });
  await world.run(30);
  world.isWorkerAlive = false;
  let shown = 0;
  await world.run(10, () => {
    if (world.count === null) return;
    assert.equal(world.count!.life, LIFE);
    shown = world.age!;
  });
  assert.equal(world.counts.filter((count) => count === null).length, 1);
  assert(shown > LIFE - 2 * STEP && shown < LIFE + TICK, `${shown} ms`);
});

test("a count goes when the gateway has none", async () => {
  const world = new World();
  await world.run(30);
  world.isWorkerAlive = false;
  await world.run(20, atMost(world, OLDEST.live));
  assert.equal(world.counts.filter((count) => count === null).length, 1);
});

test("a snapshot is a change, and so is what was missed in a break", async () => {
  const world = new World();
  await world.run(5);
  world.sources[0]!.dispatch("snapshot", { path: "/api/visitors/weekly", etag: '"1"' });
  assert.deepEqual(world.changes, ["/api/visitors/weekly"]);
  world.sources[0]!.fail(0);
  assert.equal(world.state, "lost");
  await world.run(5);
  assert.equal(world.state, "live");
  assert.deepEqual(world.changes, ["/api/visitors/weekly", null]);
  // The browser comes back by itself. All clients of a gateway that stops must not ask another one at the same time.
  assert.deepEqual([world.sources.length, world.requests], [1, []]);
  world.stream = "head";
  world.sources[0]!.fail(0);
  await world.run(13);
  assert.equal(world.state, "polling");
});

test("without a stream it polls, and opens the stream again and again, less and less often", async () => {
  const world = new World({ stream: "closed" });
  await world.run(13);
  assert.deepEqual(world.states, ["connecting", "polling"]);
  await world.run(720, () => {
    atMost(world, OLDEST.polling)();
    assert.notEqual(world.count, null);
  });
  polls(world.requests);
  const opened = world.sources.map(({ openedAt }) => openedAt);
  assert(opened.length > 720 / 37 && opened.length < 720 / 20, `${opened.length} streams`);
  for (const gap of gaps(opened)) assert(gap >= 1_600 && gap <= 36_000 + TICK + 2 * STEP, `${gap} ms between two streams`);
  assert(world.changes.length > 0 && world.changes.every((change) => change === null), "figures may have changed");

  world.stream = "open";
  await world.run(37);
  assert.equal(world.state, "live");
  world.stream = "closed";
  const count = world.sources.length;
  world.sources.at(-1)!.fail(2);
  await world.run(3);
  assert(world.sources.length > count, "the back-off begins anew");
  await world.run(10);
  assert.equal(world.state, "polling");
  world.answer = "refused";
  await world.run(14);
  assert.equal(world.count, null);
});

test("while there is no gateway it is lost, and comes back by itself", async () => {
  const world = new World({ stream: "closed", answer: "refused" });
  await world.run(120);
  assert.deepEqual(world.states, ["connecting", "lost"]);
  polls(world.requests);
  world.stream = "open";
  await world.run(37);
  assert.equal(world.state, "live");
  assert.deepEqual(world.changes, [null]);
});

test("without messages it polls, also when the head of the stream has come", async () => {
  const world = new World({ stream: "head" });
  await world.run(13);
  assert.deepEqual(world.states, ["connecting", "polling"]);
  await world.run(300, atMost(world, OLDEST.polling));
  polls(world.requests);
  assert.deepEqual(world.states, ["connecting", "polling"]);
});

test("a stream that falls silent after init is live for some 20 s; the count stays right by asking", async () => {
  const world = new World({ stream: "init" });
  await world.run(19.9, () => {
    atMost(world, OLDEST.quiet)();
    assert.notEqual(world.count, null);
  });
  assert.equal(world.state, "live");
  await world.run(13);
  assert.deepEqual(world.states, ["connecting", "live", "polling"]);
  await world.run(60, () => {
    atMost(world, OLDEST.polling)();
    assert.notEqual(world.count, null);
  });
  polls(world.requests.slice(-5));
});

for (const begin of [0, 30]) {
  test(`messages that come a minute late ${begin === 0 ? "from the beginning" : "after a while"} are dropped`, async () => {
    const world = new World({ lateness: begin === 0 ? 60_000 : 0 });
    await world.run(begin);
    world.lateness = 60_000;
    await world.run(300, atMost(world, OLDEST.polling));
    assert.equal(world.state, "polling");
    polls(world.requests.filter((time) => time > 60_000));
    world.lateness = 0;
    await world.run(120);
    assert.equal(world.state, "live");
    const before = world.requests.length;
    await world.run(60, atMost(world, OLDEST.live));
    assert.equal(world.requests.length, before);
  });
}

for (const sleeping of ["steadyClock", "wallClock"] as const) {
  test(`after a sleep that the ${sleeping} slept too, old messages are dropped`, async () => {
    const world = new World();
    await world.run(30);
    const before = world.counts.length;
    await world.sleep(3_600, sleeping);
    await world.run(15);
    for (const count of world.counts.slice(before)) assert(count === null || count.total > 3_600, `${count?.total}`);
    assert.equal(world.state, "live");
    assert.deepEqual(world.changes, [null]);
    atMost(world, OLDEST.live)();
  });
}

for (const clock of ["wallClock", "workerClock"] as const) {
  for (const jump of [HOUR, -HOUR]) {
    test(`it heals after the ${clock} was set by ${jump / HOUR} h`, async () => {
      const world = new World();
      await world.run(30);
      world[clock] += jump;
      await world.run(15, atMost(world, OLDEST.polling));
      assert.equal(world.state, "live");
      const requests = world.requests.length;
      await world.run(300, atMost(world, OLDEST.live));
      assert.equal(world.requests.length, requests);
      assert.notEqual(world.count, null);
    });
  }
}

test("with SSE_EMIT=change it is live, and asks every few seconds whether the count is still right", async () => {
  const world = new World({ sendEvery: 15 });
  await world.run(300, () => {
    atMost(world, OLDEST.quiet)();
    assert.notEqual(world.count, null);
  });
  assert.deepEqual(world.states, ["connecting", "live"]);
  assert(world.requests.length <= 300 / 3, `${world.requests.length} requests`);
  world.isWorkerAlive = false;
  await world.run(10);
  assert.equal(world.count, null);
});

test("an answer that is older than what is shown is dropped", async () => {
  const world = new World({ sendEvery: 3 });
  await world.run(30);
  world.behind = 3_000;
  world.counts.length = 0;
  await world.run(60);
  assert(world.requests.length > 10);
  const totals = world.counts.flatMap((count) => (count ? [count.total] : []));
  assert.deepEqual(totals, totals.toSorted((one, other) => one - other));
});

test("a request that is never answered is given up before the next", async () => {
  const world = new World({ stream: "closed", answer: "never" });
  await world.run(120, () => assert(world.inFlight <= 1, `${world.inFlight} requests`));
  assert.equal(world.state, "lost");
  polls(world.requests);
  assert(world.timers.size <= 2);
  world.answer = "ok";
  await world.run(13);
  assert.equal(world.state, "polling");
});

test("requests that are never answered beside a stream do not pile up", async () => {
  const world = new World({ sendEvery: 3, answer: "never" });
  await world.run(120, () => assert(world.inFlight <= 1, `${world.inFlight} requests`));
  assert.equal(world.state, "live");
});

/** Nothing may happen any more. */
async function isStopped(world: World): Promise<void> {
  const seen = () => [world.counts.length, world.states.length, world.changes.length, world.requests.length, world.sources.length];
  const before = seen();
  world.stream = "open";
  world.answer = "ok";
  await world.run(300);
  assert.deepEqual(seen(), before);
  assert.deepEqual([world.timers.size, world.inFlight], [0, 0]);
  assert(world.sources.every(({ readyState }) => readyState === 2), "a stream is open");
}

for (const [name, settings] of Object.entries({ "a stream": {}, polling: { stream: "closed" }, "a request": { stream: "closed", answer: "never" } } as const)) {
  test(`stop() ends ${name}`, async () => {
    const world = new World(settings);
    await world.run(60);
    if (name === "a request") assert.equal(world.inFlight, 1);
    world.stop();
    assert.equal(world.timers.size, 0);
    await isStopped(world);
  });
}

/** In a callback, `stop` must be the last that happens too. */
for (const when of ["a message", "an answer", "an expired count after a sleep"]) {
  test(`stop() may be called by the callback of ${when}`, async () => {
    const world = new World({ stream: when === "an answer" ? "closed" : "open" });
    if (when.startsWith("an expired")) {
      await world.run(30);
      await world.sleep(3_600, "steadyClock");
    }
    let calls = 0;
    world.onCall = () => {
      calls += 1;
      world.stop();
    };
    await world.run(20);
    assert.equal(calls, 1);
    await isStopped(world);
  });
}
