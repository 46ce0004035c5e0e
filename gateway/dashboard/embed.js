// One number and its line, for a frame in another page (FRAME_ANCESTORS).

import { element } from "./document.js";
import { addToday, showToday, startToday } from "./today.js";
import { start } from "./start.js";

const now = element("section", { id: "now", "aria-labelledby": "now-head" });
addToday(now);
document.body.append(element("main", {}, now, element("p", { id: "library", class: "quiet" })));
start(showToday);
startToday();
