// A simulated world for live.js: a worker, a gateway, a network and the two clocks of a machine. The module runs in a
// function whose parameters hide the globals that it uses, so that an hour passes in a second.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { root } from "./processes.js";

export const source = readFileSync(join(root, "gateway/dashboard/live.js"), "utf8");

/** Of one round of the simulation, in ms. Not whole, so that the two clocks round at different moments. */
export const STEP = 24.7;
/** Between two counts, and how long each is valid, in ms. */
export const INTERVAL = 1_000;
export const LIFE = 2 * INTERVAL;
/** Of the network, one way, in ms. */
const LATENCY = 10;
/** After which the browser comes back to a stream that broke, in ms. */
const RETRY = 3_000;
/** How many messages wait in the buffers of a machine that sleeps. */
const BUFFER = 60;

export interface Count { total: number; date: string; at: string; life: number }

/** A message, and when it was made by the true time. */
interface Made { at: number; total: number; date: string; generated_at: string; expires_at: string }

/** The `EventSource` of the simulation. */
class Source {
  readyState = 0;
  onerror: (() => void) | undefined;
  readonly openedAt: number;
  /** Whether the gateway still sends to it. */
  isServed = false;
  readonly #listeners = new Map<string, (event: { data: string }) => void>();

  constructor(readonly url: string, readonly world: World) {
    this.openedAt = world.time;
    world.sources.push(this);
    world.after(2 * LATENCY, () => this.#connect());
  }

  #connect(): void {
    if (this.world.stream === "closed") return this.fail(2);
    if (this.readyState !== 2) this.readyState = 1;
    if (this.world.stream !== "head") this.world.send(this, "init");
    this.isServed = this.world.stream === "open";
  }

  addEventListener(name: string, listener: (event: { data: string }) => void): void {
    this.#listeners.set(name, listener);
  }

  dispatch(name: string, data: object): void {
    if (this.readyState === 1) this.#listeners.get(name)?.({ data: JSON.stringify(data) });
  }

  /** After `readyState` 0 the browser comes back by itself. */
  fail(readyState: 0 | 2): void {
    if (this.readyState === 2) return;
    this.isServed = false;
    this.readyState = readyState;
    if (readyState === 0) this.world.after(RETRY, () => this.#connect());
    this.onerror?.();
  }

  close(): void {
    this.isServed = false;
    this.readyState = 2;
  }
}

export class World {
  /** The true time in ms since the start, and by how much each clock is wrong. */
  time = 0;
  workerClock = 0;
  wallClock = 0;
  steadyClock = 0;

  isWorkerAlive = true;
  /** What the gateway does with a new stream: serves it, refuses it, sends only its head, or sends only `init`. */
  stream: "open" | "closed" | "head" | "init" = "open";
  /** By how much the messages of streams are late, in ms. */
  lateness = 0;
  /** Every how many counts one is sent: 15 is `SSE_EMIT=change` without a change. */
  sendEvery = 1;
  /** Whether a request is answered, never answered, or finds no gateway. */
  answer: "ok" | "never" | "refused" = "ok";

  /** How old the count of an answer is at least, in ms, as of a gateway that lags. */
  behind = 0;

  readonly sources: Source[] = [];
  /** The times of all requests. */
  readonly requests: number[] = [];
  inFlight = 0;
  /** The arguments of all calls of each callback. */
  readonly counts: (Count | null)[] = [];
  readonly states: string[] = [];
  readonly changes: (string | null)[] = [];
  /** Runs in each call of a callback. */
  onCall = (): void => {};
  readonly timers = new Set<{ at: number; every: number; run: () => void }>();
  readonly stop: () => void;

  #made: Made | undefined;
  #nextCount = 0;
  #network: { at: number; run: () => void }[] = [];

