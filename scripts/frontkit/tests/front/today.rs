//! Today's number, and the day that it is of.

use crate::house::House;
use crate::page::{ENGLISH, INDONESIAN, look};
use anyhow::{Result, ensure};
use frontkit::dashboard::WARM;
use frontkit::figures::TODAY;
use frontkit::harness::Test;
use frontkit::tools::Tool;
use frontkit::worker::LONG;
use shared::catalog::Snapshot;

pub(crate) fn tests() -> Vec<Test> {
    frontkit::tests![&[Tool::Chromium];
        it_follows_each_count_in_the_digits_of_the_language,
        the_day_is_that_of_the_count,
        at_midnight_it_falls_to_zero_on_the_next_day,
        a_count_whose_life_is_over_is_not_shown_as_todays,
        a_tab_that_comes_later_is_not_told_an_old_count,
        a_count_that_lives_long_stays,
    ]
}

async fn it_follows_each_count_in_the_digits_of_the_language() -> Result<()> {
    let house = House::warm().await?;
    look(&house.at(""), INDONESIAN, async |page| {
        page.shows(1_234, "1.234").await;
        house.desk.count(1_235, TODAY);
        page.shows(1_235, "1.235").await;
        ensure!(
            page.value("document.title")
                .await?
                .as_str()
                .unwrap_or_default()
                .contains("1.235")
        );
        house.desk.count(1_200, TODAY);
        page.shows(1_200, "1.200").await;
        page.browser.open(&house.at("?lang=en")).await?;
        page.shows(1_200, "1,200").await;
        page.is_connected("live").await;
        Ok(())
    })
    .await
}

/// [`TODAY`] is far from the machine's.
async fn the_day_is_that_of_the_count() -> Result<()> {
    let house = House::warm().await?;
    look(&house.at(""), ENGLISH, async |page| {
        // Of no zone: neither east nor west of the library is it another day.
        for zone in ["Pacific/Kiritimati", "Pacific/Pago_Pago"] {
            page.browser.set_zone(zone).await?;
            page.browser.reload().await?;
            page.shows(1_234, "1,234").await;
            let date = page.text("#date").await?;
            ensure!(date == "Tuesday, September 23, 2025", "{zone}: {date}");
        }
        page.browser.open(&house.at("?lang=id")).await?;
        page.shows(1_234, "1.234").await;
        let date = page.text("#date").await?;
        ensure!(date == "Selasa, 23 September 2025", "{date}");
        Ok(())
    })
    .await
}

async fn at_midnight_it_falls_to_zero_on_the_next_day() -> Result<()> {
    let house = House::warm().await?;
    let tomorrow = TODAY.succ_opt().expect("a day");
    look(&house.at(""), INDONESIAN, async |page| {
        page.until(WARM).await;
        page.shows(1_234, "1.234").await;
        house.desk.count(0, tomorrow);
        page.shows(0, "0").await;
        let date = page.text("#date").await?;
        ensure!(date == "Rabu, 24 September 2025", "{date}");
        // The week goes on before its snapshot is made anew: the day that is over keeps its number.
        let week = "JSON.stringify([...figure.querySelectorAll('.bar')].slice(-2).map(({ dataset }) => [dataset.key, \
             dataset.total, 'partial' in dataset])) === '[[\"2025-09-23\",\"1234\",false],[\"2025-09-24\",\"0\",true]]'";
        page.figure(Snapshot::Weekly, week).await;
        page.figure(Snapshot::Weekly, "figure.querySelectorAll('.bar').length === 7").await;
        Ok(())
    })
    .await
}

/// As when the worker dies just before midnight.
async fn a_count_whose_life_is_over_is_not_shown_as_todays() -> Result<()> {
    let house = House::warm().await?;
    look(&house.at(""), INDONESIAN, async |page| {
        house.desk.count(950, TODAY);
        page.shows(950, "950").await;
        house.desk.stop();
        page.shows_no_number().await;
        ensure!(
            !page.text("#now").await?.contains("950"),
            "it is still there"
        );
        ensure!(
            page.text("#date").await?.is_empty(),
            "it has a day without a number"
        );
        ensure!(
            !page
                .value("document.title")
                .await?
                .to_string()
                .contains("950")
        );
        page.is_connected("lost").await;
        // And comes back with the next.
        house.desk.count(951, TODAY);
        page.shows(951, "951").await;
        page.is_connected("live").await;
        Ok(())
    })
    .await
}

/// The shared worker holds what it heard last, for tabs that come later.
async fn a_tab_that_comes_later_is_not_told_an_old_count() -> Result<()> {
    let house = House::warm().await?;
    look(&house.at(""), INDONESIAN, async |page| {
        page.shows(1_234, "1.234").await;
        house.desk.stop();
        page.shows_no_number().await;
        page.browser.open_tab().await?;
        page.browser.open(&house.at("")).await?;
        page.until(WARM).await;
        page.shows_no_number().await;
        ensure!(
            !page.text("#now").await?.contains("1.234"),
            "it has been told"
        );
        Ok(())
    })
    .await
}

/// As with a slow database: the next count may be a minute away, and what a stream begins with says nothing of its life.
async fn a_count_that_lives_long_stays() -> Result<()> {
    let house = House::empty().await?;
    house.worker.count(1_234, TODAY, LONG).await?;
    look(&house.at(""), INDONESIAN, async |page| {
        page.shows(1_234, "1.234").await;
        page.until("performance.now() > 6000").await;
        page.shows(1_234, "1.234").await;
        page.is_connected("live").await;
        Ok(())
    })
    .await
}
