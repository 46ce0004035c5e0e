//! All gateways restart, one after the other, under the full crowd and beside a client that reads.

use super::Fleet;
use super::balancer::Balancer;
use super::protocol::{Report, Truth};
use crate::report;
use crate::samples::Samples;
use anyhow::Result;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// A stream comes back after up to 5 s, and after up to 8 s more if it was refused.
const RETURN_LIMIT: Duration = Duration::from_secs(40);
const POLL: Duration = Duration::from_millis(200);
/// The goal for the time from the end of a stream to the first count on its successor, in seconds.
const GAP_GOAL: f64 = 10.0;

/// Restarts every gateway; returns how many streams have ended in the way that the contract describes.
pub(super) async fn measure(fleet: &mut Fleet, balancer: &Balancer) -> Result<u64> {
    report::print_title("rolling restart of all gateways under the full crowd");
    fleet.crowd.report(&Truth::default()).await?;
    let (mut drains, mut starts) = (Samples::default(), Samples::default());
    let (reader, began) = (balancer.start_reader(), Instant::now());
    let count = fleet.deployment.gateways.len();
    for index in 0..count {
        let restarted = fleet.deployment.gateways[index].restart().await?;
        drains.add(restarted.drain.as_secs_f64());
        starts.add_ms(restarted.start);
        // The balancer must know of this gateway before the next one stops.
        balancer.wait_until_ready(index).await?;
        fleet.progress(&format!("gateway {} of {count} has restarted", index + 1));
    }
    let (last, mut sum) = (Instant::now(), Report::default());
    loop {
        let report = fleet.crowd.report(&Truth::default()).await?;
        sum.open = report.open;
        sum.gaps.extend(report.gaps);
        sum.ends.add(report.ends);
        if sum.open == fleet.streams || last.elapsed() > RETURN_LIMIT {
            break;
        }
        sleep(POLL).await;
    }
    let took = began.elapsed().as_secs_f64();
    let reads = reader.stop().await;

    report::print_figure("all gateways, one after the other", "s", &took.into());
    report::print_figure("drain of a gateway", "s", &drains);
    report::print_figure("end of a gateway until it is ready again", "ms", &starts);
    let mut gaps = Samples::default();
    sum.gaps
        .iter()
        .for_each(|ms| gaps.add(f64::from(*ms) / 1e3));
    for (name, percent) in [("p50", 50), ("p99", 99), ("longest", 100)] {
        let name = format!("end of a stream until the next one has a count, {name}");
        report::print_figure(&name, "s", &gaps.percentile(percent).into());
    }
    report::print_note(&format!(
        "{} streams ended as the contract says, {} were cut, {} came back; {} attempts were refused with a retry time, \
         {} found no gateway and were sent to another",
        sum.ends.clean,
        sum.ends.cuts,
        gaps.len(),
        sum.ends.refusals,
        sum.ends.failures
    ));
    report::print_figure(
        "reads meanwhile, p99",
        "ms",
        &reads.latencies.percentile(99).into(),
    );
    report::print_note(&format!(
        "{} reads, {} failed, {} were sent to another gateway after a refused connection",
        reads.latencies.len(),
        reads.failures.len(),
        reads.retried
    ));
    if let Some(failure) = reads.failures.first() {
        report::print_note(&format!("the first failure: {failure}"));
    }
    let goals = &mut fleet.goals;
    goals.exactly(
        "rolling restart: reads that failed",
        0,
        reads.failures.len(),
    );
    let missing = fleet.streams - sum.open;
    goals.exactly(
        "rolling restart: streams that did not come back",
        0,
        missing,
    );
    let longest = gaps.percentile(100);
    goals.at_most(
        "rolling restart: end of a stream to its next count",
        "s",
        GAP_GOAL,
        longest,
    );
    Ok(sum.ends.clean)
}
