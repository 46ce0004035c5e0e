//! Benchmark of a whole deployment in one run: one Redis, one worker on a generated library, many gateways, and a crowd
//! of streams that comes back like browsers behind a balancer.
//!
//! # The deployment
//! An operator keeps one gateway more than the crowd needs, so that one may be missing. So there is a gateway for each
//! 18,000 streams, and one more; all of them are used evenly. While one restarts, the others hold 18,000 each, and
//! `SSE_MAX_CLIENTS` is 19,000, because a balancer is never exactly even. Both fit below 20,000 open files.
//!
//! The balancer is a rule that the clients follow, not a process: it asks `/readyz` twice a second, sends a stream to the
//! ready gateway with the fewest, a read to the next ready one, and tries another one after a refused connection. A client
//! whose stream has ended waits for the time in the last `retry:` line, as browsers do, and then comes back.
//!
//! # Layout
//! - [`deployment`], [`check_ins`], [`balancer`]: what is measured.
//! - [`crowd`], [`client`], [`protocol`]: the streams, in processes of their own.
//! - [`crowds`], [`deliveries`], [`redis_load`], [`rolling_restart`], [`redis_outage`], [`check`]: the measurements.
//! - [`limits`], [`goals`]: what the machine must allow, and what should come out.

mod balancer;
mod check;
mod check_ins;
pub(crate) mod client;
mod crowd;
mod crowds;
mod deliveries;
mod deployment;
mod goals;
mod limits;
mod protocol;
mod redis_load;
mod redis_outage;
mod rolling_restart;

use crate::process_stats::mib;
use crate::report;
use anyhow::Result;
use clap::Args;
use crowd::{Crowd, STREAMS_PER_PROCESS};
use deployment::Deployment;
use goals::Goals;
use redis_load::RedisLoad;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// A gateway that has just started sends change notices to new streams for 10 s, and the allocator gives back memory
/// within seconds.
const SETTLE: Duration = Duration::from_secs(12);
/// After the crowd has left: the gateways notice it within 3 s.
const REST: Duration = Duration::from_secs(20);
/// Between two looks at all streams.
const POLL: Duration = Duration::from_millis(500);

/// How large the crowd is, and how long it is measured.
#[derive(Args)]
pub(crate) struct Options {
    /// The number of streams. There is a gateway for each 18,000 of them, and one to spare.
    #[arg(long, default_value_t = 180_000)]
    streams: usize,
    /// The shortest time between two counts, in milliseconds, while about one visitor a second checks in. Two cores need
    /// more than a second for a count to 180,000 streams, with the work of their clients.
    #[arg(long, default_value_t = 3_000)]
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
    /// How long deliveries are measured.
    time: Duration,
    /// The load of Redis without a gateway.
    redis_alone: RedisLoad,
    /// How long the load of Redis is measured: over a round of the circulation, which is made each minute.
    redis_time: Duration,
    goals: Goals,
    began: Instant,
}

/// Runs the benchmark, and prints the figures and the goals.
pub(crate) async fn run(options: &Options) -> Result<()> {
    limits::check(options.streams)?;
    report::print_environment(1);
    let mut fleet = Fleet::start(options).await?;
    let alone = fleet.measure_empty().await?;
    let balancer = crowds::measure(&mut fleet).await?;
    fleet.measure_redis("under the crowd").await?;
    fleet.check("after the deliveries").await?;
    let ended = rolling_restart::measure(&mut fleet, &balancer).await?;
    fleet.check("after the rolling restart").await?;
    redis_outage::measure(&mut fleet).await?;
    fleet.check("after the outage of Redis").await?;
    let sums = fleet.crowd.sums();
    let dropped = usize::try_from(sums.cuts + sums.clean - ended)?;
    let goals = &mut fleet.goals;
    goals.exactly(
        "streams that were cut, or ended without a restart",
        0,
        dropped,
    );
    fleet.let_the_crowd_leave(alone).await?;
    fleet.goals.print();
    Ok(())
}

impl Fleet {
    /// Starts everything but the streams.
    async fn start(options: &Options) -> Result<Self> {
        let gateways = options.streams.div_ceil(STREAMS_PER_PROCESS) + 1;
        println!("starting MariaDB, Redis and the worker ...");
        let mut deployment = Deployment::start(Duration::from_millis(options.interval_ms)).await?;
        let seconds = Duration::from_secs;
        let (time, redis_time) = match options.quick {
            true => (seconds(10), seconds(10)),
            false => (seconds(30), seconds(60)),
        };
        let redis_alone = RedisLoad::measure(&deployment.redis, redis_time).await?;
        deployment.start_gateways(gateways).await?;
        let crowd = Crowd::start(options.streams, deployment.addresses()).await?;
        println!(
            "{gateways} gateways: {} for {} streams, and one that may be missing; {} client processes\n\
             The clients, the gateways, Redis, MariaDB and the worker share the cores: wall times include the clients' work.\n\
             The CPU of the gateways is their own.",
            gateways - 1,
            options.streams,
            crowd.processes()
        );
        Ok(Self {
            crowd: Arc::new(crowd),
            deployment,
            streams: options.streams,
            time,
            redis_alone,
            redis_time,
            goals: Goals::default(),
            began: Instant::now(),
        })
    }

    /// Measures the gateways without a stream; returns the memory of one of them, in MiB.
    async fn measure_empty(&mut self) -> Result<f64> {
        report::print_title("gateways without a stream");
        sleep(SETTLE).await;
        let memory = self.memory_of_each()?;
        report::print_figure("memory of a gateway", "MiB", &memory.into());
        self.measure_redis("idle").await?;
        Ok(memory)
    }

    /// Closes all streams, and measures what memory the gateways keep; `alone` is what they had before the streams.
    async fn let_the_crowd_leave(&self, alone: f64) -> Result<()> {
        report::print_title("memory of a gateway");
        report::print_figure("before the crowd", "MiB", &alone.into());
        report::print_figure("with the crowd", "MiB", &self.memory_of_each()?.into());
        self.crowd.hold(0).await?;
        sleep(REST).await;
        let name = format!("{} s after the crowd has left", REST.as_secs());
        report::print_figure(&name, "MiB", &self.memory_of_each()?.into());
        Ok(())
    }

    /// In MiB.
    fn memory_of_each(&self) -> Result<f64> {
        Ok(mib(self.deployment.memory()?) / self.deployment.gateways.len() as f64)
    }

    /// Says what has been reached.
    fn progress(&self, what: &str) {
        println!("  [{:.0} s] {what}", self.began.elapsed().as_secs_f64());
    }
}
