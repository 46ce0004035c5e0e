//! Benchmarks of the gateway, the worker and a whole deployment. The first two print figures, and the ratio of each figure
//! to the same figure of a control that runs on the same machine, and do not judge them. The third compares its figures
//! with goals.
//!
//! # Layout
//! - [`gateway`], [`worker`]: the benchmarks of each part.
//! - [`fleet`]: the benchmark of a whole deployment with a crowd of streams.
//! - [`servers`]: the gateway and its controls (nginx, a bare hyper server, a plain loop of writes), each on one core.
//! - [`streams`] (with [`total_parser`]), [`wrk`]: the load: many event streams, and as many requests as a server
//!   answers.
//! - [`publisher`], [`sample_snapshots`], [`redis_connection`]: play the part of the worker in the gateway's benchmark.
//! - [`process_stats`], [`samples`], [`report`]: what a process has used, and how figures are summarized and printed.

#![allow(clippy::print_stdout, reason = "the figures are the output")]

mod cores;
mod fleet;
mod gateway;
mod process_stats;
mod publisher;
mod redis_connection;
mod report;
mod sample_snapshots;
mod samples;
mod servers;
mod streams;
mod total_parser;
mod worker;
mod wrk;

use anyhow::{Context as _, Result, bail};
use clap::Parser;

/// Measures the gateway and the worker on private servers, which end with the benchmark.
#[derive(Parser)]
#[command(name = "bench", version)]
enum Command {
    /// Reads compared with nginx and a bare hyper server; event streams compared with a plain loop of writes.
    Gateway(gateway::Options),
    /// The daily pass, the start, the count of today's visitors, and how long check-ins wait, on a large library.
    Worker(worker::Options),
    /// A deployment of many gateways with 180,000 streams: deliveries, memory, a rolling restart, an outage of Redis.
    Fleet(fleet::Options),
    /// Holds a part of the streams of `fleet`.
    #[command(hide = true)]
    FleetClient(fleet::client::Options),
    /// Serves one fixed response: a control for reads.
    #[command(hide = true)]
    HyperControl(servers::hyper_control::Options),
    /// Writes each message to every stream in a plain loop: a control for streams.
    #[command(hide = true)]
    Floor(servers::floor::Options),
}

fn main() -> Result<()> {
    let command = Command::parse();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        // Fewer events at once, so that the time of a read is close to the time when the bytes arrived.
        .max_io_events_per_tick(256)
        .build()
        .context("building the runtime")?;
    runtime.block_on(async {
        match command {
            Command::Gateway(options) => until_interrupted(gateway::run(&options)).await,
            Command::Worker(options) => until_interrupted(worker::run(&options)).await,
            Command::Fleet(options) => until_interrupted(fleet::run(&options)).await,
            Command::FleetClient(options) => fleet::client::run(&options),
            Command::HyperControl(options) => servers::hyper_control::run(&options).await,
            Command::Floor(options) => servers::floor::run(&options),
        }
    })
}

/// Runs a benchmark. Ctrl-C drops it, which ends its servers and removes their folders.
async fn until_interrupted(benchmark: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::select! {
        result = benchmark => result,
        _ = tokio::signal::ctrl_c() => bail!("interrupted"),
    }
}
