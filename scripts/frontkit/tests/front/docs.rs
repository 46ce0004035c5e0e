//! The API's document as people read it: Swagger UI in a browser, under a policy that lets it load nothing of others.

use anyhow::{Context as _, Result, ensure};
use frontkit::browser::{Browser, SOON};
use frontkit::figures::TODAY;
use frontkit::gateway::Gateway;
use frontkit::harness::Test;
use frontkit::tools::Tool;
use frontkit::worker::{LONG, Worker};
use serde_json::Value;
use testkit::eventually::eventually;
use testkit::server::{shared_redis, unique};

const SHOWN: &str = "return document.querySelectorAll('.opblock').length";
/// Opens the operation of today's count and presses its button.
const TRY: &str = "const block = document.getElementById('operations-live-getToday'); \
     if (!block.querySelector('.execute')) { \
         if (!block.classList.contains('is-open')) block.querySelector('.opblock-summary-control').click(); \
         return null; \
     } \
     const answer = block.querySelector('.live-responses-table .highlight-code code'); \
     if (!answer) { block.querySelector('.execute').click(); return null; } \
     return answer.textContent";
const LOADED: &str = "return performance.getEntriesByType('resource').map((entry) => entry.name)";

pub(crate) fn tests() -> Vec<Test> {
    frontkit::tests![&[Tool::Chromium]; it_is_shown_and_can_be_tried_with_nothing_of_others]
}

async fn it_is_shown_and_can_be_tried_with_nothing_of_others() -> Result<()> {
    let (url, prefix) = (shared_redis().await.url(), unique("front"));
    let worker = Worker::on(&url, &prefix).await?;
    let gateway = Gateway::start(&url, &prefix, &[]).await?;
    worker.count(1234, TODAY, LONG).await?;
    let document = gateway.get("/docs/json").await.json();
    let paths = document["paths"].as_object().context("paths")?.len();

    let browser = Browser::start("en").await?;
    browser.open(&gateway.url("/docs")).await?;
    eventually("every operation is shown", SOON, async || {
        let shown = browser.run(SHOWN, &[]).await.ok()?;
        (shown == 3 * paths).then_some(())
    })
    .await;
    let answer = eventually("an answer is shown", SOON, async || {
        let answer = browser.run(TRY, &[]).await.ok()?;
        answer.as_str().map(str::to_owned)
    })
    .await;
    let answer: Value = serde_json::from_str(&answer).context("reading the answer")?;
    ensure!(answer["total"] == 1234, "{answer}");
    let loaded = browser.run(LOADED, &[]).await?;
    for address in loaded.as_array().context("a list")? {
        let address = address.as_str().context("an address")?;
        let own = address.starts_with(&gateway.url("/")) || address.starts_with("data:");
        ensure!(own, "{address} was loaded");
    }
    let console = browser.console().await?;
    ensure!(console.is_empty(), "on the console: {console:?}");
    browser.end().await
}
