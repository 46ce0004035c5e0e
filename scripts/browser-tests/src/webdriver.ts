// Firefox and WebKitGTK over W3C WebDriver, by way of geckodriver and WebKitWebDriver: JSON over HTTP.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Preferences, Size, Window } from "./engine.js";
import { Child, PATIENCE, eventually, freePort } from "./processes.js";

/** The folder that a browser takes for the user's home, so that it writes nowhere else. */
const newHome = (): string => mkdtempSync(join(tmpdir(), "browser-"));

/** Started here and not by geckodriver, so that it ends when this process ends, however that happens. */
export async function startFirefox(geckodriver: string, { language, isDark }: Preferences): Promise<Browser> {
  const home = newHome();
  const [port, marionette] = [await freePort(), await freePort()];
  const preferences = {
    "marionette.port": marionette, "intl.accept_languages": language, "ui.systemUsesDarkTheme": isDark ? 1 : 0,
    // It asks other hosts for nothing. What Marionette switches off by itself is not repeated.
    "app.normandy.enabled": false, "network.captive-portal-service.enabled": false, "network.connectivity-service.enabled": false,
    "datareporting.policy.dataSubmissionEnabled": false, "services.settings.server": "data:,#remote-settings-dummy/v1",
  };
  writeFileSync(join(home, "user.js"), Object.entries(preferences).map(([name, value]) =>
    `user_pref("${name}", ${JSON.stringify(value)});\n`).join(""));
  const environment = { HOME: home };
  const firefox = new Child("/usr/bin/firefox-esr", ["--headless", "--marionette", "--profile", home, "--no-remote"], environment);
  await firefox.listens(marionette);
  const driver = new Child(geckodriver, [
    "--port", `${port}`, "--connect-existing", "--marionette-port", `${marionette}`,
  ], environment);
  return WebDriver.connect(driver, port, true, async () => {
    await driver.end();
    await firefox.end();
    rmSync(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 });
  });
}

/** On a screen of its own: GTK has none without. It ends with the screen. */
export async function startWebKit({ isDark }: Preferences): Promise<Browser> {
  const home = newHome();
  const screen = new Child("Xvfb", ["-displayfd", "1", "-screen", "0", "1920x1200x24", "-nolisten", "tcp"]);
  const display = await eventually("a screen", async () => /^\d+$/m.exec(screen.output)?.[0]);
  const port = await freePort();
  const driver = new Child("WebKitWebDriver", [`--port=${port}`], {
    HOME: home, DISPLAY: `:${display}`, ...(isDark ? { GTK_THEME: "Adwaita:dark" } : {}),
  });
  return WebDriver.connect(driver, port, false, async () => {
    await driver.end();
    await screen.end();
    rmSync(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 });
  });
}

class WebDriver implements Browser {
  version = "";
  #session = "";
  /** A session has one current window, so that one command waits for the other. */
  #turn: Promise<unknown> = Promise.resolve();
  #current = "";
  /** The window that the browser begins with. It stays empty and open: with the last one the session ends. */
  #first = "";

  private constructor(readonly url: string, readonly canPrint: boolean, readonly stop: () => Promise<void>) {}

  static async connect(driver: Child, port: number, canPrint: boolean, stop: () => Promise<void>): Promise<WebDriver> {
    await driver.listens(port);
    const browser = new WebDriver(`http://127.0.0.1:${port}`, canPrint, stop);
    const session = await browser.#call("POST", "/session", { capabilities: {} });
    browser.#session = `/session/${session.sessionId}`;
    browser.#first = await browser.#call("GET", `${browser.#session}/window`);
    browser.version = `${session.capabilities.browserName}/${session.capabilities.browserVersion}`;
    return browser;
  }

  async #call(method: string, path: string, body?: object): Promise<any> {
    const answer = await fetch(this.url + path, {
      method, headers: { "Content-Type": "application/json" }, body: body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(PATIENCE),
    });
    const { value } = await answer.json() as { value: any };
    if (!answer.ok) throw new Error(`${method} ${path}: ${value.error}: ${value.message}`);
    return value;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }

  /** A command of the session, in one of its windows. */
  send(window: string, method: string, path: string, body?: object): Promise<any> {
    return this.#inTurn(async () => {
      await this.#switchTo(window);
      return this.#call(method, this.#session + path, body);
    });
  }

  async #switchTo(window: string): Promise<void> {
    if (window !== this.#current) await this.#call("POST", `${this.#session}/window`, { handle: window });
    this.#current = window;
  }

  open(): Promise<Window> {
    return this.#inTurn(async () => {
      // The current one may be closed; then no other can be opened from it.
      await this.#switchTo(this.#first);
      const { handle } = await this.#call("POST", `${this.#session}/window/new`, { type: "window" });
      return new WebDriverWindow(this, handle);
    });
  }

  async end(): Promise<void> {
    await this.#call("DELETE", this.#session).catch(() => {});
    await this.stop();
  }
}

class WebDriverWindow implements Window {
  constructor(readonly browser: WebDriver, readonly handle: string) {}

  #send(method: string, path: string, body?: object): Promise<any> {
    return this.browser.send(this.handle, method, path, body);
  }

  async goto(url: string): Promise<void> {
    await this.#send("POST", "/url", { url });
    await this.#collectErrors();
  }

  async reload(): Promise<void> {
    await this.#send("POST", "/refresh", {});
    await this.#collectErrors();
  }

  run(expression: string): Promise<unknown> {
    return this.#send("POST", "/execute/sync", { script: `return ${expression}`, args: [] });
  }

  /** A window follows its new size a moment later. None is narrower than 450 (WebKitGTK) or 500 (Firefox). */
  async resize({ width, height }: Size): Promise<void> {
    await eventually(`a window of ${width} × ${height}`, async () => {
      const [innerWidth, innerHeight] = await this.run("[innerWidth, innerHeight]") as [number, number];
      if (innerWidth === width && innerHeight === height) return true;
      const outer = await this.#send("GET", "/window/rect");
      await this.#send("POST", "/window/rect", { width: outer.width + width - innerWidth, height: outer.height + height - innerHeight });
      return undefined;
    }, PATIENCE, 300);
  }

  screenshot = async (): Promise<Buffer> => Buffer.from(await this.#send("GET", "/screenshot"), "base64");
  pdf = async (): Promise<Buffer> => Buffer.from(await this.#send("POST", "/print", { background: true }), "base64");

  /** WebDriver has no command for them. */
  async #collectErrors(): Promise<void> {
    await this.run(`(() => {
      const errors = window.consoleErrors = [];
      addEventListener("error", (event) => errors.push(event.message));
      addEventListener("unhandledrejection", (event) => errors.push(String(event.reason)));
    })()`);
  }

  consoleErrors = async (): Promise<string[]> => await this.run("window.consoleErrors || []") as string[];
  close = (): Promise<void> => this.#send("DELETE", "/window");
}
