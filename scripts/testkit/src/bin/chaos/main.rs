//! Injects faults at random by a seed: workers, gateways, Redis, MariaDB and the network between them are killed,
//! frozen and cut, while clients, streams and Redis itself are watched for results that must never occur.

#![allow(clippy::print_stdout, reason = "the soak talks to whoever started it")]

mod desk;
mod faults;
mod judge;
mod monitor;
mod pauses;
mod readers;
mod soak;
mod stage;
mod takeovers;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Injects faults at random by a seed, and checks that clients do not notice: no 5xx, no wrong or older date, no false
/// count, one publisher, no leak. All servers are private and end with it.
///
/// The exit status is 0 if it finds no failure.
#[derive(Debug, Parser)]
#[command(name = "chaos", version)]
struct Arguments {
    /// The same seed chooses the same faults in the same order.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The duration in minutes.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1440))]
    minutes: u64,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Clone, Copy, Debug, Subcommand)]
enum Command {
    /// Freezes active workers (SIGSTOP) for longer than their lease lives, continues them, and looks for stale writes.
    Pauses {
        /// The number of pauses in all.
        #[arg(long, default_value_t = 1000)]
        times: u32,
        /// The number of libraries that are paused in parallel.
        #[arg(long, default_value_t = 20)]
        libraries: u32,
        /// The length of each pause in seconds.
        #[arg(long, default_value_t = 10)]
        seconds: u64,
    },
    /// Kills and stops the active worker again and again, and measures the time until the next one publishes.
    Takeovers {
        /// The number of kills and of stops.
        #[arg(long, default_value_t = 50)]
        times: u32,
    },
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let clean = match arguments.command {
        None => soak::run(arguments.seed, arguments.minutes).await?,
        Some(Command::Pauses {
            times,
            libraries,
            seconds,
        }) => pauses::run(arguments.seed, times, libraries, seconds).await?,
        Some(Command::Takeovers { times }) => takeovers::run(times).await?,
    };
    Ok(if clean {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
