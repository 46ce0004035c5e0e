//! All daily figures at once: how long, how many rows, how much memory.

use super::scene::Scene;
use anyhow::Result;
use chrono::{Datelike as _, NaiveDate};
use loadkit::desk::wall_now;
use loadkit::measure::Rounds;
use loadkit::neighbours::Neighbours;
use loadkit::report::{Report, Row};
use loadkit::statements::rows_read;

const MILLION: f64 = 1e6;

/// Rows of the tables that the figures are of.
struct Needed {
    /// Visits of five years, those of this year once more for the rankings, and all loans.
    in_windows: u64,
    items: u64,
}

pub(super) async fn measure(scene: &mut Scene<'_>, report: &mut Report) -> Result<()> {
    let worker = scene.worker()?;
    let pauses = match worker.has_pauses() {
        true => "pauses off",
        false => "this worker has no pauses",
    };
    let worker = worker.without_pauses();
    worker.refresh().await?;
    let (mut seconds, mut peak, mut read) = <(Rounds, Rounds, Rounds)>::default();
    let needed = Needed::of(scene).await?;
    let (mut beside_items, mut in_windows) = (Rounds::default(), Rounds::default());
    let neighbours = Neighbours::watch(scene.library.maria.pid())?;
    for _ in 0..scene.pace.rounds {
        let before = rows_read(scene.library).await?;
        let refreshed = worker.refresh().await?;
        let rows = rows_read(scene.library).await? - before;
        seconds.add(refreshed.took.as_secs_f64());
        peak.add(refreshed.peak as f64 / f64::from(1 << 20));
        read.add(rows as f64 / MILLION);
        beside_items.add(rows.saturating_sub(needed.items) as f64 / MILLION);
        in_windows.add(needed.in_windows as f64 / MILLION);
    }
    let others = neighbours.percent()?;
    let goal = match scene.indexed {
        true => "<= 12 s",
        false => "<= 15 s",
    };
    let part = scene.name.as_str();
    report.add(
        Row::new(part, format!("full regeneration, {pauses}"), "s", &seconds)
            .goal(scene.goal(goal))
            .note(format!("others took {others:.0} % of the cores")),
    );
    let row = Row::new(part, "rows read in it", "M", &read)
        .goal("<= 1.1 x the rows in the windows, and the items")
        .against("in windows", &beside_items, &in_windows);
    report.add(row.note(format!(
        "and {} items, which the ratio leaves out",
        needed.items
    )));
    report.add(
        Row::new(part, "its memory at most (VmHWM)", "MiB", &peak).goal(scene.goal("<= 256 MiB")),
    );
    scene.figures.regeneration = seconds;
    scene.figures.peak = peak;
    Ok(())
}

impl Needed {
    async fn of(scene: &Scene<'_>) -> Result<Self> {
        let today = wall_now().date();
        let year = |back: i32| NaiveDate::from_ymd_opt(today.year() - back, 1, 1).unwrap_or(today);
        let visits = |from: NaiveDate| {
            format!(
                "SELECT COUNT(*) FROM visitor_count WHERE checkin_date >= '{from}' AND checkin_date < '{today}'"
            )
        };
        let library = scene.library;
        let five_years = library.number(&visits(year(4))).await?;
        let this_year = library.number(&visits(year(0))).await?;
        let loans = library.number("SELECT COUNT(*) FROM loan").await?;
        Ok(Self {
            in_windows: five_years + this_year + loans,
            items: library.number("SELECT COUNT(*) FROM item").await?,
        })
    }
}
