// Private servers and the real gateway as child processes on free ports.

import { spawn, type ChildProcess, type StdioOptions } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";

/** The project's root and cargo's target folder; `run` sets both. */
export const root = process.env.PROJECT_ROOT ?? ".";
export const target = process.env.TARGET_FOLDER ?? "target";
/** The folder of a profile: `debug`, `demo` or `release`. */
const profile = process.env.PROFILE ?? "debug";

/** Far above what anything takes, for a busy machine. */
export const PATIENCE = 60_000;

/** Repeats `attempt` until it returns a value other than `undefined`. */
export async function eventually<T>(
  what: string, attempt: () => Promise<T | undefined>, patience = PATIENCE, pause = 50,
): Promise<T> {
  const end = performance.now() + patience;
  let failure: unknown;
  while (performance.now() < end) {
    try {
      const result = await attempt();
      if (result !== undefined) return result;
    } catch (error) {
      failure = error;
    }
    await sleep(pause);
  }
  throw new Error(`timed out: ${what}`, { cause: failure });
}

export const binary = (name: string): string => join(target, profile, name);

/** A child process. The kernel kills it when this process ends, however that happens. */
export class Child {
  output = "";
  /** File descriptors 3, 4 and so on of the child. */
  readonly pipes: Duplex[];
  readonly #process: ChildProcess;
  readonly #exit: Promise<unknown>;

  constructor(program: string, args: string[], environment: Record<string, string> = {}, pipes = 0) {
    const env = { PATH: process.env.PATH, ...environment };
    const stdio = ["ignore", "pipe", "pipe", ...new Array<"pipe">(pipes).fill("pipe")] as StdioOptions;
    this.#process = spawn("setpriv", ["--pdeathsig", "KILL", program, ...args], { env, stdio });
    this.pipes = this.#process.stdio.slice(3) as Duplex[];
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.on("data", (chunk) => { this.output = (this.output + chunk).slice(-10_000); });
    }
    this.#exit = once(this.#process, "exit");
  }

  /** Sends `signal` and waits for the end. Does nothing to a process that has ended. */
  async end(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    this.#process.kill(signal);
    await this.#exit;
  }

  /** Waits until it accepts connections on `port`; fails as soon as it ends. */
  async listens(port: number, patience = PATIENCE): Promise<void> {
    const hasEnded = () => this.#process.exitCode !== null || this.#process.signalCode !== null;
    await eventually(`listening on ${port}`, async () => hasEnded() || await accepts(port) || undefined, patience);
    if (hasEnded()) throw new Error(`it has ended: ${this.output}`);
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => { socket.destroy(); resolve(true); });
    socket.once("error", () => resolve(false));
  });
}

/** A free port below those that the kernel gives to outgoing connections, so that none of these takes it meanwhile. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const server = createServer();
    server.listen(port, "127.0.0.1");
    const isFree = await once(server, "listening").then(() => true, () => false);
    if (!isFree) continue;
    server.close();
    await once(server, "close");
    return port;
  }
}

/** A private Redis that keeps its port. It stores nothing on disk, so that it is empty after a restart. */
export class Redis {
  readonly #folder = mkdtempSync(join(tmpdir(), "redis-"));
  #child!: Child;

  private constructor(readonly port: number) {}

  static async start(): Promise<Redis> {
    const redis = new Redis(await freePort());
    await redis.restart();
    return redis;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  async restart(): Promise<void> {
    const args = ["--port", `${this.port}`, "--bind", "127.0.0.1", "--save", "", "--dir", this.#folder];
    this.#child = new Child("redis-server", args);
    await this.#child.listens(this.port);
  }

  stop(): Promise<void> {
    return this.#child.end();
  }

  async end(): Promise<void> {
    await this.stop();
    rmSync(this.#folder, { recursive: true });
  }
}

/** The real gateway on a port that it keeps. */
export class Gateway {
  #child!: Child;

  private constructor(readonly port: number, readonly environment: Record<string, string>) {}

  static async start(redisUrl: string, prefix: string, variables: Record<string, string> = {}): Promise<Gateway> {
    const port = await freePort();
    const gateway = new Gateway(port, {
      HOST: "127.0.0.1", PORT: `${port}`, REDIS_URL: redisUrl, REDIS_KEY_PREFIX: prefix, SHUTDOWN_DRAIN_SECONDS: "1", ...variables,
    });
    await gateway.restart();
    return gateway;
  }

  url(path: string): string {
    return `http://127.0.0.1:${this.port}${path}`;
  }

  /** A sample of `/metrics` without labels. */
  async metric(name: string): Promise<number | undefined> {
    const text = await (await fetch(this.url("/metrics"))).text();
    const line = text.split("\n").find((line) => line.startsWith(`${name} `));
    return line === undefined ? undefined : Number(line.split(" ")[1]);
  }

  async restart(): Promise<void> {
    this.#child = new Child(binary("gateway"), [], this.environment);
    await this.#child.listens(this.port);
  }

  /** Kills it, or with SIGTERM lets it drain its streams first. */
  end(signal?: NodeJS.Signals): Promise<void> {
    return this.#child.end(signal);
  }
}
