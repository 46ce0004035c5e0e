// Chromium over the Chrome DevTools Protocol, on the pipe of --remote-debugging-pipe: JSON messages that end with a zero byte.
// Only commands that Chromium 79 knows.

import { EventEmitter, once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LAUNCH } from "./dashboard.js";
import type { Browser, Preferences, Size, Window } from "./engine.js";
import { Child, PATIENCE } from "./processes.js";

type Fields = Record<string, any>;

/** Emits each answer under its number, each event as `<session> <method>`, and `error` when Chromium has ended. */
export class DevTools extends EventEmitter implements Browser {
  readonly canPrint = true;
  version = "";
  readonly #child: Child;
  #last = 0;
  #unread = "";

  private constructor(program: string, readonly profile: string, readonly preferences: Preferences) {
    super();
    const args = [...LAUNCH.args, "--remote-debugging-pipe", `--user-data-dir=${profile}`, "about:blank"];
    this.#child = new Child(program, args, { HOME: profile }, 2);
    const fail = () => this.emit("error", new Error(`Chromium has ended: ${this.#child.output}`));
    this.#child.pipes[1]!.setEncoding("utf8").on("data", (text: string) => this.#receive(text)).on("close", fail);
    this.#child.pipes[0]!.on("error", fail);
    // Without a listener the event would end this process.
    this.on("error", () => {}).setMaxListeners(0);
  }

  static async start(program: string, preferences: Preferences): Promise<DevTools> {
    const browser = new DevTools(program, mkdtempSync(join(tmpdir(), "chromium-")), preferences);
    browser.version = (await browser.send("Browser.getVersion")).product;
    return browser;
  }

  async send(method: string, params: Fields = {}, sessionId?: string): Promise<Fields> {
    const id = ++this.#last;
    const answered = this.next(`${id}`);
    this.#child.pipes[0]!.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    const { error, result } = await answered;
    if (error) throw new Error(`${method}: ${JSON.stringify(error)}`);
    return result;
  }

  async next(name: string): Promise<Fields> {
    return (await once(this, name, { signal: AbortSignal.timeout(PATIENCE) }))[0];
  }

  #receive(text: string): void {
    const messages = (this.#unread + text).split("\0");
    this.#unread = messages.pop()!;
    for (const message of messages.map((text) => JSON.parse(text))) {
      if (message.id) this.emit(`${message.id}`, message);
      else this.emit(`${message.sessionId} ${message.method}`, message.params);
    }
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
    rmSync(this.profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 });
  }
}

class DevToolsWindow implements Window {
  readonly #errors: string[] = [];

  constructor(readonly browser: DevTools, readonly targetId: string, readonly sessionId: string) {
    const collect = (event: string, text: (params: Fields) => string | false) =>
      browser.on(`${sessionId} ${event}`, (params) => {
        const error = text(params);
        if (error) this.#errors.push(error);
      });
    collect("Runtime.exceptionThrown", ({ exceptionDetails }) => JSON.stringify(exceptionDetails));
    collect("Log.entryAdded", ({ entry }) => entry.level === "error" && entry.text);
    collect("Runtime.consoleAPICalled", ({ type, args }) => type === "error" && JSON.stringify(args));
  }

  send(method: string, params: Fields = {}): Promise<Fields> {
    return this.browser.send(method, params, this.sessionId);
  }

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
    const loaded = this.browser.next(`${this.sessionId} Page.loadEventFired`);
    const [{ errorText }] = await Promise.all([this.send(method, params), loaded]);
    if (errorText) throw new Error(errorText);
  }

  async run(expression: string): Promise<unknown> {
    const { result, exceptionDetails } =
      await this.send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
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
    await this.browser.send("Target.closeTarget", { targetId: this.targetId });
  }
}
