// Swagger UI, as a reader of the API's document uses it.

import { AxeBuilder } from "@axe-core/playwright";
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

dashboardTest("the stream cannot be tried, and its description says how to look at it", { path: "/docs" }, async ({ page }) => {
  for (const [operation, executes] of [["getTodayStream", 0], ["getToday", 1]] as const) {
    const block = page.locator(`#operations-live-${operation}`);
    await block.locator(".opblock-summary-control").click();
    await block.locator(".responses-wrapper").waitFor();
    assert.equal(await block.locator(".execute").count(), executes, operation);
    assert.equal(await block.locator(".try-out").count(), executes, operation);
  }
  const description = page.locator("#operations-live-getTodayStream .opblock-description");
  assert.match(await description.textContent() ?? "", /curl -N http/);
});

/** Other rules find faults of Swagger UI itself. */
const OUR_RULES = ["bypass", "document-title", "empty-table-header", "heading-order", "html-has-lang", "landmark-one-main", "page-has-heading-one", "region"];

dashboardTest("axe finds nothing in what is ours", { path: "/docs" }, async ({ page }) => {
  const stream = page.locator("#operations-live-getTodayStream");
  await stream.locator(".opblock-summary-control").click();
  await stream.locator(".responses-wrapper").waitFor();
  const { violations } = await new AxeBuilder({ page }).withRules(OUR_RULES).analyze();
  assert.deepEqual(violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`)), []);
});