  /** Starts the client. */
  constructor(settings: Partial<World> = {}) {
    Object.assign(this, settings);
    this.#work();
    const world = this;
    const record = <T>(calls: T[]) => (value: T) => { calls.push(value); this.onCall(); };
    const addTimer = (run: () => void, delay: number, every: number) => {
      const timer = { at: this.time + delay, every, run };
      this.timers.add(timer);
      return timer;
    };
    const globals = {
      Date: { now: () => Math.floor(Date.UTC(2025, 8, 23, 3) + this.time + this.wallClock), parse: Date.parse },
      performance: { now: () => Math.round(10 * (this.time + this.steadyClock)) / 10 },
      setInterval: (run: () => void, every: number) => addTimer(run, every, every),
      setTimeout: (run: () => void, delay: number) => addTimer(run, delay, Infinity),
      clearInterval: (timer: never) => this.timers.delete(timer),
      clearTimeout: (timer: never) => this.timers.delete(timer),
      fetch: (_url: string, { signal }: { signal: AbortSignal }) => this.#fetch(signal),
      EventSource: class extends Source {
        static readonly CLOSED = 2;
        constructor(url: string) { super(url, world); }
      },
      self: { location: { href: "https://page.example/" } },
    };
    const load = new Function(...Object.keys(globals), source.replace("export function", "return function"));
    this.stop = load(...Object.values(globals))("https://gateway.example/", {
      onCount: record(this.counts), onState: record(this.states), onChange: record(this.changes),
    });
  }

  /** The count that is shown, and its true age in ms, since the total is the second in which it was counted. */
  get count(): Count | null | undefined {
    return this.counts.at(-1);
  }
  get age(): number | undefined {
    return this.count ? this.time - 1_000 * this.count.total : undefined;
  }
  get state(): string | undefined {
    return this.states.at(-1);
  }

  after(delay: number, run: () => void): void {
    this.#network.push({ at: this.time + delay, run });
  }

  /** Sends the count, if it is still valid, to a stream. */
  send(to: Source, name: "init" | "update"): void {
    const made = this.#made;
    if (!made || this.time >= made.at + LIFE) return;
    const { total, date, generated_at, expires_at } = made;
    const data = name === "init" ? { total, source: "cache", at: generated_at, date } : { total, generated_at, date, expires_at };
    this.after(LATENCY + this.lateness, () => to.dispatch(name, data));
  }

  /** Lets `seconds` pass, and calls `check` after each step. */
  async run(seconds: number, check: () => void = () => {}): Promise<void> {
    const end = this.time + 1_000 * seconds;
    while (this.time < end) {
      this.time += STEP;
      this.#work();
      this.#deliver();
      for (const timer of this.timers) {
        if (this.time < timer.at) continue;
        timer.at = this.time + timer.every;
        if (timer.every === Infinity) this.timers.delete(timer);
        timer.run();
      }
      await turn();
      check();
    }
  }

  /** The machine sleeps, and so does one of its clocks. Its connection dies, but for what its buffers hold. */
  async sleep(seconds: number, sleeping: "wallClock" | "steadyClock"): Promise<void> {
    for (let second = 0; second < seconds; second += 1) {
      this.time += 1_000;
      this[sleeping] -= 1_000;
      if (second === BUFFER) for (const source of this.sources) source.isServed = false;
      this.#work();
    }
  }

  #work(): void {
    if (this.time < this.#nextCount) return;
    const at = this.#nextCount;
    this.#nextCount += INTERVAL;
    if (!this.isWorkerAlive) return;
    this.#made = this.#make(at);
    if (this.#made.total % this.sendEvery !== 0) return;
    for (const source of this.sources.filter(({ isServed }) => isServed)) this.send(source, "update");
  }

  #make(at: number): Made {
    const text = (time: number) => new Date(Date.UTC(2025, 8, 23, 3) + time + this.workerClock).toISOString();
    return { at, total: at / 1_000, date: "2025-09-23", generated_at: text(at), expires_at: text(at + LIFE) };
  }

  #deliver(): void {
    const due = this.#network.filter(({ at }) => at <= this.time);
    this.#network = this.#network.filter(({ at }) => at > this.time);
    for (const { run } of due) run();
  }

  #fetch(signal: AbortSignal): Promise<unknown> {
    this.requests.push(this.time);
    this.inFlight += 1;
    return new Promise((resolve, reject) => {
      const end = (finish: () => void) => { this.inFlight -= 1; finish(); };
      const abort = () => end(() => reject(signal.reason));
      signal.addEventListener("abort", abort);
      if (this.answer === "never") return;
      this.after(2 * LATENCY, () => {
        if (signal.aborted) return;
        signal.removeEventListener("abort", abort);
        if (this.answer === "refused") return end(() => reject(new TypeError("refused")));
        const made = this.#made && this.time < this.#made.at + LIFE ? this.#make(this.#made.at - this.behind) : undefined;
        const body = made && { total: made.total, source: "cache", date: made.date, generated_at: made.generated_at };
        end(() => resolve({ status: body ? 200 : 202, json: async () => body ?? { status: "warming" } }));
      });
    });
  }
}
