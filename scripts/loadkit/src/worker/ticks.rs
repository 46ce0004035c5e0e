//! The cost of a count of today's visitors at the end of a busy day, while visitors check in.

use super::Setup;
use super::check_ins::check_in_during;
use super::library::{self, Library};
use super::slow_log;
use crate::report;
use crate::samples::Samples;
use anyhow::{Result, ensure};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Check-ins per second, as at a large university at its peak.
const RATE: u32 = 8;
/// The hours that the day has had at this rate.
const HOURS: u32 = 12;
/// The shortest interval that the worker accepts, for many ticks in a short time.
const INTERVAL_MS: u32 = 100;
/// The worker waits longer between slow ticks, so ticks are counted for longer if there are fewer than this.
const ENOUGH: usize = 10;
const TICK_LIMIT: Duration = Duration::from_secs(60);
/// `direct` needs no time to settle, except for the first tick.
const DIRECT_SETTLE: Duration = Duration::from_secs(3);

/// Adds a busy day to the library, measures both modes, and removes the day.
pub(super) async fn measure(setup: &Setup, library: &Library) -> Result<()> {
    let measured = measure_modes(setup, library).await;
    slow_log::disable(library).await?;
    library.delete_added_visits().await?;
    measured
}

async fn measure_modes(setup: &Setup, library: &Library) -> Result<()> {
    let (today, rows) = (library::now().date(), HOURS * 3600 * RATE);
    // Copies of the oldest visits, from 6 o'clock on.
    let busy_day = format!(
        "INSERT INTO visitor_count (member_id, member_name, institution, room_code, checkin_date) \
         SELECT member_id, member_name, institution, room_code, \
         TIMESTAMP('{today} 06:00:00') + INTERVAL (visitor_id DIV {RATE}) SECOND \
         FROM visitor_count WHERE visitor_id <= {rows}"
    );
    library.execute(&busy_day).await?;
    measure_mode(setup, library, "direct", DIRECT_SETTLE).await?;
    measure_mode(setup, library, "delta", setup.delta_settle).await
}

async fn measure_mode(
    setup: &Setup,
    library: &Library,
    mode: &str,
    settle: Duration,
) -> Result<()> {
    let settings = setup
        .worker(library)
        .with("TODAY_COUNT_MODE", mode)
        .with("VISITOR_SYNC_MIN_INTERVAL_MS", &INTERVAL_MS.to_string())
        .with("VISITOR_SYNC_BUFFER_MS", "0");
    slow_log::enable(library).await?;
    let run = async {
        // When every snapshot exists, the worker only counts today's visitors.
        let (worker, _) = settings.start().await?;
        sleep(settle).await;
        slow_log::clear(library).await?;
        let began = Instant::now();
        loop {
            sleep(setup.tick_time).await;
            let mut ticks = Samples::default();
            for tick in slow_log::statements_on(library, "visitor_count").await? {
                ticks.add(tick.ms);
            }
            if ticks.len() >= ENOUGH || began.elapsed() > TICK_LIMIT {
                worker.stop().await?;
                return Ok(ticks);
            }
        }
    };
    let (_, ticks) = check_in_during(library, RATE, run).await?;
    ensure!(ticks.len() > 0, "no ticks of {mode}");
    report::print_figure(&format!("tick of {mode}"), "ms", &ticks);
    report::print_note(&format!(
        "p99 {:.1} ms, {} ticks, in the server",
        ticks.percentile(99),
        ticks.len()
    ));
    Ok(())
}
