//! Each of the eleven figures, with the values that are stored.

use crate::house::House;
use crate::page::{ENGLISH, INDONESIAN, Page, look};
use anyhow::{Context as _, Result, ensure};
use frontkit::dashboard::{STILL, WARM};
use frontkit::figures::{TODAY, TTL_SECONDS, data};
use frontkit::harness::Test;
use frontkit::tools::Tool;
use serde_json::{Value, json};
use shared::catalog::Snapshot;
use shared::snapshot::Envelope;
use std::time::Duration;

pub(crate) fn tests() -> Vec<Test> {
    frontkit::tests![&[Tool::Chromium];
        series_are_bars_with_the_stored_totals,
        rankings_are_rows_in_their_order,
        the_collection_is_two_numbers,
        each_chart_has_a_table_for_who_does_not_see_it,
        todays_bar_follows_the_count,
        a_figure_that_has_changed_is_read_again,
        an_old_figure_says_that_it_is_old,
        an_empty_ranking_says_so,
    ]
}

const SERIES: [(Snapshot, &str); 3] = [
    (Snapshot::Weekly, "date"),
    (Snapshot::Monthly, "month"),
    (Snapshot::Yearly, "year"),
];

async fn series_are_bars_with_the_stored_totals() -> Result<()> {
    let house = House::warm().await?;
    // As it is stored, so that the count does not change the week.
    house.desk.count(312, TODAY);
    look(&house.at(""), INDONESIAN, async |page| {
        page.until(WARM).await;
        page.shows(312, "312").await;
        for (snapshot, key) in SERIES {
            let bars = format!(
                "[...document.querySelectorAll('[data-figure=\"{snapshot}\"] .bar')].map((bar) => \
                 ({{ {key}: bar.dataset.key, total: +bar.dataset.total, partial: 'partial' in bar.dataset }}))"
            );
            let shown = page.value(&bars).await?;
            let mut stored = data(snapshot)?;
            for bucket in stored.as_array_mut().context("a series")? {
                // A year is a number.
                let text = bucket[key].as_str().map(str::to_owned);
                bucket[key] = json!(text.unwrap_or(bucket[key].to_string()));
            }
            ensure!(shown == stored, "{snapshot}: {shown} in place of {stored}");
            heights_are_right(page, snapshot).await?;
        }
        Ok(())
    })
    .await
}

/// As much of a bar is to be seen, when nothing moves any more, as its total is of the highest: by hit tests, a pixel after
/// the other from the floor up, since a bar may be made in many ways.
const HEIGHTS: &str = "\
    return [...document.querySelectorAll(`[data-figure=\"${arguments[0]}\"] .bar`)].map((bar) => { \
      bar.scrollIntoView({ block: 'center', behavior: 'instant' }); \
      const { left, right, top, bottom } = bar.getBoundingClientRect(); \
      let height = 0; \
      for (let y = bottom - 0.5; y > top; y -= 1) { \
        const hit = [left + 3, right - 3].every((x) => document.elementsFromPoint(x, y).includes(bar)); \
        height += hit; \
      } \
      return [height, +bar.dataset.total]; \
    })";

async fn heights_are_right(page: &Page, snapshot: Snapshot) -> Result<()> {
    page.until(STILL).await;
    let bars = page.browser.run(HEIGHTS, &[json!(snapshot.name())]).await?;
    let bars: Vec<(f64, f64)> = serde_json::from_value(bars)?;
    let highest = bars.iter().map(|(height, _)| *height).fold(1.0, f64::max);
    let most = bars.iter().map(|(_, total)| *total).fold(1.0, f64::max);
    ensure!(highest > 50.0, "{snapshot}: the highest has {highest} px");
    for (height, total) in bars {
        let (share, wanted) = (height / highest, total / most);
        let told = format!("{snapshot}: {total} of {most} is {share} high");
        ensure!((share - wanted).abs() < 0.02, told);
    }
    Ok(())
}

async fn rankings_are_rows_in_their_order() -> Result<()> {
    let house = House::warm().await?;
    look(&house.at(""), ENGLISH, async |page| {
        page.until(WARM).await;
        for snapshot in Snapshot::ALL {
            let stored = data(snapshot)?;
            let Some(rows) = stored.as_array().filter(|rows| rows[0]["rank"].is_number()) else {
                continue;
            };
            let shown = format!(
                "[...document.querySelectorAll('[data-figure=\"{snapshot}\"] .row')].map((row) => \
                 [...row.querySelectorAll('.rank, .who > *, .total')].map((part) => part.textContent))"
            );
            let shown = page.value(&shown).await?;
            let wanted: Vec<Vec<String>> = rows.iter().map(row_in_words).collect();
            ensure!(shown == json!(wanted), "{snapshot}: {shown} in place of {wanted:?}");
        }
        Ok(())
    })
    .await
}

