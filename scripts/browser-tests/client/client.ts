// Reads the API in the types that are generated from its document, and prints what it read as one line of JSON. While a figure
// is missing, that is after how many seconds to ask again. `node client.js URL [stream]`.

import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

declare const process: { argv: string[] };

type Schemas = components["schemas"];
type Warming = Schemas["Warming"];
/** OpenAPI 3.1 cannot describe the events of a stream. */
type Event = { name: "init"; data: Schemas["InitEvent"] } | { name: "update"; data: Schemas["UpdateEvent"] };

const [base = "", wish] = process.argv.slice(2);
const api = createClient<paths>({ baseUrl: base });

function read<Figure extends object, Result>(answer: { data?: Figure | Warming; response: Response }, use: (figure: Figure) => Result) {
  const { data, response } = answer;
  if (data === undefined) throw new Error(`${response.url}: ${response.status}`);
  const isWarming = (data: Figure | Warming): data is Warming => "status" in data && data.status === "warming";
  return isWarming(data) ? data.retry_after_seconds : use(data);
}

/** The status of a request for what is known already. */
async function askAgain(): Promise<number> {
  const first = await api.GET("/api/visitors/monthly/top");
  const etag = first.response.headers.get("ETag");
  const params = etag === null ? {} : { header: { "If-None-Match": etag } };
  return (await api.GET("/api/visitors/monthly/top", { params })).response.status;
}

/** Each error has a body, so that `data` is there where `error` is not. */
async function ready(): Promise<string> {
  const { data, error } = await api.GET("/readyz");
  if (error) throw new Error(error.detail);
  return data.status;
}

async function* events(stream: ReadableStream<Uint8Array>): AsyncGenerator<Event> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true });
    const blocks = text.split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks) {
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(block)?.[1];
      const name = field("event");
      if (name === "init" || name === "update") yield { name, data: JSON.parse(field("data") ?? "null") } as Event;
    }
  }
}

/** One event of each kind. */
async function listen() {
  const { data } = await api.GET("/api/visitors/today/stream", { parseAs: "stream" });
  if (!data) throw new Error("there is no stream");
  const seen: { init?: number; update?: string } = {};
  for await (const event of events(data)) {
    if (event.name === "init") seen.init = event.data.total;
    else seen.update = event.data.date;
    if (seen.init !== undefined && seen.update) break;
  }
  return seen;
}

/** What the library says about itself, and the picture of today's count. */
async function library() {
  const { data: library } = await api.GET("/api/library");
  const { data: badge } = await api.GET("/badge.svg", { parseAs: "text" });
  const { response: logo } = await api.GET("/logo", { parseAs: "text" });
  return { opens: library?.hours?.map(({ weekday, open }) => `${weekday} ${open}`), badge: badge?.includes("</svg>"), logo: logo.status };
}

const health = await api.GET("/health");
console.log(JSON.stringify({
  today: read(await api.GET("/api/visitors/today"), ({ total }) => total),
  weekly: read(await api.GET("/api/visitors/weekly"), ({ data }) => data.reduce((most, day) => (day.total > most.total ? day : most))),
  summary: read(await api.GET("/api/visitors/summary"), ({ data }) => data.today?.total),
  collection: read(await api.GET("/api/books/collection"), ({ data }) => data),
  library: await library(),
  notModified: await askAgain(),
  ready: await ready(),
  health: health.data?.snapshots["visitors:weekly"]?.state,
  ...(wish === "stream" ? { stream: await listen() } : {}),
}));
