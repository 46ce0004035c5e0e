//! What a reader sees of restarts and outages: figures stay, the number that is no longer sure goes, all comes back.

use crate::house::House;
use crate::page::{INDONESIAN, Page, look};
use anyhow::{Result, ensure};
use frontkit::dashboard::{WARM, WARMING};
use frontkit::desk::Desk;
use frontkit::figures::TODAY;
use frontkit::gateway::Gateway;
use frontkit::harness::Test;
use frontkit::tools::Tool;
use frontkit::worker::Worker;
use serde_json::json;
use shared::catalog::Snapshot;
use testkit::server::Redis;

pub(crate) fn tests() -> Vec<Test> {
    frontkit::tests![&[Tool::Chromium];
        a_gateway_that_is_killed_and_comes_back,
        a_gateway_that_is_restarted_in_good_order,
        a_page_opened_before_its_gateway_knows_anything,
        an_outage_of_redis,
    ]
}

async fn a_gateway_that_is_killed_and_comes_back() -> Result<()> {
    let mut house = House::warm().await?;
    look(&house.at(""), INDONESIAN, async |page| {
        page.until(WARM).await;
        page.shows(1_234, "1.234").await;
        house.gateway.kill().await?;
        page.is_connected("lost").await;
        page.until(WARM).await;
        house
            .worker
            .store(
                Snapshot::Collection,
                json!({ "total_titles": 7, "total_items": 8 }),
            )
            .await?;
        house.desk.count(1_300, TODAY);
        house.gateway.start_again().await?;
        comes_back(&house, page).await
    })
    .await
}

async fn a_gateway_that_is_restarted_in_good_order() -> Result<()> {
    let mut house = House::warm().await?;
    look(&house.at(""), INDONESIAN, async |page| {
        page.until(WARM).await;
        page.shows(1_234, "1.234").await;
        house.gateway.stop().await?;
        page.is_connected("lost").await;
        house
            .worker
            .store(
                Snapshot::Collection,
                json!({ "total_titles": 7, "total_items": 8 }),
            )
            .await?;
        house.desk.count(1_300, TODAY);
        house.gateway.start_again().await?;
        comes_back(&house, page).await
    })
    .await
}

/// By itself: the number is right, follows again, and what changed meanwhile has been read.
async fn comes_back(house: &House, page: &Page) -> Result<()> {
    page.is_connected("live").await;
    page.shows(1_300, "1.300").await;
    page.figure(
        Snapshot::Collection,
        "figure.querySelector('[data-key=total_titles]').dataset.total === '7'",
    )
    .await;
    house.desk.count(1_301, TODAY);
    page.shows(1_301, "1.301").await;
    only_the_network_was_heard(page).await
}

/// The browser itself tells what it could not load.
async fn only_the_network_was_heard(page: &Page) -> Result<()> {
    let heard = page.heard().await?;
    let other: Vec<_> = heard
        .iter()
        .filter(|line| !line.contains(" network: "))
        .collect();
    ensure!(other.is_empty(), "on the console: {other:#?}");
    Ok(())
}

async fn a_page_opened_before_its_gateway_knows_anything() -> Result<()> {
    let redis = Redis::start().await?;
    redis.stop().await?;
    let gateway = Gateway::start(&redis.url(), "", &[]).await?;
    look(&gateway.url("/"), INDONESIAN, async |page| {
        page.until(WARMING).await;
        page.shows_no_number().await;
        redis.start_again().await?;
        let worker = Worker::on(&redis.url(), "").await?;
        let desk = Desk::new(worker.clone());
        desk.count(1_234, TODAY);
        worker.store_all().await?;
        page.shows(1_234, "1.234").await;
        page.until(WARM).await;
        page.is_connected("live").await;
        Ok(())
    })
    .await
}

async fn an_outage_of_redis() -> Result<()> {
    let redis = Redis::start().await?;
    let house = House::on(&redis).await?;
    look(&house.at(""), INDONESIAN, async |page| {
        page.until(WARM).await;
        page.shows(1_234, "1.234").await;
        redis.stop().await?;
        page.shows_no_number().await;
        page.is_connected("lost").await;
        page.until(WARM).await;
        // Who comes meanwhile sees what there is.
        look(&house.at(""), INDONESIAN, async |late| {
            late.until(WARM).await;
            late.shows_no_number().await;
            Ok(())
        })
        .await?;
        redis.start_again().await?;
        house.desk.count(1_250, TODAY);
        house.worker.store_all().await?;
        page.shows(1_250, "1.250").await;
        page.is_connected("live").await;
        Ok(())
    })
    .await
}
