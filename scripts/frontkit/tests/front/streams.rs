//! How the page hears: one stream for all tabs of a browser, or asking now and then.

use crate::house::House;
use crate::page::{INDONESIAN, look};
use anyhow::{Result, ensure};
use frontkit::browser::SOON;
use frontkit::dashboard::WARM;
use frontkit::figures::TODAY;
use frontkit::harness::Test;
use frontkit::tools::Tool;
use testkit::eventually::eventually;

pub(crate) fn tests() -> Vec<Test> {
    let mut tests = frontkit::tests![&[Tool::Chromium];
        all_tabs_use_one_stream,
        a_browser_without_shared_workers_has_a_stream_of_its_own,
        where_streams_are_off_it_asks_now_and_then,
    ];
    tests.extend(frontkit::tests![&[]; where_the_dashboard_is_off_there_is_none]);
    tests
}

async fn all_tabs_use_one_stream() -> Result<()> {
    let house = House::warm().await?;
    // The first tab is no reader's; it keeps the browser open.
    look("about:blank", INDONESIAN, async |page| {
        for _ in 0..3 {
            page.browser.open_tab().await?;
            page.browser.open(&house.at("")).await?;
            page.until(WARM).await;
            page.shows(1_234, "1.234").await;
        }
        streams(&house, 1).await;
        page.browser.close_tab(1).await?;
        page.browser.close_tab(1).await?;
        house.desk.count(1_235, TODAY);
        page.shows(1_235, "1.235").await;
        let opened = house.gateway.metric("gateway_streams_opened_total").await?;
        ensure!(opened == 1, "{opened} were opened");
        page.browser.close_tab(0).await?;
        streams(&house, 0).await;
        Ok(())
    })
    .await
}

/// Waits until the gateway holds so many.
async fn streams(house: &House, wanted: u64) {
    eventually(&format!("{wanted} streams"), SOON, async || {
        let found = house.gateway.metric("gateway_streams").await.ok()?;
        (found == wanted).then_some(())
    })
    .await;
}

async fn a_browser_without_shared_workers_has_a_stream_of_its_own() -> Result<()> {
    let house = House::warm().await?;
    look("about:blank", INDONESIAN, async |page| {
        page.browser
            .before_each_page("delete window.SharedWorker")
            .await?;
        page.browser.open(&house.at("")).await?;
        page.until("!('SharedWorker' in window)").await;
        page.shows(1_234, "1.234").await;
        house.desk.count(1_235, TODAY);
        page.shows(1_235, "1.235").await;
        page.is_connected("live").await;
        Ok(())
    })
    .await
}

async fn where_streams_are_off_it_asks_now_and_then() -> Result<()> {
    let house = House::with(&[("ENABLE_SSE_TODAY", "false")]).await?;
    house.fill().await?;
    look(&house.at(""), INDONESIAN, async |page| {
        page.is_connected("polling").await;
        page.shows(1_234, "1.234").await;
        page.until(WARM).await;
        house.desk.count(1_235, TODAY);
        page.shows(1_235, "1.235").await;
        page.is_connected("polling").await;
        Ok(())
    })
    .await
}

async fn where_the_dashboard_is_off_there_is_none() -> Result<()> {
    let house = House::with(&[("ENABLE_DASHBOARD", "false")]).await?;
    for path in ["/", "/stream.js"] {
        let status = house.gateway.get(path).await.status;
        ensure!(status == 404, "{path}: {status}");
    }
    Ok(())
}
