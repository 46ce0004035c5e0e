//! What share of one connection the fast loop takes when counts are slow: days so large that each count, whatever the way
//! to its rows, takes about 1 ms, 100 ms and 2 s.

use super::scene::Scene;
use anyhow::{Context as _, Result, bail};
use chrono::{Days, NaiveDate};
use loadkit::desk::wall_now;
use loadkit::library::build::make_tables;
use loadkit::library::kept::{Kept, READER};
use loadkit::measure::Rounds;
use loadkit::report::{Report, Row};
use loadkit::statements::{self, Statement};
use loadkit::worker::Worker;
use mysql_async::prelude::Queryable as _;
use std::time::{Duration, Instant};
use testkit::schema::Engine;
use tokio::time::sleep;

/// A library of its own: nothing but one day.
const DAY: &str = "long_day";
const COUNTS: [(&str, Duration); 3] = [
    ("1 ms", Duration::from_millis(1)),
    ("100 ms", Duration::from_millis(100)),
    ("2 s", Duration::from_secs(2)),
];
/// The least that can be asked for, so that nothing but the worker's own restraint stretches it.
const INTERVAL_MS: u32 = 100;
/// Of a count that takes long enough.
const ENOUGH: f64 = 0.9;
/// What takes so many times less is no count: a session being made ready.
const SMALL: f64 = 20.0;
/// How often a day is counted to learn how long that takes.
const LOOKS: usize = 5;
/// A database of this many rows in a day that is still too quick has another way to count.
const MOST_ROWS: u64 = 30_000_000;

pub(super) async fn measure(scene: &mut Scene<'_>, report: &mut Report) -> Result<()> {
    // The slower engine needs fewer rows, and the restraint is the worker's, not the engine's.
    if scene.library.engine != Engine::InnoDb {
        return Ok(());
    }
    let measured = look(scene, report).await;
    statements::log_all(scene.library, false).await?;
    scene
        .library
        .run(&format!("DROP DATABASE IF EXISTS {DAY}"))
        .await?;
    scene.library.calm().await?;
    measured
}

async fn look(scene: &mut Scene<'_>, report: &mut Report) -> Result<()> {
    let library = scene.library;
    library
        .run(&format!("DROP DATABASE IF EXISTS {DAY}"))
        .await?;
    library.maria.create_database(DAY).await?;
    library.maria.grant_select("counter", READER.1, DAY).await?;
    let mut conn = library.conn().await?;
    conn.query_drop(format!("USE {DAY}"))
        .await
        .context("entering a day")?;
    make_tables(&mut conn, Engine::InnoDb).await?;
    let slimmer = "ALTER TABLE visitor_count DROP KEY member_id, DROP KEY room_code";
    conn.query_drop(slimmer)
        .await
        .context("a table that fills quickly")?;
    conn.disconnect().await.context("leaving a day")?;
    let account = ("counter", READER.1);
    let mut rows = 0;
    for (name, target) in COUNTS {
        lengthen(library, &mut rows, target).await?;
        statements::log_all(library, true).await?;
        let worker = Worker::of(library.maria.port(), DAY, account, scene.redis)?
            .with("VISITOR_SYNC_MIN_INTERVAL_MS", INTERVAL_MS)
            .with("VISITOR_SYNC_BUFFER_MS", 0);
        let (mut serving, _) = worker.start().await?;
        statements::forget(library).await?;
        let (least, window) = scene.pace.counts;
        // From one count to the next at a twentieth of the time.
        sleep(window.max(target * 20 * least)).await;
        let counts = statements::of(library, account.0).await?;
        serving.still_running()?;
        serving.stop().await?;
        statements::log_all(library, false).await?;
        tell(scene, report, (name, target), &counts)?;
    }
    Ok(())
}

/// Fills today until counting it takes `target`.
async fn lengthen(library: &Kept, rows: &mut u64, target: Duration) -> Result<()> {
    let day = wall_now().date();
    let mut wanted = (*rows).max(500);
    loop {
        while *rows < wanted {
            // The library's own rows, as often as needed.
            let batch = (wanted - *rows)
                .min(u64::from(library.last_visit))
                .min(1_000_000);
            let more = format!(
                "INSERT INTO {DAY}.visitor_count (member_id, member_name, institution, room_code, checkin_date) \
                 SELECT member_id, member_name, institution, room_code, \
                 TIMESTAMP('{day}') + INTERVAL (visitor_id % 86400) SECOND \
                 FROM visitor_count WHERE visitor_id <= {batch}"
            );
            library.run(&more).await?;
            *rows += batch;
        }
        let took = count(library, day).await?;
        if took >= target.mul_f64(ENOUGH) {
            return Ok(());
        }
        if *rows >= MOST_ROWS {
            bail!("{rows} rows are counted in {took:?} already");
        }
        let factor = (target.as_secs_f64() / took.as_secs_f64()).clamp(1.1, 10.0);
        wanted = scaled(*rows, factor).min(MOST_ROWS);
    }
}

/// The quickest of some, which is what a busy machine leaves alone; asked as a worker asks: bounds as parameters, zero
/// dates left out as the contract demands.
async fn count(library: &Kept, day: NaiveDate) -> Result<Duration> {
    let sql = format!(
        "SELECT COUNT(*) FROM {DAY}.visitor_count WHERE checkin_date >= ? AND checkin_date < ? \
         AND MONTH(checkin_date) > 0 AND DAYOFMONTH(checkin_date) > 0"
    );
    let bounds = [day, day + Days::new(1)].map(|day| format!("{day} 00:00:00"));
    let mut quickest = Duration::MAX;
    let mut conn = library.conn().await?;
    let statement = conn.prep(sql).await.context("preparing to count a day")?;
    for _ in 0..LOOKS {
        let began = Instant::now();
        let counted = conn.exec_drop(&statement, bounds.to_vec()).await;
        counted.context("counting a day")?;
        quickest = quickest.min(began.elapsed());
    }
    conn.disconnect().await.context("leaving a day")?;
    Ok(quickest)
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "at most a few hundred million rows"
)]
fn scaled(rows: u64, factor: f64) -> u64 {
    (rows as f64 * factor) as u64
}

/// Whole turns alone: a count, the small statements around it and the rest that it earns, up to the last count.
fn tell(
    scene: &Scene<'_>,
    report: &mut Report,
    (name, target): (&str, Duration),
    statements: &[Statement],
) -> Result<()> {
    let is_count = |one: &Statement| one.took > target.as_secs_f64() / SMALL;
    let first = statements.iter().position(is_count);
    let last = statements.iter().rposition(is_count);
    let (Some(first), Some(last)) = (first, last) else {
        bail!("not one count")
    };
    let turns = &statements[first..last];
    let busy: f64 = turns.iter().map(|one| one.took).sum();
    let share = Rounds::from(busy / (statements[last].at - statements[first].at) * 100.0);
    let mut counts: Vec<f64> = turns
        .iter()
        .filter(|one| is_count(one))
        .map(|one| one.took)
        .collect();
    counts.sort_by(f64::total_cmp);
    let half = counts.get(counts.len() / 2).context("only one count")?;
    let note = format!("{} counts of {:.1} ms", counts.len(), half * 1e3);
    let what = format!("fast loop's share of a connection, counts of about {name}");
    report.add(
        Row::new(scene.name.as_str(), what, "%", &share)
            .goal("<= 5 %")
            .note(note),
    );
    Ok(())
}
