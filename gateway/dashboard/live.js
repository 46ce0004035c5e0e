// Follows today's count of a library. Returns what stops it. See README.
// onCount({ total, date, at, life } or null), onState("connecting", "live", "polling", "lost"), onChange(path or null).

const POLL = 10000;
const LIFE_POLLED = 13000;
const LIFE_QUIET = 5000;
const QUIET = 20000;
const SILENCE = 100000; // A dead connection: counts come each minute.
const spread = (time) => time * (0.8 + 0.4 * Math.random());

export function live(gateway, { onCount = () => {}, onState = () => {}, onChange = () => {} }) {
  const url = new URL("api/visitors/today", new URL(gateway, self.location.href)).href;
  let source, count, state, isOpen, isBroken, until, failures = 0, polls = 0, longestLife = 0;
  let askAt = 4000, openAt = 0, heardAt = -Infinity, request = new AbortController();
  let delay = Infinity; // The smallest from a count to its arrival.

  // A machine that sleeps stops one clock; somebody may set the other.
  let now = 0, wall = Date.now(), steady = performance.now();
  function advance() {
    const byWall = Date.now() - wall, bySteady = performance.now() - steady;
    now += byWall > bySteady + 1000 ? byWall : bySteady;
    wall += byWall, steady += bySteady;
  }
  const report = (next) => { if (next !== state) onState(state = next); };
  // A count whose end is known does not live longer.
  const isOld = (made) => count && (made < count.at || (made === count.at && count.expires_at));
  const isLive = () => isOpen && now - heardAt < Math.max(QUIET, longestLife);

  function take(message, life) {
    until = now + life;
    onCount(count = { at: message.generated_at, ...message, life });
  }

  function onMessage({ data }) {
    advance();
    const message = JSON.parse(data);
    const made = Date.parse(message.generated_at || message.at);
    const life = message.expires_at ? Date.parse(message.expires_at) - made : longestLife || 2000;
    if (now - made > delay + life) return; // Withheld, or from before the machine slept.
    delay = Math.min(delay, now - made);
    longestLife = Math.max(longestLife, life);
    isOpen = true;
    failures = 0;
    heardAt = now;
    openAt = now + SILENCE;
    askAt = now + life * (0.65 + 0.15 * Math.random()); // In time for an answer.
    take(message, life);
    report("live");
    if (isBroken) onChange(null);
    isBroken = false;
  }

  async function ask() {
    askAt = now + spread(POLL);
    request.abort();
    request = new AbortController();
    const answer = await fetch(url, { cache: "no-store", signal: request.signal }).catch(() => null);
    const message = answer && answer.status === 200 && await answer.json().catch(() => null);
    advance();
    if (message && !isOld(message.generated_at)) {
      delay = now - Date.parse(message.generated_at);
      take(message, isLive() ? LIFE_QUIET : LIFE_POLLED);
      if (isLive()) askAt = now + 0.8 * LIFE_QUIET;
    }
    if (isLive()) return;
    report(answer && answer.status < 500 ? "polling" : "lost");
    if (++polls % 60 === 0) onChange(null);
  }

  function open() {
    isBroken = !!source;
    if (source) source.close();
    isOpen = false;
    openAt = now + SILENCE;
    source = new EventSource(`${url}/stream`);
    for (const name of ["init", "update"]) source.addEventListener(name, onMessage);
    source.addEventListener("snapshot", ({ data }) => onChange(JSON.parse(data).path));
    source.onerror = () => {
      advance();
      if (isOpen) askAt = now + spread(POLL);
      isOpen = false;
      isBroken = true;
      if (state === "live") report("lost");
      // After a status but 200 it does not come back.
      if (source.readyState === EventSource.CLOSED) openAt = now + spread(Math.min(30000, 2000 * 2 ** failures++));
    };
  }

  const timer = setInterval(() => {
    advance();
    if (now >= openAt) open();
    if (now >= askAt) ask();
    if (count && now >= until) onCount(count = null);
  }, 250);
  report("connecting");
  open();
  return () => {
    clearInterval(timer);
    source.close();
    request.abort();
    onCount = onState = onChange = () => {};
  };
}
