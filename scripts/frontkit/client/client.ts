// Reads everything that the API has, in the types that are made of its document, and prints what it read as one line of JSON.
// `node client.js http://host:port` reads figures; with `stream` behind it, one event of each kind besides.

import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

declare const process: { argv: string[] };

type Schemas = components["schemas"];
type Warming = Schemas["Warming"];

/** What the events of the stream carry; OpenAPI 3.1 has no words for it, so that it is said here. */
interface Data {
  init: Schemas["InitEvent"];
  update: Schemas["UpdateEvent"];
  snapshot: Schemas["SnapshotEvent"];
}
type Event = { [Kind in keyof Data]: { kind: Kind; data: Data[Kind] } }[keyof Data];

const [base = "", wish] = process.argv.slice(2);
const api = createClient<paths>({ baseUrl: base });

function isWarming(answer: object): answer is Warming {
  return "status" in answer && answer.status === "warming";
}

/** What was read, or after how many seconds to ask again. */
function read<Figure extends object>(answer: { data?: Figure | Warming; response: Response }): Figure | number {
  const { data, response } = answer;
  if (data === undefined) throw new Error(`${response.url}: ${response.status}`);
  return isWarming(data) ? data.retry_after_seconds : data;
}

async function figures() {
  return {
    "/api/visitors/today": read(await api.GET("/api/visitors/today")),
    "/api/visitors/summary": read(await api.GET("/api/visitors/summary")),
    "/api/visitors/weekly": read(await api.GET("/api/visitors/weekly")),
    "/api/visitors/monthly": read(await api.GET("/api/visitors/monthly")),
    "/api/visitors/yearly": read(await api.GET("/api/visitors/yearly")),
    "/api/visitors/monthly/top": read(await api.GET("/api/visitors/monthly/top")),
    "/api/visitors/yearly/top": read(await api.GET("/api/visitors/yearly/top")),
    "/api/books/summary": read(await api.GET("/api/books/summary")),
    "/api/books/collection": read(await api.GET("/api/books/collection")),
    "/api/books/top-borrowed": read(await api.GET("/api/books/top-borrowed")),
    "/api/books/top-borrowed/month": read(await api.GET("/api/books/top-borrowed/month")),
    "/api/books/top-borrowed/year": read(await api.GET("/api/books/top-borrowed/year")),
    "/api/books/top-borrowers/month": read(await api.GET("/api/books/top-borrowers/month")),
    "/api/books/top-borrowers/year": read(await api.GET("/api/books/top-borrowers/year")),
  };
}

/** What is for operators and for people, in a word each. */
async function others() {
  const live = await api.GET("/livez");
  const ready = await api.GET("/readyz");
  const health = await api.GET("/health");
  const metrics = await api.GET("/metrics", { parseAs: "text" });
  const page = await api.GET("/", { parseAs: "text" });
  const worker = await api.GET("/stream.js", { parseAs: "text" });
  const docs = await api.GET("/docs", { parseAs: "text" });
  const document = await api.GET("/docs/json");
  const script = await api.GET("/docs/swagger-ui.js", { parseAs: "text" });
  const style = await api.GET("/docs/swagger-ui.css", { parseAs: "text" });
  return {
    "/livez": live.data?.status,
    "/readyz": ready.data?.status ?? ready.error?.detail,
    "/health": health.data?.snapshots["visitors:weekly"]?.state,
    "/metrics": metrics.data?.includes("gateway_streams "),
    "/": page.response.ok,
    "/stream.js": worker.response.ok,
    "/docs": docs.response.ok,
    "/docs/json": document.response.ok,
    "/docs/swagger-ui.js": script.response.ok,
    "/docs/swagger-ui.css": style.response.ok,
  };
}

/** The figures of a week by their rows: each field is of its own type. */
async function busiest(): Promise<{ date: string; total: number } | undefined> {
  const week = read(await api.GET("/api/visitors/weekly"));
  if (typeof week === "number") return undefined;
  const [first, ...rest] = week.data;
  return first && rest.reduce((most, day) => (day.total > most.total ? day : most), first);
}

/** Asks again with the tag of what it has: 304. */
async function unchanged(): Promise<number> {
  const first = await api.GET("/api/visitors/monthly/top");
  const etag = first.response.headers.get("ETag");
  const params = etag === null ? {} : { header: { "If-None-Match": etag } };
  const again = await api.GET("/api/visitors/monthly/top", { params });
  return again.response.status;
}

async function* events(stream: ReadableStream<Uint8Array>): AsyncGenerator<Event> {
  const reader = stream.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value;
    const blocks = text.split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks) {
      const line = (name: string) => block.split("\n").find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      const kind = line("event");
      if (kind === "init" || kind === "update" || kind === "snapshot") {
        yield { kind, data: JSON.parse(line("data") ?? "null") } as Event;
      }
    }
  }
}

/** One event of each kind; a figure that has changed is read again, which has the tag that the event told. */
async function listen() {
  const ending = new AbortController();
  const { data } = await api.GET("/api/visitors/today/stream", { parseAs: "stream", signal: ending.signal });
  if (!data) throw new Error("there is no stream");
  const seen: { init?: number; update?: string; snapshot?: string } = {};
  for await (const event of events(data)) {
    switch (event.kind) {
      case "init":
        seen.init = event.data.total;
        break;
      case "update":
        seen.update = event.data.date;
        break;
      case "snapshot": {
        const { path, etag } = event.data;
        const answer = await fetch(base + path);
        // Behind the last hyphen stands the coding.
        const value = (tag: string) => tag.slice(0, tag.lastIndexOf("-"));
        // It may have changed again; then that is told too.
        if (value(answer.headers.get("ETag") ?? "") === value(etag)) seen.snapshot = path;
      }
    }
    if (seen.init !== undefined && seen.update && seen.snapshot) break;
  }
  ending.abort();
  return seen;
}

console.log(
  JSON.stringify({
    figures: await figures(),
    others: await others(),
    busiest: await busiest(),
    unchanged: await unchanged(),
    ...(wish === "stream" ? { stream: await listen() } : {}),
  }),
);
