//! A tick of `TODAY_COUNT_MODE=delta` at the end of a long day, while people go on checking in.

use super::scene::Scene;
use anyhow::{Result, ensure};
use loadkit::desk::{Desk, wall_now};
use loadkit::heard::{histogram, quantile_ms};
use loadkit::library::kept::READER;
use loadkit::measure::Rounds;
use loadkit::report::{Report, Row};
use loadkit::statements;
use std::time::Duration;
use tokio::time::sleep;

/// A large university's, at its peak.
const RATE: u32 = 8;
/// What has been written on the day before we look.
const HOURS: u32 = 12;
/// The least that can be asked for: ten ticks a second instead of one, to see more of them.
const INTERVAL_MS: u32 = 100;

pub(super) async fn measure(scene: &mut Scene<'_>, report: &mut Report) -> Result<()> {
    let measured = look(scene, report).await;
    statements::log_all(scene.library, false).await?;
    scene.library.forget_later().await?;
    measured
}

async fn look(scene: &mut Scene<'_>, report: &mut Report) -> Result<()> {
    let (library, pace) = (scene.library, scene.pace);
    let (day, rows) = (wall_now().date(), HOURS * 3600 * RATE);
    // As many as the day has, copied from the first ones, a few each second from 6 o'clock on.
    let long_day = format!(
        "INSERT INTO visitor_count (member_id, member_name, institution, room_code, checkin_date) \
         SELECT member_id, member_name, institution, room_code, \
         TIMESTAMP('{day} 06:00:00') + INTERVAL (visitor_id DIV {RATE}) SECOND \
         FROM visitor_count WHERE visitor_id <= {rows}"
    );
    library.run(&long_day).await?;
    let worker = scene.worker()?.with("TODAY_COUNT_MODE", "delta");
    let worker = worker
        .with("VISITOR_SYNC_MIN_INTERVAL_MS", INTERVAL_MS)
        .with("VISITOR_SYNC_BUFFER_MS", 0);
    statements::log_all(library, true).await?;
    let desk = Desk::open(library.opts(), RATE);
    // With all snapshots there, nothing but ticks is left to do.
    let (mut serving, _) = worker.start().await?;
    sleep(pace.settle).await;
    statements::forget(library).await?;
    sleep(pace.ticks).await;
    let ticks = statements::busiest(statements::of(library, READER.0).await?);
    serving.still_running()?;
    serving.stop().await?;
    desk.close().await?;

    let expected = pace.ticks.as_secs() * 1000 / u64::from(INTERVAL_MS);
    let count = ticks.len() as u64;
    ensure!(count > expected / 4, "{count} ticks instead of {expected}");
    let mut times = histogram()?;
    for tick in &ticks {
        let took = Duration::from_secs_f64(tick.took);
        times.saturating_record(loadkit::heard::micros(took));
    }
    let p99 = Rounds::from(quantile_ms(&times, 0.99));
    let (half, most) = (quantile_ms(&times, 0.5), quantile_ms(&times, 1.0));
    let note = format!(
        "{count} ticks, p50 {half:.2} ms, longest {most:.2} ms; {rows} visits on the day, {RATE} more a second"
    );
    report.add(
        Row::new(
            scene.name.as_str(),
            "delta tick, within the server, p99",
            "ms",
            &p99,
        )
        .goal("<= 5 ms")
        .note(note),
    );
    scene.figures.tick = p99;
    Ok(())
}
