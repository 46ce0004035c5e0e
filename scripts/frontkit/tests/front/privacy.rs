//! What `MEMBER_NAMES` leaves of the rankings of people.

use crate::house::House;
use crate::page::{INDONESIAN, look};
use anyhow::{Result, ensure};
use frontkit::dashboard::WARM;
use frontkit::harness::Test;
use frontkit::tools::Tool;
use serde_json::json;
use shared::catalog::Snapshot;

pub(crate) fn tests() -> Vec<Test> {
    frontkit::tests![&[Tool::Chromium]; hidden_names_leave_rank_and_total, masked_names_are_shown_as_they_come]
}

const PEOPLE: [Snapshot; 4] = [
    Snapshot::MonthlyTop,
    Snapshot::YearlyTop,
    Snapshot::TopBorrowersMonth,
    Snapshot::TopBorrowersYear,
];

async fn hidden_names_leave_rank_and_total() -> Result<()> {
    let house = House::warm().await?;
    for snapshot in PEOPLE {
        let rows = json!([{ "rank": 1, "total": 41 }, { "rank": 2, "total": 7 }]);
        house.worker.store(snapshot, rows).await?;
    }
    look(&house.at(""), INDONESIAN, async |page| {
        page.until(WARM).await;
        for snapshot in PEOPLE {
            let rows = "JSON.stringify([...figure.querySelectorAll('.row')].map((row) => row.textContent)) \
                 === '[\"141\",\"27\"]'";
            page.figure(snapshot, rows).await;
        }
        let text = page.text("main").await?;
        ensure!(!text.contains("tanpa nama"), "a name that is not to be shown is not one that is missing");
        Ok(())
    })
    .await
}

async fn masked_names_are_shown_as_they_come() -> Result<()> {
    let house = House::warm().await?;
    let row = json!([{ "rank": 1, "member_name": "Siti N.", "institution": null, "total": 41 }]);
    house.worker.store(Snapshot::MonthlyTop, row).await?;
    look(&house.at(""), INDONESIAN, async |page| {
        page.until(WARM).await;
        page.figure(
            Snapshot::MonthlyTop,
            "figure.querySelector('.row').textContent === '1Siti N.41'",
        )
        .await;
        Ok(())
    })
    .await
}
