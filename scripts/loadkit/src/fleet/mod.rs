//! Benchmark of a whole deployment in one run: one Redis, one worker on a generated library, many gateways, and a crowd
//! of streams that comes back like browsers behind a balancer.
//!
//! # Layout
//! - [`deployment`], [`check_ins`], [`balancer`]: what is measured.
//! - [`crowd`], [`client`], [`protocol`]: the streams, in processes of their own.
//! - [`deliveries`], [`redis_load`], [`rolling_restart`], [`redis_outage`], [`check`]: the measurements.
//! - [`limits`], [`goals`]: what the machine must allow, and what should come out.

mod balancer;
mod check;
mod check_ins;
pub(crate) mod client;
mod crowd;
mod deliveries;
mod deployment;
mod goals;
mod limits;
mod protocol;
mod redis_load;
mod redis_outage;
mod rolling_restart;

use crate::process_stats::{kernel_memory, mib};
use crate::report;
use crate::samples::Samples;
use anyhow::Result;
use balancer::Balancer;
use clap::Args;
use crowd::{Crowd, STREAMS_PER_PROCESS};
use deployment::Deployment;
use goals::Goals;
use protocol::{Command, Report, Truth};
use redis_load::RedisLoad;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// The size of the first crowd, which is on one gateway.
const FEW: usize = 10_000;
/// A gateway that has just started sends change notices to new streams for 10 s, and the allocator gives back memory
/// within seconds.
const SETTLE: Duration = Duration::from_secs(12);
/// Opening takes seconds for each ten thousand streams, and longer on a busy machine.
const OPEN_LIMIT: Duration = Duration::from_secs(600);
const POLL: Duration = Duration::from_millis(500);

/// How large the crowd is, and how long it is measured.
#[derive(Args)]
pub(crate) struct Options {
    /// The number of streams. There is a gateway for each 18,000 of them, and one to spare.
    #[arg(long, default_value_t = 180_000)]
    streams: usize,
    /// The shortest time between two counts, in milliseconds; about one visitor a second checks in.
    #[arg(long, default_value_t = 1_000)]
    interval_ms: u64,
    /// Short measurements: to see that it works.
    #[arg(long)]
    quick: bool,
}

/// The running deployment with its crowd.
struct Fleet {
    crowd: Arc<Crowd>,
    deployment: Deployment,
    /// How many are held.
    streams: usize,
    goals: Goals,
    began: Instant,
}

