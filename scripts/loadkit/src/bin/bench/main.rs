//! What gateway and worker can do on this machine, beside what the machine can do: figures and ratios, never a verdict.

#![allow(clippy::print_stdout, reason = "it talks to whoever started it")]

mod allocations;
mod commands;
mod cores;
mod fanout;
mod folders;
mod idle;
mod memory;
mod opening;
mod reads;
mod slow;
mod stage;
mod visibility;
mod worker;

use anyhow::{Context as _, Result};
use clap::{Args, Parser, Subcommand, ValueEnum};
use loadkit::report::Report;
use stage::Stage;
use std::path::PathBuf;
use std::time::Duration;

/// Measures this system against the limits of the machine. Private servers alone; of the gateway's nothing is left behind, of
/// the worker's its databases.
#[derive(Parser)]
#[command(name = "bench", version)]
struct Arguments {
    #[command(subcommand)]
    of: Of,
}

#[derive(Subcommand)]
enum Of {
    /// Reads beside nginx and bare hyper, streams beside a bare loop of writes. About 20 minutes.
    Gateway(Wishes),
    /// Full regenerations of the daily figures beside plain SQL, counts of today, and check-ins meanwhile, on databases of
    /// millions of rows. About an hour at 10M rows, and some minutes to build them.
    ///
    /// A database is built once and kept. Its history ends with yesterday; one that is found with an older end is given the
    /// days that it lacks, as a real one gets them.
    Worker(worker::Wishes),
}

/// What is wanted of a run.
#[derive(Args)]
pub(crate) struct Wishes {
    /// Short rounds and few of them: to see that it works, not what it is worth. About 5 minutes.
    #[arg(long)]
    pub(crate) quick: bool,
    /// This part alone; may be given several times.
    #[arg(long, value_enum, value_name = "NAME")]
    only: Vec<Part>,
    /// How many rounds, each of which measures every contender once.
    #[arg(long)]
    pub(crate) rounds: Option<usize>,
    /// How many streams the large fan-out and the opening have.
    #[arg(long, default_value_t = 10_000)]
    pub(crate) streams: usize,
    /// How long the slow readers stay beside the healthy ones, in seconds; the issue says 600.
    #[arg(long)]
    pub(crate) slow_seconds: Option<u64>,
}

/// What can be measured by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Requests a second and p99, beside nginx and bare hyper; 304 beside 200.
    Reads,
    /// Redis commands for each request.
    Commands,
    /// Heap allocations of a cached answer, beside bare hyper.
    Allocations,
    /// The gateway on one core and on two: requests and deliveries for its CPU.
    Cores,
    /// CPU and lateness of a message to all streams, beside the floor.
    Fanout,
    /// The same to 1,000 streams, 50 times a second.
    Rate,
    /// Memory of an idle stream.
    Memory,
    /// All streams opened at once, and reads meanwhile.
    Opening,
    /// A gateway with nothing to do, and with idle streams.
    Idle,
    /// From the worker's SET to the answer over HTTP.
    Visibility,
    /// The same when the message that tells of it is lost.
    Lost,
    /// Readers that never read, beside healthy ones.
    Slow,
}

fn main() -> Result<()> {
    match Arguments::parse().of {
        Of::Gateway(wishes) => measure_gateway(&wishes),
        Of::Worker(wishes) => worker::measure(&wishes),
    }
}

fn measure_gateway(wishes: &Wishes) -> Result<()> {
    let _folder = folders::keep_in_one()?;
    let mut report = Report::default();
    let mut stage = Stage::set(wishes, &mut report)?;
    for part in Part::value_variants() {
        if !wishes.only.is_empty() && !wishes.only.contains(part) {
            continue;
        }
        let name = format!("{part:?}").to_lowercase();
        println!("measuring {name} ...");
        let measured = match part {
            Part::Reads => reads::measure(&mut stage, &mut report),
            Part::Commands => commands::measure(&mut stage, &mut report),
            Part::Allocations => allocations::measure(&mut stage, &mut report),
            Part::Cores => cores::measure(&mut stage, &mut report),
            Part::Fanout => fanout::measure_all(&mut stage, &mut report),
            Part::Rate => fanout::measure_rate(&mut stage, &mut report),
            Part::Memory => memory::measure(&mut stage, &mut report),
            Part::Opening => opening::measure(&mut stage, &mut report),
            Part::Idle => idle::measure(&mut stage, &mut report),
            Part::Visibility => visibility::measure(&mut stage, &mut report),
            Part::Lost => visibility::measure_lost(&mut stage, &mut report),
            Part::Slow => slow::measure(&mut stage, &mut report),
        };
        if let Err(e) = measured {
            report.add_failure(&name, &e);
        }
    }
    tell(&report, "gateway")
}

/// The table to whoever started it, and the same as `bench/NAME.json` in the folder of the build.
pub(crate) fn tell(report: &Report, name: &str) -> Result<()> {
    println!("\n{}", report.table());
    let path = target()?.join(format!("bench/{name}.json"));
    report.write(&path)?;
    println!("The same as JSON: {}", path.display());
    Ok(())
}

/// The folder of the build, in which the running program is.
pub(crate) fn target() -> Result<PathBuf> {
    let me = std::env::current_exe().context("finding the running program")?;
    let target = me.ancestors().nth(2).context("no target folder")?;
    Ok(target.to_owned())
}

/// `seconds`, for constants that read like the table.
pub(crate) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
