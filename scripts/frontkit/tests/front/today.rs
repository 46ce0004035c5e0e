//! Today's number.

use crate::page::{House, INDONESIAN};
use anyhow::Result;
use frontkit::figures::TODAY;
use frontkit::harness::Test;
use frontkit::tools::Tool;
use frontkit::worker::LONG;

pub(crate) fn tests() -> Vec<Test> {
    frontkit::tests![&[Tool::Chromium]; it_follows_each_count]
}

async fn it_follows_each_count() -> Result<()> {
    let house = House::warm().await?;
    let page = house.page(INDONESIAN, "").await?;
    page.until("document.querySelector('#total').textContent === '1234'")
        .await;
    house.worker.count(1235, TODAY, LONG).await?;
    page.until("document.querySelector('#total').textContent === '1235'")
        .await;
    page.end().await
}
