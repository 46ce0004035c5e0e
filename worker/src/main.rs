//! The entry point of the worker: parses arguments and configuration, sets up logs, and runs a command.

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
use std::sync::LazyLock;
use tokio::runtime::Runtime;
use tracing::{error, warn};
use worker::check::findings::Report;
use worker::check::report;
use worker::config::Config;

/// Reads a SLiMS database, computes the figures of the library dashboard, counts today's visitors, and writes both to
/// Redis. Without a command it runs until SIGTERM.
#[derive(Parser)]
#[command(name = "worker", version = version(), after_help = shared::variable::help(&Config::variables()))]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Runs until SIGTERM (the same as no command)
    Run,
    /// Computes snapshots once and exits: status 0 if all were written to Redis, 1 if one was not
    Refresh {
        /// Snapshots such as visitors:weekly, with those that come from the same scan; all if none is named
        #[arg(value_parser = parse_snapshot)]
        names: Vec<Snapshot>,
    },
    /// Checks the database and Redis without changing anything, and reports problems and how to fix them: status 0 if
    /// all is well, 2 if there is advice, 1 if the worker cannot work
    Check {
        /// Print one JSON object instead of text
        #[arg(long)]
        json: bool,
    },
    /// Asks the running worker with the same variables for /livez: status 0 if it answers, for health checks
    Probe,
    #[command(flatten)]
    Manual(Manual),
}

/// The version of the worker and of its time zone rules, which age.
fn version() -> &'static str {
    static VERSION: LazyLock<String> = LazyLock::new(|| {
        let rules = worker::calendar::zone_rules_version();
        format!("{} (time zone rules {rules})", env!("CARGO_PKG_VERSION"))
    });
    &VERSION
}

fn parse_snapshot(name: &str) -> Result<Snapshot, String> {
    let names = || Snapshot::ALL.map(Snapshot::name).join(", ");
    Snapshot::by_name(name).ok_or_else(|| format!("the snapshots are {}", names()))
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(message) => return print_message(&message),
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
            // There are no logs yet, because their format is part of the configuration. If stderr cannot be written,
            // the exit status still shows the error.
            drop(writeln!(io::stderr(), "worker: {error}"));
            return ExitCode::from(EXIT_BAD_CONFIGURATION);
        }
    };
    match arguments.command {
        Some(Command::Check { .. } | Command::Probe) => config.logging.init_stderr(),
        _ => config.logging.init(),
    }
    shared::redis::install_tls_provider();
    if config.sequelize_is_set {
        warn!("USE_SEQUELIZE is ignored: it selected a library of the former backend");
    }
    config.keys.log_channels();
    let ended = Runtime::new().map_err(Into::into).and_then(|runtime| {
        let ended = runtime.block_on(execute(arguments.command, config));
        // Do not wait for a running DNS lookup: it may take half a minute.
        runtime.shutdown_background();
        ended
    });
    match ended {
        Ok(status) => status,
        Err(error) => {
            error!(error = format!("{error:#}"), "the worker failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Prints `--help`, `--version` or an error of the arguments, and returns its exit status; 1 if it cannot be written.
fn print_message(message: &clap::Error) -> ExitCode {
    match message.print() {
        Ok(()) => ExitCode::from(u8::try_from(message.exit_code()).unwrap_or(1)),
        Err(_) => ExitCode::FAILURE,
    }
}

async fn execute(command: Option<Command>, config: Config) -> anyhow::Result<ExitCode> {
    let clock = Clock::system();
    match command {
        Some(Command::Manual(_)) => {}
        Some(Command::Probe) => {
            let address = config.health;
            probe::livez(address.context("WORKER_PORT=0: the health endpoints are off")?)?;
        }
        None | Some(Command::Run) => worker::run(config, clock, shutdown::on_signal()?).await?,
        Some(Command::Refresh { names }) if names.is_empty() => {
            worker::refresh_once(config, clock, &Snapshot::ALL).await?;
        }
        Some(Command::Refresh { names }) => worker::refresh_once(config, clock, &names).await?,
        Some(Command::Check { json }) => {
            let report = worker::check::check(&config, &clock).await;
            print_report(&report, json)?;
            return Ok(report.verdict.status());
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes a report to stdout.
fn print_report(report: &Report, json: bool) -> anyhow::Result<()> {
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
