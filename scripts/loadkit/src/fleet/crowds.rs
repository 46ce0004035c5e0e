//! Two crowds in one run: a small one on one gateway, and then the full one on all of them.

use super::balancer::Balancer;
use super::protocol::{Command, Truth};
use super::{Fleet, POLL, SETTLE, deliveries};
use crate::process_stats::kernel_memory;
use crate::report;
use anyhow::{Result, ensure};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// The size of the small crowd.
const FEW: usize = 10_000;
/// Opening takes seconds for each ten thousand streams, and longer on a busy machine.
const OPEN_LIMIT: Duration = Duration::from_secs(600);
/// A progress line each time that this many more are open.
const PROGRESS: usize = 20_000;
/// The goal for the memory of a gateway for an idle stream, in KiB.
const MEMORY_GOAL: f64 = 1.0;
/// The goal for the CPU of a delivery in the full crowd, compared with the small one.
const CPU_GOAL: f64 = 1.25;

/// Measures both. The full crowd stays, and the balancer in front of it.
pub(super) async fn measure(fleet: &mut Fleet) -> Result<Balancer> {
    let (few, all) = (FEW.min(fleet.streams / 2), fleet.streams);
    report::print_title(&format!("{few} streams on one gateway"));
    let only_first = (0..fleet.deployment.gateways.len()).map(|index| index == 0);
    fleet
        .crowd
        .order(&Command::Ready(only_first.collect()))
        .await?;
    fleet.open(few).await?;
    sleep(SETTLE).await;
    let memory = || Ok::<_, anyhow::Error>([fleet.deployment.memory()?, kernel_memory()?]);
    let memory_few = memory()?;
    let first = fleet.deployment.gateways[0].stats();
    let cpu_few = deliveries::measure(fleet, few, || first.cpu()).await?;

    report::print_title(&format!("{all} streams on all gateways"));
    let balancer = Balancer::start(fleet.deployment.addresses(), fleet.crowd.clone());
    let (cpu, more) = (fleet.deployment.cpu()?, (all - few) as f64);
    let seconds = fleet.open(all).await?.as_secs_f64();
    let cpu = fleet.deployment.cpu()?.saturating_sub(cpu).as_secs_f64();
    report::print_figure("until the last stream is open", "s", &seconds.into());
    let each = cpu * 1e6 / more;
    report::print_figure("CPU of the gateways to open a stream", "us", &each.into());
    sleep(SETTLE).await;
    let memory_all = memory()?;
    let kib = |index: usize| (memory_all[index] as f64 - memory_few[index] as f64) / 1024.0 / more;
    let (user, kernel) = (kib(0), kib(1));
    report::print_figure("memory of the gateways for a stream", "KiB", &user.into());
    report::print_figure("memory of the kernel for a stream", "KiB", &kernel.into());
    report::print_note("of both ends, because the clients are on this machine too");
    let cpu_all = deliveries::measure(fleet, all, || fleet.deployment.cpu()).await?;
    let (name, ratio) = (
        format!("CPU per delivery, {all} streams : {few}"),
        cpu_all / cpu_few,
    );
    report::print_figure(&name, "", &ratio.into());
    fleet
        .goals
        .at_most("gateway memory for a stream", "KiB", MEMORY_GOAL, user);
    fleet.goals.at_most(&name, "", CPU_GOAL, ratio);
    Ok(balancer)
}

impl Fleet {
    /// Opens streams until there are `streams`; returns how long that took.
    async fn open(&self, streams: usize) -> Result<Duration> {
        let (began, mut next_line) = (Instant::now(), PROGRESS);
        self.crowd.hold(streams).await?;
        loop {
            let open = self.crowd.report(&Truth::default()).await?.open;
            if open == streams {
                return Ok(began.elapsed());
            }
            if open >= next_line {
                next_line = open + PROGRESS;
                self.progress(&format!("{open} streams are open"));
            }
            let (is_late, sums) = (began.elapsed() > OPEN_LIMIT, self.crowd.sums());
            ensure!(
                !is_late,
                "only {open} of {streams} streams are open; {} attempts failed, {} were refused",
                sums.failures,
                sums.refusals
            );
            sleep(POLL).await;
        }
    }
}
