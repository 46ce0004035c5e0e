//! Messages to many streams: the CPU and the latency of a delivery, compared with a plain loop of writes.

use super::Setup;
use crate::report;
use crate::samples::Samples;
use crate::servers::Server;
use crate::streams::{LOW_CONCURRENCY, PublishPlan, Streams};
use anyhow::Result;
use std::time::Duration;
use tokio::time::sleep;

/// A gateway that has just started sends change notices to new streams for 5 s.
const SETTLE: Duration = Duration::from_millis(5_500);

/// The figures of one server.
#[derive(Default)]
struct Figures {
    /// Of one delivery, in microseconds.
    cpu: Samples,
    /// In milliseconds.
    p50: Samples,
    p99: Samples,
    missed: usize,
}

/// Sends one message at a time to all streams.
pub(super) async fn measure_all_streams(setup: &mut Setup) -> Result<()> {
    let plan = PublishPlan {
        messages: setup.messages,
        interval: Duration::from_millis(500),
        wait_for_delivery: true,
    };
    compare(setup, setup.streams, plan, "one message at a time").await
}

/// Sends 50 messages a second to 1,000 streams.
pub(super) async fn measure_rate(setup: &mut Setup) -> Result<()> {
    let plan = PublishPlan {
        messages: setup.messages * 25,
        interval: Duration::from_millis(20),
        wait_for_delivery: false,
    };
    compare(setup, 1_000, plan, "50 messages per second").await
}

/// Measures both servers in each round; each round begins with the other one.
async fn compare(setup: &mut Setup, streams: usize, plan: PublishPlan, pace: &str) -> Result<()> {
    let (mut gateway, mut floor) = (Figures::default(), Figures::default());
    for round in 0..setup.rounds {
        for turn in 0..2 {
            if (round + turn) % 2 == 0 {
                let server = setup.start_gateway().await?;
                gateway.add_round(setup, &server, streams, plan).await?;
            } else {
                let server = Server::floor(setup.cores.server, setup.redis.port()).await?;
                floor.add_round(setup, &server, streams, plan).await?;
            }
        }
    }
    report::print_title(&format!("fan-out to {streams} streams, {pace}"));
    let figure = |name, unit, values: fn(&Figures) -> &Samples| {
        let control = [("floor", values(&floor))];
        report::print_comparison(name, unit, values(&gateway), &control);
    };
    figure("CPU per delivery", "us", |figures| &figures.cpu);
    figure("publish to last byte, p50", "ms", |figures| &figures.p50);
    figure("publish to last byte, p99", "ms", |figures| &figures.p99);
    report::print_note(&format!(
        "missed messages: {} (floor: {})",
        gateway.missed, floor.missed
    ));
    Ok(())
}

impl Figures {
    async fn add_round(
        &mut self,
        setup: &mut Setup,
        server: &Server,
        count: usize,
        plan: PublishPlan,
    ) -> Result<()> {
        let mut streams = Streams::new(server.address);
        streams.open(count, LOW_CONCURRENCY).await?;
        sleep(SETTLE).await;
        // The first messages find cold caches.
        let warm_up = PublishPlan {
            messages: 2,
            wait_for_delivery: true,
            ..plan
        };
        let publisher = &mut setup.publisher;
        streams.measure_delivery(publisher, warm_up).await?;
        let before = server.stats.cpu()?;
        let delivery = streams.measure_delivery(publisher, plan).await?;
        let cpu = server.stats.cpu()?.saturating_sub(before).as_secs_f64() * 1e6;
        self.cpu.add(cpu / delivery.latencies.len().max(1) as f64);
        self.p50.add(delivery.latencies.percentile(50));
        self.p99.add(delivery.latencies.percentile(99));
        self.missed += delivery.missed;
        streams.close().await;
        Ok(())
    }
}
