//! Everything goes wrong at once, by a seed: workers, gateways, Redis, MariaDB and the network between them are killed,
//! frozen and cut, while readers, streams and Redis itself are watched for what must never be seen.

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

/// Breaks everything on purpose, at random by a seed, and watches that nobody sees it: no 5xx, no wrong or older date, no
/// number that never was, one publisher, no leak. All servers are private and end with it.
///
/// The exit status is 0 when nothing was found.
#[derive(Debug, Parser)]
#[command(name = "chaos", version)]
struct Arguments {
    /// The same seed chooses the same faults in the same order.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How long.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1440))]
    minutes: u64,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Clone, Copy, Debug, Subcommand)]
enum Command {
    /// Stops active workers (SIGSTOP) for longer than their lease lives, lets them go on, and looks for stale writes.
    Pauses {
        /// How many pauses in all.
        #[arg(long, default_value_t = 1000)]
        times: u32,
        /// How many libraries are paused side by side.
        #[arg(long, default_value_t = 20)]
        libraries: u32,
        /// For how long each.
        #[arg(long, default_value_t = 10)]
        seconds: u64,
    },
    /// Kills and stops the active worker again and again, and measures when the next one publishes.
    Takeovers {
        /// How many of each.
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
