//! Counts on their way to all streams: the CPU of a delivery, and the time until the last stream has it.

use super::Fleet;
use super::protocol::Truth;
use crate::report;
use crate::samples::Samples;
use anyhow::Result;
use shared::time::Clock;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// For the last counts to arrive.
const REST: Duration = Duration::from_secs(4);

/// Measures while `streams` are open on the gateways whose CPU is `cpu`; returns their CPU for one delivery, in
/// microseconds.
pub(super) async fn measure(
    fleet: &Fleet,
    streams: usize,
    cpu: impl Fn() -> Result<Duration>,
) -> Result<f64> {
    let (clock, nothing) = (Clock::system(), Truth::default());
    fleet.crowd.report(&nothing).await?;
    let (from, began) = (clock.now().millis(), Instant::now());
    let (cpu_before, crowd_before) = (cpu()?, fleet.crowd.cpu()?);
    sleep(fleet.time).await;
    let (cpu_after, crowd_after) = (cpu()?, fleet.crowd.cpu()?);
    let mut report = fleet.crowd.report(&nothing).await?;
    let (to, wall) = (clock.now().millis(), began.elapsed());
    let updates = report.updates.max(1) as f64;
    sleep(REST).await;
    report.add_counts(fleet.crowd.report(&nothing).await?.counts);

    let mut last_bytes = Samples::default();
    let (mut made, mut incomplete) = (0, 0);
    for count in &report.counts {
        if !(from..to).contains(&count.made_at) {
            continue;
        }
        made += 1;
        match count.streams == streams {
            true => last_bytes.add((count.last - count.made_at) as f64),
            false => incomplete += 1,
        }
    }
    let gateways = (cpu_after.saturating_sub(cpu_before)).as_secs_f64();
    let clients = (crowd_after.saturating_sub(crowd_before)).as_secs_f64();
    let seconds = wall.as_secs_f64();
    let figure = |name: &str, unit, value: f64| {
        report::print_figure(name, unit, &Samples::from(value));
    };
    figure(
        "CPU of the gateways per delivery",
        "us",
        gateways * 1e6 / updates,
    );
    figure(
        "CPU of the clients per delivery",
        "us",
        clients * 1e6 / updates,
    );
    figure(
        "CPU of the gateways",
        "% of a core",
        gateways / seconds * 100.0,
    );
    figure(
        "CPU of the clients",
        "% of a core",
        clients / seconds * 100.0,
    );
    figure(
        "CPU of the gateways per count",
        "ms",
        gateways * 1e3 / updates * streams as f64,
    );
    for (name, percent) in [("p50", 50), ("p99", 99), ("longest", 100)] {
        let name = format!("count made to last byte at last stream, {name}");
        figure(&name, "ms", last_bytes.percentile(percent));
    }
    report::print_note(&format!(
        "{made} counts in {seconds:.0} s; of these {incomplete} were replaced by a newer one before every stream had them"
    ));
    Ok(gateways * 1e6 / updates)
}
