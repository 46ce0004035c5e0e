// The shared worker of the dashboard: one stream for all tabs of a browser, since a browser opens six connections to a host,
// and a gateway has a limited number of streams.

import { live } from "../live.js";

const tabs = new Set();
// The latest call of each callback, for tabs that come later.
let stop, latest;

// Both clocks, because a machine that sleeps stops one, and somebody may set the other.
const stamp = () => ({ wall: Date.now(), steady: performance.timeOrigin + performance.now() });

function tell(name) {
  return (value) => {
    const call = { name, value, made: stamp() };
    if (name !== "onChange") latest[name] = call;
    for (const tab of tabs) tab.postMessage(call);
  };
}

self.onconnect = ({ ports: [tab] }) => {
  tabs.add(tab);
  // All that a tab ever says is goodbye.
  tab.onmessage = () => {
    tabs.delete(tab);
    if (tabs.size > 0) return;
    stop();
    stop = undefined;
  };
  if (stop) {
    for (const call of Object.values(latest)) tab.postMessage(call);
    return;
  }
  latest = {};
  stop = live(self.name, { onCount: tell("onCount"), onState: tell("onState"), onChange: tell("onChange") });
};
