//! How long a new snapshot takes from the worker's SET to the answer over HTTP, asked for again and again.

use crate::stage::Stage;
use anyhow::Result;
use loadkit::heard::{histogram, micros, quantile_ms};
use loadkit::http::Connection;
use loadkit::measure::Rounds;
use loadkit::report::{Report, Row};
use shared::catalog::Snapshot;
use std::time::{Duration, Instant};

/// So that each sample meets another moment of the gateway's own reading every 2 s.
const GAP: Duration = Duration::from_millis(7);
/// One that is not seen for so long has been lost twice.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) fn measure(stage: &mut Stage, report: &mut Report) -> Result<()> {
    let gateway = stage.gateway()?;
    let mut connection = Connection::open(gateway.address)?;
    let mut latency = histogram()?;
    for sample in 0..stage.pace.samples {
        let value = stage.figures.weekly(10_000 + u64::from(sample))?;
        let began = Instant::now();
        stage.figures.store(Snapshot::Weekly, &value)?;
        while connection.get(Snapshot::Weekly.path(), &[])?.body != value
            && began.elapsed() < PATIENCE
        {}
        latency.saturating_record(micros(began.elapsed()));
        std::thread::sleep(GAP);
    }
    let part = "a new snapshot";
    let (half, late) = (quantile_ms(&latency, 0.5), quantile_ms(&latency, 0.99));
    report.add(
        Row::new(
            part,
            "SET + PUBLISH -> visible over HTTP, p99",
            "ms",
            &Rounds::from(late),
        )
        .goal("<= 5 ms")
        .note(format!("{} samples, p50 {half:.3} ms", stage.pace.samples)),
    );
    Ok(())
}
