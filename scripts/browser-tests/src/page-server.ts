// Pages of another origin than the gateway's, as a library's own web site has them.

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Library } from "./library.js";
import { target } from "./processes.js";

/** Where documents and examples say that the gateway is. */
const DOCUMENTED = "http://127.0.0.1:3000";

/** The text of a page as somebody has it whose gateway is the library's. */
export const withAddress = (text: string, library: Library): string => text.replaceAll(DOCUMENTED, library.url(""));

/** Serves npm packages below `/packages`, and pages with a module: `scripts` by their paths. */
export class PageServer {
  readonly scripts = new Map<string, string>();
  readonly #server = createServer((request, response) => {
    const path = request.url ?? "/";
    const script = this.scripts.get(path);
    const isPage = script !== undefined;
    response.setHeader("Content-Type", `text/${isPage ? "html" : "javascript"}; charset=utf-8`);
    try {
      response.end(isPage ? `<!doctype html><title>–</title><script type="module">${script}</script>` : read(path));
    } catch {
      response.writeHead(404).end();
    }
  });

  static async start(): Promise<PageServer> {
    const server = new PageServer();
    server.#server.listen(0, "127.0.0.1");
    await once(server.#server, "listening");
    return server;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  end(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

function read(path: string): string {
  if (!path.startsWith("/packages/")) throw new Error(path);
  // Some packages leave the extension out.
  const file = path.slice("/packages/".length).replace(/(\.js)?$/, ".js");
  return readFileSync(join(target, "browser-tests/node_modules", file), "utf8");
}
