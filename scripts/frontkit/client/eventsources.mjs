// Opens several streams with the package `eventsource`: node eventsources.mjs URL COUNT. Prints a line of JSON for each event
// of each client, and runs until it is killed.
import { EventSource } from "eventsource";

const [url, count] = process.argv.slice(2);
const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

for (let client = 0; client < Number(count); client++) {
  const source = new EventSource(url);
  for (const event of ["init", "update"]) {
    source.addEventListener(event, ({ data }) => print({ client, event, total: JSON.parse(data).total }));
  }
  // An event without a name or data: the gateway sends none.
  source.addEventListener("message", ({ data }) => print({ client, event: "message", data }));
  source.addEventListener("error", ({ code }) => {
    print({ client, event: source.readyState === EventSource.CLOSED ? "closed" : "error", code });
  });
}
