import { scenarios } from "./scenarios.js";

scenarios("chromium");
