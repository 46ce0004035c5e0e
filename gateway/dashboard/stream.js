// One stream for all tabs of a browser: the shared worker of index.html, which tells each tab what it hears.
// A browser opens six connections to a gateway, and a gateway has places for so many streams: tabs should not use them up.

// Follows the stream at `url` for ever. Tells "open", "lost" and "off" (there are no streams here), and each event with its
// data. Returns what ends it. The page has the same lines for browsers without shared workers.
function follow(url, tell) {
  let source, timer, opening, isOpen = false, refusals = 0, ended = false;
  const openIn = (seconds) => {
    clearTimeout(timer);
    if (!ended) timer = setTimeout(open, seconds * 1000);
  };
  // A gateway without a place answers as well, tells when to come back, and ends the stream: only one that lasts is open.
  const opened = () => {
    clearTimeout(opening);
    if (!isOpen) tell("open");
    isOpen = true;
    refusals = 0;
  };
  const broken = () => {
    clearTimeout(opening);
    isOpen = false;
  };
  function open() {
    source?.close();
    broken();
    source = new EventSource(url);
    source.onopen = () => { opening = setTimeout(opened, 500); };
    source.onerror = onBreak;
    for (const name of ["init", "update", "snapshot"]) {
      source.addEventListener(name, ({ data }) => { opened(); openIn(180); tell(name, data); });
    }
    openIn(180); // A connection may die without a word. Counts come at least once a minute.
  }
  async function onBreak() {
    broken();
    if (source.readyState !== EventSource.CLOSED) return tell("lost"); // The browser comes back by itself.
    const answer = await fetch(url, { method: "HEAD" }).catch(() => null);
    tell(answer?.status === 404 ? "off" : "lost");
    openIn(answer?.status === 404 ? 300 : 2 + Math.random() * Math.min(28, 2 ** ++refusals));
  }
  open();
  return () => { ended = true; clearTimeout(timer); broken(); source.close(); };
}

const tabs = new Set();
let end = null, state, count; // The latest of each, for tabs that come later.

function tellAll(kind, data) {
  if (kind === "init" || kind === "update") count = { kind, data, at: Date.now(), steadily: performance.now() };
  else if (kind !== "snapshot") state = { kind };
  for (const tab of tabs) tab.postMessage({ kind, data, age: 0 });
}

// How long ago the count came, in ms. A PC that sleeps stops one clock, and somebody may set the other.
const age = () => Math.max(Date.now() - count.at, performance.now() - count.steadily);

self.onconnect = ({ ports: [tab] }) => {
  tabs.add(tab);
  tab.onmessage = () => { // All that a tab ever says is goodbye.
    tabs.delete(tab);
    if (tabs.size > 0 || end === null) return;
    end();
    end = null;
  };
  if (end === null) {
    state = count = undefined;
    end = follow(self.name, tellAll);
    return;
  }
  if (state) tab.postMessage(state);
  if (count) tab.postMessage({ kind: count.kind, data: count.data, age: age() });
};
