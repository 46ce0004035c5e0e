// Chromium over the Chrome DevTools Protocol, on the pipe of --remote-debugging-pipe: JSON messages that end with a zero byte.
// Only commands that Chromium 79 knows.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LAUNCH } from "./dashboard.js";
import type { Browser, Preferences, Size, Window } from "./engine.js";
import { Child } from "./processes.js";

type Fields = Record<string, any>;

export class DevTools implements Browser {
  readonly canPrint = true;
  version = "";
  /** Hears each event of every window. */
  readonly listeners = new Set<(event: { method: string; params: Fields; sessionId?: string }) => void>();
  readonly #child: Child;
  readonly #calls = new Map<number, { resolve: (result: Fields) => void; reject: (error: Error) => void }>();
  #last = 0;
  #unread = "";

  private constructor(program: string, readonly profile: string, readonly preferences: Preferences) {
    const args = [...LAUNCH.args, "--remote-debugging-pipe", `--user-data-dir=${profile}`, "about:blank"];
    this.#child = new Child(program, args, { HOME: profile }, 2);
    this.#child.pipes[1]!.setEncoding("utf8").on("data", (text: string) => this.#receive(text)).on("close", () => this.#fail());
    this.#child.pipes[0]!.on("error", () => this.#fail());
  }

  static async start(program: string, preferences: Preferences): Promise<DevTools> {
    const browser = new DevTools(program, mkdtempSync(join(tmpdir(), "chromium-")), preferences);
    browser.version = (await browser.send("Browser.getVersion")).product;
    return browser;
  }

  send(method: string, params: Fields = {}, sessionId?: string): Promise<Fields> {
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#calls.set(id, { resolve, reject });
      this.#child.pipes[0]!.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    });
  }

  #receive(text: string): void {
    const messages = (this.#unread + text).split("\0");
    this.#unread = messages.pop()!;
    for (const message of messages.map((text) => JSON.parse(text))) {
      const call = this.#calls.get(message.id);
      this.#calls.delete(message.id);
      if (!call) this.listeners.forEach((listener) => listener(message));
      else if (message.error) call.reject(new Error(JSON.stringify(message.error)));
      else call.resolve(message.result);
    }
  }

  #fail(): void {
    for (const { reject } of this.#calls.values()) reject(new Error(`Chromium has ended: ${this.#child.output}`));
    this.#calls.clear();
  }

  async open(): Promise<Window> {
    const { targetId } = await this.send("Target.createTarget", { url: "about:blank", newWindow: true });
    const { sessionId } = await this.send("Target.attachToTarget", { targetId, flatten: true });
    const window = new DevToolsWindow(this, targetId, sessionId);
    await window.prepare();
    return window;
  }

  async end(): Promise<void> {
    await this.#child.end();
    rmSync(this.profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

class DevToolsWindow implements Window {
  readonly #errors: string[] = [];

  constructor(readonly browser: DevTools, readonly targetId: string, readonly sessionId: string) {
    browser.listeners.add(this.#listen);
  }

  send(method: string, params: Fields = {}): Promise<Fields> {
    return this.browser.send(method, params, this.sessionId);
  }

  readonly #listen = ({ method, params, sessionId }: { method: string; params: Fields; sessionId?: string }): void => {
    if (sessionId !== this.sessionId) return;
    if (method === "Runtime.exceptionThrown") this.#errors.push(JSON.stringify(params.exceptionDetails));
    if (method === "Log.entryAdded" && params.entry.level === "error") this.#errors.push(params.entry.text);
    if (method === "Runtime.consoleAPICalled" && params.type === "error") this.#errors.push(JSON.stringify(params.args));
  };

  async prepare(): Promise<void> {
    const { language, isDark } = this.browser.preferences;
    for (const domain of ["Page", "Runtime", "Log", "Network"]) await this.send(`${domain}.enable`);
    await this.send("Network.setUserAgentOverride", { userAgent: await this.run("navigator.userAgent"), acceptLanguage: language });
    const features = [{ name: "prefers-color-scheme", value: isDark ? "dark" : "light" }];
    await this.send("Emulation.setEmulatedMedia", { features });
  }

  goto = (url: string): Promise<void> => this.#load("Page.navigate", { url });
  reload = (): Promise<void> => this.#load("Page.reload");

  async #load(method: string, params?: Fields): Promise<void> {
    let listener!: DevToolsListener;
    const loaded = new Promise<void>((resolve) => {
      listener = (event) => { if (event.method === "Page.loadEventFired" && event.sessionId === this.sessionId) resolve(); };
      this.browser.listeners.add(listener);
    });
    const { errorText } = await this.send(method, params);
    if (errorText) throw new Error(errorText);
    await loaded;
    this.browser.listeners.delete(listener);
  }

  async run(expression: string): Promise<unknown> {
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    if (exceptionDetails) throw new Error(JSON.stringify(exceptionDetails));
    return result.value;
  }

  async resize(size: Size): Promise<void> {
    await this.send("Emulation.setDeviceMetricsOverride", { ...size, deviceScaleFactor: 1, mobile: false });
  }

  screenshot = async (): Promise<Buffer> => Buffer.from((await this.send("Page.captureScreenshot")).data, "base64");
  pdf = async (): Promise<Buffer> =>
    Buffer.from((await this.send("Page.printToPDF", { preferCSSPageSize: true, printBackground: true })).data, "base64");
  consoleErrors = async (): Promise<string[]> => this.#errors;

  async close(): Promise<void> {
    this.browser.listeners.delete(this.#listen);
    await this.browser.send("Target.closeTarget", { targetId: this.targetId });
  }
}

type DevToolsListener = DevTools["listeners"] extends Set<infer L> ? L : never;
