// A proxy in front of a gateway that treats the stream as bad proxies, firewalls and virus scanners do. Everything else passes.

import { once } from "node:events";
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

const STREAM = "/api/visitors/today/stream";
/** Longer than a count lives, and not so long that a page gives the stream up before anything has come. */
const DELAY = 10_000;

/** How streams are treated, by mode. */
export const MODES = {
  pass: "passes everything",
  "no-head": "never sends the head",
  "head-only": "sends the head only",
  "init-only": "passes the event init and nothing after it",
  delayed: "delays every byte",
  "kept-open": "keeps the browser's side open when the gateway dies",
};
export type Mode = keyof typeof MODES;

export class Proxy {
  mode: Mode = "pass";
  /** The `data-version` that the page gets instead of its own. */
  version: (() => string) | undefined;
  /** How often a browser has opened a page. */
  loads = 0;
  readonly #server: Server = createServer((request, response) => this.#serve(request, response));
  readonly #streams = new Set<ServerResponse>();

  private constructor(readonly gatewayPort: number) {}

  static async start(gatewayPort: number, mode: Mode = "pass"): Promise<Proxy> {
    const proxy = new Proxy(gatewayPort);
    proxy.mode = mode;
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  url(path = "/"): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}${path}`;
  }

  /** Ends all streams. Later ones are treated by `mode`. */
  cut(mode: Mode): void {
    this.mode = mode;
    for (const stream of this.#streams) stream.destroy();
  }

  end(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #serve(incoming: IncomingMessage, response: ServerResponse): void {
    const { pathname } = new URL(incoming.url!, this.url());
    const isStream = pathname === STREAM && incoming.method === "GET";
    const headers = { ...incoming.headers };
    // Both are looked into.
    if (isStream || pathname === "/") delete headers["accept-encoding"];
    if (pathname === "/") {
      delete headers["if-none-match"];
      if (headers.accept?.includes("text/html")) this.loads += 1;
    }
    if (isStream) {
      this.#streams.add(response);
      response.on("close", () => this.#streams.delete(response));
      if (this.mode === "no-head") return;
    }
    const outgoing = request({ port: this.gatewayPort, host: "127.0.0.1", method: incoming.method, path: incoming.url, headers, agent: false });
    const mode = isStream ? this.mode : "pass";
    const broken = () => { if (mode !== "kept-open") response.destroy(); };
    outgoing.on("error", broken);
    outgoing.on("response", (answer) => {
      answer.on("error", broken);
      if (pathname === "/" && this.version) this.#sendPage(answer, response);
      else send(answer, response, mode);
    });
    response.on("close", () => outgoing.destroy());
    incoming.pipe(outgoing);
  }

  async #sendPage(answer: IncomingMessage, response: ServerResponse): Promise<void> {
    let page = "";
    for await (const chunk of answer.setEncoding("utf8")) page += chunk;
    page = page.replace(/data-version="[^"]*"/, `data-version="${this.version!()}"`);
    const { etag, "content-length": length, ...headers } = answer.headers;
    response.writeHead(answer.statusCode!, headers);
    response.end(page);
  }
}

function send(answer: IncomingMessage, response: ServerResponse, mode: Mode): void {
  const later = (work: () => void) => { if (mode === "delayed") setTimeout(work, DELAY).unref(); else work(); };
  let unsent = "";
  later(() => {
    const { connection, "transfer-encoding": encoding, ...headers } = answer.headers;
    response.writeHead(answer.statusCode!, headers);
    response.flushHeaders();
  });
  answer.on("data", (chunk: Buffer) => {
    if (mode === "head-only") return;
    if (mode !== "init-only") return later(() => response.write(chunk));
    // A stream has one event `init`.
    unsent += chunk;
    const [init] = /^[^]*?event: ?init\r?\n[^]*?\r?\n\r?\n/.exec(unsent) ?? [];
    if (!init) return;
    response.write(init);
    unsent = "";
  });
  answer.on("end", () => { if (mode !== "kept-open") later(() => response.end()); });
}
