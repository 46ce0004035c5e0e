// Swagger UI, as a reader of the API's document uses it.

import assert from "node:assert/strict";
import { dashboardTest } from "./harness.js";
import { eventually } from "./processes.js";

dashboardTest("the document is shown, and an operation can be tried, with nothing from other hosts", { path: "/docs" }, async ({ library, page }) => {
  const document = await (await fetch(library.url("/docs/json"))).json() as { paths: Record<string, object> };
  const operations = Object.values(document.paths).flatMap(Object.keys);
  assert(operations.length > 20, `${operations.length}`);
  await eventually("every operation is shown", async () => (await page.locator(".opblock").count()) === operations.length || undefined);
  const today = page.locator("#operations-live-getToday");
  await today.locator(".opblock-summary-control").click();
  await today.locator(".execute").click();
  const answer = await today.locator(".live-responses-table .highlight-code code").textContent();
  assert.equal((JSON.parse(answer ?? "") as { total: number }).total, 1_234);
});
