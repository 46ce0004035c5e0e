import { scenarios } from "./scenarios.js";

scenarios("firefox");
