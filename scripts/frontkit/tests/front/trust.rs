//! What the page may do, and what others may do with it.

use crate::house::House;
use crate::page::{INDONESIAN, look};
use anyhow::{Result, ensure};
use frontkit::dashboard::WARM;
use frontkit::harness::Test;
use frontkit::tools::Tool;
use serde_json::json;
use shared::catalog::Snapshot;

pub(crate) fn tests() -> Vec<Test> {
    let mut tests = frontkit::tests![&[Tool::Chromium];
        nothing_comes_from_another_host,
        what_was_not_in_the_page_does_not_run,
        markup_in_names_and_titles_is_text,
    ];
    tests.extend(frontkit::tests![&[]; the_page_is_small]);
    tests
}

/// Bytes of both files, uncompressed.
const LARGEST: usize = 60_000;

/// What cannot be found says so on the console, which fails each test; here it is asked for by name.
async fn nothing_comes_from_another_host() -> Result<()> {
    let house = House::warm().await?;
    look(&house.at(""), INDONESIAN, async |page| {
        page.until(WARM).await;
        page.shows(1_234, "1.234").await;
        let names = "performance.getEntriesByType('resource').map(({ name }) => name)";
        let names: Vec<String> = serde_json::from_value(page.value(names).await?)?;
        ensure!(names.len() >= 11, "only {names:?}");
        let home = house.gateway.url("/");
        let other: Vec<_> = names
            .iter()
            .filter(|name| !name.starts_with(&home))
            .collect();
        ensure!(other.is_empty(), "{other:?}");
        Ok(())
    })
    .await
}

async fn what_was_not_in_the_page_does_not_run() -> Result<()> {
    let house = House::warm().await?;
    look(&house.at(""), INDONESIAN, async |page| {
        page.until(WARM).await;
        let script = "const script = document.createElement('script'); \
             script.textContent = 'window.broken = true'; document.body.append(script); \
             const image = document.createElement('img'); document.body.append(image); \
             image.setAttribute('onerror', 'window.broken = true'); image.dispatchEvent(new Event('error'));";
        page.browser.run(script, &[]).await?;
        ensure!(page.value("'broken' in window").await? == json!(false));
        let heard = page.heard().await?;
        ensure!(heard.len() == 2, "{heard:?}");
        ensure!(heard.iter().all(|line| line.contains("security")), "{heard:?}");
        // Nor may it be shown in a frame of somebody else's page.
        let policy = house.gateway.get("/").await;
        let policy = policy.header("content-security-policy").unwrap_or_default();
        ensure!(policy.contains("frame-ancestors 'none'"), "{policy}");
        Ok(())
    })
    .await
}

async fn markup_in_names_and_titles_is_text() -> Result<()> {
    let house = House::warm().await?;
    let markup = r#"<b>tebal</b> "><script>window.broken = true</script><img src=x onerror="window.broken = true">"#;
    let title = json!([{ "rank": 1, "biblio_id": 1, "title": markup, "total": 5 }]);
    house
        .worker
        .store(Snapshot::TopBorrowedMonth, title)
        .await?;
    let visitor = json!([{ "rank": 1, "member_id": "1", "member_name": markup, "institution": markup, "total": 5 }]);
    house.worker.store(Snapshot::MonthlyTop, visitor).await?;
    look(&house.at(""), INDONESIAN, async |page| {
        page.until(WARM).await;
        for (snapshot, parts) in [(Snapshot::TopBorrowedMonth, 1), (Snapshot::MonthlyTop, 2)] {
            let shown = format!(
                "[...document.querySelectorAll('[data-figure=\"{snapshot}\"] .who > *')].map((part) => part.innerText)"
            );
            let shown = page.value(&shown).await?;
            ensure!(shown == json!(vec![markup; parts]), "{shown}");
            page.figure(snapshot, "figure.querySelector('b, script, img') === null").await;
        }
        ensure!(page.value("'broken' in window").await? == json!(false));
        Ok(())
    })
    .await
}

async fn the_page_is_small() -> Result<()> {
    let house = House::empty().await?;
    let page = house.gateway.get("/").await.body.len();
    let worker = house.gateway.get("/stream.js").await.body.len();
    ensure!(page + worker < LARGEST, "{page} + {worker} bytes");
    Ok(())
}
