//! Benchmark of the gateway: cached responses and event streams.

mod fan_out;
mod idle;
mod opening;
mod reads;

use crate::cores::Cores;
use crate::publisher::Publisher;
use crate::report;
use crate::servers::Server;
use anyhow::Result;
use clap::{Args, ValueEnum};
use std::time::Duration;
use testkit::descriptors;
use testkit::server::Redis;

/// What to measure, and how long.
#[derive(Args)]
pub(crate) struct Options {
    /// Short rounds: about 3 minutes instead of 10.
    #[arg(long)]
    quick: bool,
    /// Measures only this part; may be given several times.
    #[arg(long, value_enum, value_name = "PART")]
    only: Vec<Part>,
    /// The number of rounds. Each measures the gateway and its controls once.
    #[arg(long)]
    rounds: Option<usize>,
    /// The number of streams for `fan-out` and `opening`.
    #[arg(long, default_value_t = 10_000)]
    streams: usize,
}

/// A part of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Requests per second, compared with nginx and a bare hyper server.
    Reads,
    /// One message at a time to all streams, compared with a plain loop of writes.
    FanOut,
    /// 50 messages per second to 1,000 streams, compared with a plain loop of writes.
    Rate,
    /// CPU and memory of an idle gateway and of idle streams.
    Idle,
    /// Opening many streams at the same time.
    Opening,
}

/// The private Redis, and the values that all parts use.
struct Setup {
    cores: Cores,
    publisher: Publisher,
    redis: Redis,
    /// The number of streams for `fan-out` and `opening`.
    streams: usize,
    /// The number of sockets that this process may open.
    max_streams: usize,
    rounds: usize,
    /// The duration of one run of wrk.
    read_time: Duration,
    /// The number of messages in one round.
    messages: usize,
    /// The time over which idle CPU is measured. A stream gets a comment every 15 s.
    idle_time: Duration,
}

/// Runs the benchmark, and prints the figures.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let mut setup = Setup::new(options).await?;
    report::print_environment(setup.rounds);
    let Cores { server, load } = setup.cores;
    println!("server on core {server}, load on core {load}");
    for part in Part::value_variants() {
        if !options.only.is_empty() && !options.only.contains(part) {
            continue;
        }
        let result = match part {
            Part::Reads => reads::measure(&setup).await,
            Part::FanOut => fan_out::measure_all_streams(&mut setup).await,
            Part::Rate => fan_out::measure_rate(&mut setup).await,
            Part::Idle => idle::measure(&setup).await,
            Part::Opening => opening::measure(&setup).await,
        };
        if let Err(error) = result {
            report::print_failure(&format!("{part:?}"), &error);
        }
    }
    Ok(())
}

impl Setup {
    /// Moves this process to the load core, and starts a Redis there with every snapshot.
    async fn new(options: &Options) -> Result<Self> {
        let cores = Cores::find()?;
        cores.pin_to_load()?;
        let max_streams = descriptors::raise()?;
        let redis = Redis::start().await?;
        let mut publisher = Publisher::connect(redis.port())?;
        publisher.publish_all()?;
        let (rounds, read_seconds, messages, idle_seconds) = match options.quick {
            true => (3, 1, 4, 15),
            false => (5, 5, 20, 60),
        };
        Ok(Self {
            cores,
            publisher,
            redis,
            streams: options.streams.min(max_streams),
            max_streams,
            rounds: options.rounds.unwrap_or(rounds),
            read_time: Duration::from_secs(read_seconds),
            messages,
            idle_time: Duration::from_secs(idle_seconds),
        })
    }

    /// Starts a new gateway on the server core.
    async fn start_gateway(&self) -> Result<Server> {
        Server::gateway(self.cores.server, self.redis.port()).await
    }
}