/// Runs the benchmark, and prints the figures and the goals.
pub(crate) async fn run(options: &Options) -> Result<()> {
    limits::check(options.streams)?;
    let time = Duration::from_secs(if options.quick { 10 } else { 30 });
    let gateways = options.streams.div_ceil(STREAMS_PER_PROCESS) + 1;
    report::print_environment(1);
    println!("starting MariaDB, Redis and the worker ...");
    let deployment = Deployment::start(Duration::from_millis(options.interval_ms)).await?;
    let alone = RedisLoad::measure(&deployment.redis, time).await?;
    let mut fleet = Fleet::start(deployment, gateways, options.streams).await?;
    println!(
        "{gateways} gateways: {} for {} streams, and one that may be missing; {} client processes",
        gateways - 1,
        options.streams,
        fleet.crowd.processes()
    );
    println!(
        "the clients, the gateways, Redis, MariaDB and the worker share the same cores, so that wall times"
    );
    println!("include the clients' work; the CPU of the gateways is their own");
    sleep(SETTLE).await;

    report::print_title("gateways without a stream");
    let memory_alone = fleet.deployment.memory()?;
    fleet.measure_redis("idle", alone, time).await?;
    let per_gateway = mib(memory_alone) / gateways as f64;
    report::print_figure("memory of a gateway", "MiB", &per_gateway.into());

    let few = FEW.min(options.streams / 2);
    let mut only_first = vec![false; gateways];
    only_first[0] = true;
    fleet.crowd.order(&Command::Ready(only_first)).await?;
    fleet.open(few).await?;
    report::print_title(&format!("{few} streams on one gateway"));
    let memory_few = (fleet.deployment.memory()?, kernel_memory()?);
    let first = fleet.deployment.gateways[0].stats();
    let at_few = deliveries::measure(&fleet, few, time, || first.cpu()).await?;

    let balancer = Balancer::start(fleet.deployment.addresses(), fleet.crowd.clone());
    let cpu = fleet.deployment.cpu()?;
    let opening = fleet.open(options.streams).await?;
    let cpu = fleet.deployment.cpu()?.saturating_sub(cpu);
    report::print_title(&format!("{} streams on all gateways", options.streams));
    let more = (options.streams - few) as f64;
    report::print_figure(
        "until the last stream is open",
        "s",
        &opening.as_secs_f64().into(),
    );
    let cpu_each = cpu.as_secs_f64() * 1e6 / more;
    report::print_figure(
        "CPU of the gateways to open a stream",
        "us",
        &cpu_each.into(),
    );
    sleep(SETTLE).await;
    let kib = |many: u64, few: u64| (many as f64 - few as f64) / 1024.0 / more;
    let user = kib(fleet.deployment.memory()?, memory_few.0);
    report::print_figure("memory of the gateways for a stream", "KiB", &user.into());
    let kernel = kib(kernel_memory()?, memory_few.1);
    report::print_figure("memory of the kernel for a stream", "KiB", &kernel.into());
    report::print_note("of both ends, because the clients are on this machine too");
    fleet
        .goals
        .at_most("gateway memory per idle stream", "KiB", 1.0, user);
    let all = deliveries::measure(&fleet, options.streams, time, || fleet.deployment.cpu()).await?;
    let ratio = all.cpu / at_few.cpu;
    let name = format!("CPU per delivery, {} streams : {few}", options.streams);
    report::print_figure(&name, "", &ratio.into());
    fleet.goals.at_most(&name, "", 1.25, ratio);
    fleet.measure_redis("under the crowd", alone, time).await?;
    fleet.check("after the deliveries").await?;

    rolling_restart::measure(&mut fleet, &balancer).await?;
    fleet.check("after the rolling restart").await?;
    redis_outage::measure(&mut fleet).await?;
    fleet.check("after the outage of Redis").await?;

    let with_crowd = mib(fleet.deployment.memory()?) / gateways as f64;
    let cuts = fleet.crowd.cuts();
    fleet
        .goals
        .exactly("streams that were dropped", 0, usize::try_from(cuts)?);
    fleet.crowd.hold(0).await?;
    sleep(SETTLE).await;
    let afterwards = mib(fleet.deployment.memory()?) / gateways as f64;
    report::print_title("memory of a gateway");
    report::print_figure("before the crowd", "MiB", &per_gateway.into());
    report::print_figure("with the crowd", "MiB", &with_crowd.into());
    report::print_figure("after the crowd has left", "MiB", &afterwards.into());
    fleet.goals.print();
    Ok(())
}

impl Fleet {
    async fn start(mut deployment: Deployment, gateways: usize, streams: usize) -> Result<Self> {
        deployment.start_gateways(gateways).await?;
        let crowd = Crowd::start(streams, deployment.addresses()).await?;
        Ok(Self {
            crowd: Arc::new(crowd),
            deployment,
            streams,
            goals: Goals::default(),
            began: Instant::now(),
        })
    }

    /// Says what has been reached.
    fn progress(&self, what: &str) {
        println!("  [{:.0} s] {what}", self.began.elapsed().as_secs_f64());
    }

    /// Opens streams until there are `streams`; returns how long that took.
    async fn open(&self, streams: usize) -> Result<Duration> {
        let (began, mut shown) = (Instant::now(), 0);
        self.crowd.hold(streams).await?;
        loop {
            let Report {
                open,
                failures,
                refusals,
                ..
            } = self.crowd.report(&Truth::default()).await?;
            if open == streams {
                return Ok(began.elapsed());
            }
            if open >= shown + 20_000 {
                shown = open;
                self.progress(&format!("{open} streams are open"));
            }
            anyhow::ensure!(
                began.elapsed() < OPEN_LIMIT,
                "only {open} of {streams} streams are open; {failures} attempts failed, {refusals} were refused"
            );
            sleep(POLL).await;
        }
    }
}