/// What a row shows, in English: rank, title or name, institution, total. Ids are nobody's business.
fn row_in_words(row: &Value) -> Vec<String> {
    let text = |key: &str| row[key].as_str().map(str::to_owned);
    let title = row
        .get("title")
        .map(|_| text("title").unwrap_or("(no title)".to_owned()));
    let name = row
        .get("member_name")
        .map(|_| text("member_name").unwrap_or("(no name)".to_owned()));
    let total = row["total"].to_string();
    let (thousands, rest) = total.split_at(total.len() - 3);
    [
        Some(row["rank"].to_string()),
        title,
        name,
        text("institution"),
    ]
    .into_iter()
    .flatten()
    .chain([format!("{thousands},{rest}")])
    .collect()
}

async fn the_collection_is_two_numbers() -> Result<()> {
    let house = House::warm().await?;
    look(&house.at(""), INDONESIAN, async |page| {
        page.until(WARM).await;
        let shown = "JSON.stringify([...figure.querySelectorAll('[data-key]')].map((node) => \
             [node.dataset.key, node.dataset.total, node.textContent])) === \
             '[[\"total_titles\",\"91234\",\"91.234\"],[\"total_items\",\"183127\",\"183.127\"]]'";
        page.figure(Snapshot::Collection, shown).await;
        Ok(())
    })
    .await
}

async fn each_chart_has_a_table_for_who_does_not_see_it() -> Result<()> {
    let house = House::warm().await?;
    look(&house.at(""), ENGLISH, async |page| {
        page.until(WARM).await;
        for (snapshot, _) in SERIES {
            let cells = format!(
                "[...document.querySelectorAll('[data-figure=\"{snapshot}\"] td')].map((cell) => \
                 cell.textContent.replaceAll(',', '').split(' ')[0])"
            );
            let bars = format!(
                "[...document.querySelectorAll('[data-figure=\"{snapshot}\"] .bar')].map((bar) => bar.dataset.total)"
            );
            let (cells, bars) = (page.value(&cells).await?, page.value(&bars).await?);
            ensure!(cells == bars, "{snapshot}: {cells} beside {bars}");
            let partial = "figure.querySelector('tbody tr:last-child').textContent.includes('not over yet')";
            page.figure(snapshot, partial).await;
        }
        Ok(())
    })
    .await
}

async fn todays_bar_follows_the_count() -> Result<()> {
    let house = House::warm().await?;
    look(&house.at(""), INDONESIAN, async |page| {
        page.until(WARM).await;
        for total in [1_234, 1_240, 9] {
            house.desk.count(total, TODAY);
            let bar = format!(
                "figure.querySelector('.bar[data-key=\"{TODAY}\"][data-partial]').dataset.total === '{total}'"
            );
            page.figure(Snapshot::Weekly, &bar).await;
        }
        Ok(())
    })
    .await
}

async fn a_figure_that_has_changed_is_read_again() -> Result<()> {
    let house = House::warm().await?;
    look(&house.at(""), INDONESIAN, async |page| {
        page.until(WARM).await;
        page.shows(1_234, "1.234").await;
        page.browser.run("window.unloaded = false", &[]).await?;
        let collection = json!({ "total_titles": 91_235, "total_items": 183_130 });
        house.worker.store(Snapshot::Collection, collection).await?;
        page.figure(
            Snapshot::Collection,
            "figure.textContent.includes('91.235')",
        )
        .await;
        page.until("window.unloaded === false").await;
        Ok(())
    })
    .await
}

async fn an_old_figure_says_that_it_is_old() -> Result<()> {
    let house = House::warm().await?;
    let age = Duration::from_secs(u64::from(TTL_SECONDS) + 3600);
    let old = Envelope {
        generated_at: house.worker.now().before(age),
        ttl_seconds: TTL_SECONDS,
        period: None,
        data: data(Snapshot::Yearly)?,
    };
    house.worker.store_envelope(Snapshot::Yearly, &old).await?;
    look(&house.at(""), ENGLISH, async |page| {
        page.figure(Snapshot::Yearly, "figure.dataset.state === 'stale'").await;
        page.figure(Snapshot::Monthly, "figure.dataset.state === 'fresh'").await;
        let at = old.generated_at.to_string();
        let words = format!(
            "figure.dataset.generatedAt === '{at}' && figure.querySelector('.age').dateTime === '{at}' \
             && figure.querySelector('.age').textContent === '1 day ago' && figure.innerText.includes('Out of date')"
        );
        page.figure(Snapshot::Yearly, &words).await;
        Ok(())
    })
    .await
}

async fn an_empty_ranking_says_so() -> Result<()> {
    let house = House::warm().await?;
    house
        .worker
        .store(Snapshot::TopBorrowedMonth, json!([]))
        .await?;
    look(&house.at(""), ENGLISH, async |page| {
        page.figure(
            Snapshot::TopBorrowedMonth,
            "figure.dataset.state === 'fresh' && figure.innerText.includes('None yet')",
        )
        .await;
        Ok(())
    })
    .await
}
