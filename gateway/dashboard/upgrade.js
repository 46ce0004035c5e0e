// A screen that stays on for months gets the new dashboard with the new gateway.

import { root } from "./document.js";
import { gateway } from "./figures.js";

/** Loads the page anew, once, if the gateway has another version of it. A copy on another server is not the gateway's. */
export async function reloadIfUpgraded() {
  if (gateway !== new URL(".", location.href).href) return;
  const answer = await fetch(location.pathname, { cache: "no-cache" }).catch(() => null);
  const found = answer && answer.status === 200 && /data-version="([^"]*)"/.exec(await answer.text());
  if (!found || found[1] === root.dataset.version) return;
  try {
    // Behind a balancer, versions may alternate.
    if (sessionStorage.getItem("reloaded-for") === found[1]) return;
    sessionStorage.setItem("reloaded-for", found[1]);
  } catch (error) {
    // Without a memory it might never end.
    return;
  }
  setTimeout(() => location.reload(), 5000 * Math.random());
}
