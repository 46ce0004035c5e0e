// A library as the dashboard sees it: a real gateway, and a fake worker that writes to Redis what the real one would.

import { createClient } from "@redis/client";
import { randomUUID } from "node:crypto";
import { after } from "node:test";
import { Gateway, Redis, eventually } from "./processes.js";
import { SNAPSHOTS, TODAY, TTL_SECONDS, periodOf } from "./snapshots.js";

/** Between two counts. */
const COUNT_INTERVAL = 500;
/** Many intervals, so that a busy machine is not taken for a dead worker. */
const COUNT_LIFETIME = 8_000;
/** Longer than any test. */
export const LONG = 3_600_000;

let shared: Promise<Redis> | undefined;
after(async () => (await shared)?.end());

/** Writes snapshots and counts. */
export class FakeWorker {
  #current: { total: number; date: string } | undefined;
  #timer: NodeJS.Timeout | undefined;

  private constructor(readonly redis: ReturnType<typeof createClient>, readonly prefix: string) {}

  static async connect(url: string, prefix: string): Promise<FakeWorker> {
    // A command fails at once while Redis is away; the next count is right again.
    const redis = createClient({ url, disableOfflineQueue: true, socket: { reconnectStrategy: 100 } });
    redis.on("error", () => {});
    await redis.connect();
    return new FakeWorker(redis as ReturnType<typeof createClient>, prefix);
  }

  async storeAll(): Promise<void> {
    for (const [key, data] of Object.entries(SNAPSHOTS)) await this.store(key, data);
  }

  /** Stores a snapshot as the worker does: SET, then the key on the channel `snapshots`. */
  async store(key: string, data: unknown, generatedAt = new Date()): Promise<void> {
    const envelope = { generated_at: generatedAt.toISOString(), ttl_seconds: TTL_SECONDS, period: periodOf(key), data };
    await this.redis.set(this.prefix + key, JSON.stringify(envelope), { PX: LONG });
    await this.redis.publish(`${this.prefix}snapshots`, this.prefix + key);
  }

  /** Publishes today's count once, valid for `lifetime` milliseconds. */
  countOnce(total: number, date = TODAY, lifetime = COUNT_LIFETIME): Promise<void> {
    return this.countAt(total, new Date(), lifetime, date);
  }

  /** The same, as by a worker whose clock shows `now`. */
  async countAt(total: number, now: Date, lifetime: number, date = TODAY): Promise<void> {
    const [generated_at, expires_at] = [now.toISOString(), new Date(now.getTime() + lifetime).toISOString()];
    const message = JSON.stringify({ total, generated_at, date, expires_at });
    await this.redis.set(`${this.prefix}visitors:today:count`, message, { PX: lifetime });
    await this.redis.publish(`${this.prefix}visitors:today`, message);
  }

  /** Publishes this count now and again and again, until `stopCounting`. */
  count(total: number, date = TODAY): void {
    this.#current = { total, date };
    const repeat = () => {
      if (this.#current) this.countOnce(this.#current.total, this.#current.date).catch(() => {});
    };
    clearInterval(this.#timer);
    this.#timer = setInterval(repeat, COUNT_INTERVAL);
    repeat();
  }

  /** The latest count stays valid for as long as it was published for. */
  stopCounting(): void {
    this.#current = undefined;
    clearInterval(this.#timer);
  }

  /** Waits until commands succeed again after an outage. */
  async isConnected(): Promise<void> {
    await eventually("the fake worker reaches Redis", () => this.redis.ping());
  }

  end(): void {
    this.stopCounting();
    this.redis.destroy();
  }
}

export class Library {
  private constructor(readonly redis: Redis, readonly gateway: Gateway, readonly worker: FakeWorker, readonly ownsRedis: boolean) {}

  /** Without snapshots. Libraries of one test file share a Redis under different prefixes, unless `ownRedis` is set. */
  static async start(variables: Record<string, string> = {}, ownRedis = false): Promise<Library> {
    const redis = await (ownRedis ? Redis.start() : (shared ??= Redis.start()));
    const prefix = ownRedis ? "" : `${randomUUID()}:`;
    return new Library(redis, await Gateway.start(redis.url, prefix, variables), await FakeWorker.connect(redis.url, prefix), ownRedis);
  }

  /** Stores every snapshot and counts 1,234 visits today. */
  async fill(): Promise<void> {
    this.worker.count(1_234);
    await this.worker.storeAll();
  }

  url(path = "/"): string {
    return this.gateway.url(path);
  }

  async end(): Promise<void> {
    this.worker.end();
    await this.gateway.end();
    if (this.ownsRedis) await this.redis.end();
  }
}

/** Runs `body` with a library, and ends the library however `body` ends. */
export async function withLibrary(body: (library: Library) => Promise<void>, variables: Record<string, string> = {}): Promise<void> {
  const library = await Library.start(variables);
  try {
    await body(library);
  } finally {
    await library.end();
  }
}

