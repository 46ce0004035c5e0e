// What every view does at its start: language, words, reading.

import { firstLanguage, language, remember, useLanguage, words } from "./format.js";
import { byId, mark, query, setWords } from "./document.js";
import { readAll, showAges, showAll } from "./figures.js";
import { readLibrary, showLibrary } from "./library.js";

/** Shows what `build` has added to the body. `redraw` is called in each language. */
export function start(redraw = () => {}) {
  const speak = (wanted) => {
    useLanguage(wanted);
    setWords(words);
    showAll();
    showLibrary();
    redraw();
    const button = byId("language");
    if (button) mark(button, "lang", wanted === "id" ? "en" : "id");
  };
  speak(firstLanguage(query));
  window.onDashboardStart();
  // A page that stays open for months needs no record of its requests.
  performance.setResourceTimingBufferSize(0);
  readAll();
  readLibrary();
  setInterval(showAges, 60000);
  setInterval(showLibrary, 20000);
  return { switchLanguage() {
    speak(language === "id" ? "en" : "id");
    remember(language);
  } };
}

/** A link to another view, with the rest of the address. */
export function linkTo(view) {
  const address = new URLSearchParams(query);
  address.delete("view");
  if (view !== "page") address.set("view", view);
  return `?${address}`;
}
