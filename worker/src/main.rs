//! Wires the worker: arguments, configuration, logs, run, exit status.

use anyhow::Context;
use clap::{CommandFactory, Parser, Subcommand};
use shared::catalog::Snapshot;
use shared::environment::EXIT_BAD_CONFIGURATION;
use shared::manual::Manual;
use shared::probe;
use shared::shutdown;
use shared::time::Clock;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use tikv_jemallocator::Jemalloc;
use tokio::runtime::Runtime;
use tracing::{error, warn};
use worker::check::findings::Report;
use worker::check::report;
use worker::config::Config;

/// Gives back within seconds the hundred megabytes that the daily figures of a large library need for some seconds.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// Reads a SLiMS database, makes the snapshots of the library dashboard, counts today's visitors, and writes both to
/// Redis. Without a command it runs until SIGTERM.
#[derive(Parser)]
#[command(name = "worker", version, after_help = shared::variable::help(&Config::variables()))]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Runs until SIGTERM (the same as no command)
    Run,
    /// Makes snapshots once and ends: status 0 when all were stored, 1 when one was not
    Refresh {
        /// Such as visitors:weekly, with those that the same reading gives; all when none is named
        #[arg(value_parser = snapshot)]
        names: Vec<Snapshot>,
    },
    /// Looks at database and Redis, changes nothing, and tells what is good, what would be better, and what is in the way:
    /// status 0 when all is well, 2 when there is advice, 1 when the worker cannot work
    Check {
        /// One JSON object instead of text
        #[arg(long)]
        json: bool,
    },
    /// Asks the worker that runs with the same variables whether it lives: status 0 when it does, for health checks
    Probe,
    #[command(flatten)]
    Manual(Manual),
}

fn snapshot(name: &str) -> Result<Snapshot, String> {
    let names = || Snapshot::ALL.map(Snapshot::name).join(", ");
    Snapshot::by_name(name).ok_or_else(|| format!("there are: {}", names()))
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(shown) => return told(&shown),
    };
    if let Some(Command::Manual(manual)) = &arguments.command {
        return match manual.write(Arguments::command()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        };
    }
    let config = match Config::from_process() {
        Ok(config) => config,
        Err(error) => {
            // There are no logs yet: their format is part of what is wrong. The status tells it to a full disk.
            drop(writeln!(io::stderr(), "worker: {error}"));
            return ExitCode::from(EXIT_BAD_CONFIGURATION);
        }
    };
    match arguments.command {
        Some(Command::Check { .. } | Command::Probe) => config.logging.init_beside_an_answer(),
        _ => config.logging.init(),
    }
    shared::redis::install_tls_provider();
    if config.sequelize_is_set {
        warn!("USE_SEQUELIZE is set and ignored: it chose a library of the former backend");
    }
    config.keys.log_channels();
    let ended = Runtime::new().map_err(Into::into).and_then(|runtime| {
        let ended = runtime.block_on(obey(arguments.command, config));
        // Not waiting for a name that is being looked up: a resolver may take half a minute.
        runtime.shutdown_background();
        ended
    });
    match ended {
        Ok(status) => status,
        Err(error) => {
            error!(
                error = format!("{error:#}"),
                "the worker has ended: {error:#}"
            );
            ExitCode::FAILURE
        }
    }
}

/// The status of a text that was asked for, or of a mistake; 1 when it could not be written.
fn told(shown: &clap::Error) -> ExitCode {
    match shown.print() {
        Ok(()) => ExitCode::from(u8::try_from(shown.exit_code()).unwrap_or(1)),
        Err(_) => ExitCode::FAILURE,
    }
}

async fn obey(command: Option<Command>, config: Config) -> anyhow::Result<ExitCode> {
    let clock = Clock::system();
    match command {
        Some(Command::Manual(_)) => {}
        Some(Command::Probe) => {
            let address = config.health;
            probe::livez(address.context("WORKER_PORT=0: there is nobody to ask")?)?;
        }
        None | Some(Command::Run) => worker::run(config, clock, shutdown::on_signal()?).await?,
        Some(Command::Refresh { names }) if names.is_empty() => {
            worker::refresh_once(config, clock, &Snapshot::ALL).await?;
        }
        Some(Command::Refresh { names }) => worker::refresh_once(config, clock, &names).await?,
        Some(Command::Check { json }) => {
            let report = worker::check::check(&config, &clock).await;
            tell(&report, json)?;
            return Ok(report.verdict.status());
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes a report to stdout.
fn tell(report: &Report, json: bool) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    if json {
        serde_json::to_writer(&mut stdout, report)?;
        writeln!(stdout)?;
    } else {
        let text = report::text(report, stdout.is_terminal());
        stdout.write_all(text.as_bytes())?;
    }
    Ok(stdout.flush()?)
}
