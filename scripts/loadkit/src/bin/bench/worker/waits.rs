//! Check-ins while the daily figures are made, with the default pauses, and in a quiet time as long.

use super::scene::Scene;
use anyhow::Result;
use hdrhistogram::Histogram;
use loadkit::desk::Desk;
use loadkit::heard::quantile_ms;
use loadkit::measure::Rounds;
use loadkit::neighbours::Neighbours;
use loadkit::report::{Report, Row};
use std::time::{Duration, Instant};
use testkit::schema::Engine;
use tokio::time::sleep;

/// The issue's: far more than any library has.
const RATE: u32 = 50;

pub(super) async fn measure(scene: &mut Scene<'_>, report: &mut Report) -> Result<()> {
    let measured = look(scene, report).await;
    scene
        .library
        .run("SET GLOBAL concurrent_insert = DEFAULT")
        .await?;
    scene.library.forget_later().await?;
    measured
}

async fn look(scene: &mut Scene<'_>, report: &mut Report) -> Result<()> {
    let library = scene.library;
    let worker = scene.worker()?;
    // A table out of which nothing was ever deleted takes rows at its end beside readers; the others do not, and it is
    // those that wait.
    library.run("SET GLOBAL concurrent_insert = NEVER").await?;
    worker.refresh().await?;
    let neighbours = Neighbours::watch(library.maria.pid())?;
    let (began, desk) = (Instant::now(), Desk::open(library.opts(), RATE));
    let mut regenerations = 0;
    while began.elapsed() < scene.pace.waits {
        worker.refresh().await?;
        regenerations += 1;
    }
    let (beside, lasted) = (desk.close().await?, began.elapsed());
    let others = neighbours.percent()?;
    let neighbours = Neighbours::watch(library.maria.pid())?;
    let desk = Desk::open(library.opts(), RATE);
    sleep(lasted).await;
    let quiet = desk.close().await?;
    let others_quiet = neighbours.percent()?;
    let pauses = if worker.has_pauses() {
        ""
    } else {
        ", which this worker makes without pauses"
    };
    let note = format!(
        "{} check-ins at {RATE}/s in {:.0} s, {regenerations} regenerations{pauses}; others took {others:.0} % of the cores, \
         {others_quiet:.0} % in the quiet time",
        beside.len(),
        lasted.as_secs_f64(),
    );
    tell(scene, report, &beside, &quiet, &note);
    Ok(())
}

fn tell(
    scene: &Scene<'_>,
    report: &mut Report,
    beside: &Histogram<u64>,
    quiet: &Histogram<u64>,
    note: &str,
) {
    let (most, most_quiet) = (longest(beside), longest(quiet));
    let (p99, p99_quiet) = (ms(beside, 0.99), ms(quiet, 0.99));
    let (half, half_quiet) = (ms(beside, 0.5), ms(quiet, 0.5));
    let part = scene.name.as_str();
    let (of_longest, of_p99) = match scene.library.engine {
        Engine::InnoDb => ("", "<= 2 x quiet"),
        Engine::MyIsam | Engine::Aria => ("<= 100 ms", ""),
    };
    let row = |what: &'static str| format!("check-in during a regeneration, {what}");
    report.add(
        Row::new(part, row("longest wait"), "ms", &most)
            .goal(of_longest)
            .against("quiet", &most, &most_quiet)
            .note(note),
    );
    report.add(
        Row::new(part, row("p99"), "ms", &p99)
            .goal(of_p99)
            .against("quiet", &p99, &p99_quiet),
    );
    report.add(Row::new(part, row("p50"), "ms", &half).against("quiet", &half, &half_quiet));
}

fn ms(waits: &Histogram<u64>, quantile: f64) -> Rounds {
    Rounds::from(quantile_ms(waits, quantile))
}

fn longest(waits: &Histogram<u64>) -> Rounds {
    Rounds::from(Duration::from_micros(waits.max()).as_secs_f64() * 1e3)
}
