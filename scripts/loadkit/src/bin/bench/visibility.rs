//! How long a new snapshot takes from the worker's SET to the answer over HTTP, asked for again and again; with the
//! message that tells of it, and without.

use crate::stage::Stage;
use anyhow::{Result, ensure};
use gateway::limits::Limits;
use loadkit::heard::{histogram, micros, quantile_ms};
use loadkit::http::Connection;
use loadkit::measure::Rounds;
use loadkit::report::{Report, Row};
use shared::catalog::Snapshot;
use std::time::{Duration, Instant};

const PART: &str = "a new snapshot";
/// So that each sample meets another moment of the gateway's own reading every 2 s.
const GAP: Duration = Duration::from_millis(7);
/// One that is not seen for so long has been lost twice.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks for one whose message was lost: seconds are measured, and a look is a load.
const LOOK_GAP: Duration = Duration::from_millis(1);

pub(crate) fn measure(stage: &mut Stage, report: &mut Report) -> Result<()> {
    let gateway = stage.gateway()?;
    let mut connection = Connection::open(gateway.address)?;
    let mut latency = histogram()?;
    for sample in 0..stage.pace.samples {
        let value = stage.figures.weekly(10_000 + u64::from(sample))?;
        let began = Instant::now();
        stage.figures.store(Snapshot::Weekly, &value)?;
        let shown = until_shown(&mut connection, &value, began, Duration::ZERO)?;
        latency.saturating_record(micros(shown));
        std::thread::sleep(GAP);
    }
    let (half, late) = (quantile_ms(&latency, 0.5), quantile_ms(&latency, 0.99));
    report.add(
        Row::new(
            PART,
            "SET + PUBLISH -> visible over HTTP, p99",
            "ms",
            &Rounds::from(late),
        )
        .goal("<= 5 ms")
        .note(format!("{} samples, p50 {half:.3} ms", stage.pace.samples)),
    );
    Ok(())
}

/// Without the PUBLISH: the gateway finds it when it reads everything again.
pub(crate) fn measure_lost(stage: &mut Stage, report: &mut Report) -> Result<()> {
    let gateway = stage.gateway()?;
    let mut connection = Connection::open(gateway.address)?;
    let between = Limits::default().reread;
    let (mut waits, samples) = (Rounds::default(), stage.pace.lost);
    for sample in 0..samples {
        // The last one was shown at a reading: these begin at moments that lie evenly between two.
        std::thread::sleep(between * sample / samples);
        let value = stage.figures.weekly(20_000 + u64::from(sample))?;
        let began = Instant::now();
        stage.figures.store_unsaid(Snapshot::Weekly, &value)?;
        let shown = until_shown(&mut connection, &value, began, LOOK_GAP)?;
        waits.add(shown.as_secs_f64());
    }
    report.add(
        Row::new(
            PART,
            "SET, the message lost -> visible over HTTP",
            "s",
            &waits,
        )
        .goal("<= 5 s, the longest")
        .note(format!("{samples} samples, evenly between two readings")),
    );
    Ok(())
}

/// From `began` until the answer is `value`, asked for with a pause of `gap`.
fn until_shown(
    connection: &mut Connection,
    value: &[u8],
    began: Instant,
    gap: Duration,
) -> Result<Duration> {
    while connection.get(Snapshot::Weekly.path(), &[])?.body != value {
        ensure!(
            began.elapsed() < PATIENCE,
            "a snapshot was not shown in {PATIENCE:?}"
        );
        std::thread::sleep(gap);
    }
    Ok(began.elapsed())
}
