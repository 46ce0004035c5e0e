//! The gateway process: configuration, logs, a listener, and [`gateway::run`].

use anyhow::Context;
use clap::{CommandFactory, Parser, Subcommand};
use gateway::config::{Config, VARIABLES};
use gateway::files;
use gateway::offer::Listeners;
use shared::environment::{EXIT_BAD_CONFIGURATION, Environment};
use shared::manual::Manual;
use shared::probe;
use shared::shutdown;
use shared::time::Clock;
use shared::variable;
use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Builder;
use tracing::{error, warn};

/// Connections that the kernel keeps for us: all screens of a large library come back at once after a restart, and who
/// finds no room tries again after a second. The kernel's own limit, 4096 by default, stands above it.
const BACKLOG: u32 = 16_384;

/// Serves the library dashboard's figures over HTTP, out of a copy of what Redis holds.
/// Without a command it runs until SIGTERM.
#[derive(Parser)]
#[command(name = "gateway", version, after_help = variable::help(&VARIABLES))]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Runs until SIGTERM (the same as no command)
    Run,
    /// Asks the gateway that runs with the same variables whether it lives: status 0 when it does, for health checks
    Probe,
    #[command(flatten)]
    Manual(Manual),
}

fn main() -> anyhow::Result<ExitCode> {
    let command = match Arguments::try_parse() {
        Ok(arguments) => arguments.command,
        Err(shown) => {
            // An error when a disk is full: what was asked for was not told.
            shown.print()?;
            return Ok(ExitCode::from(u8::try_from(shown.exit_code()).unwrap_or(1)));
        }
    };
    if let Some(Command::Manual(manual)) = command {
        manual.write(Arguments::command())?;
        return Ok(ExitCode::SUCCESS);
    }
    let config = match Config::read(Environment::of_process(&VARIABLES)) {
        Ok(config) => config,
        Err(complaints) => {
            drop(writeln!(std::io::stderr(), "{complaints}"));
            return Ok(ExitCode::from(EXIT_BAD_CONFIGURATION));
        }
    };
    if let Some(Command::Probe) = command {
        probe::livez(config.host, config.port)?;
        return Ok(ExitCode::SUCCESS);
    }
    config.logging.init();
    if config.sequelize_is_set {
        warn!("USE_SEQUELIZE is set and ignored: it chose a library of the former backend");
    }
    files::raise_limit(&config);
    Ok(match serve(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            error!(error = format!("{e:#}"), "the gateway ends");
            ExitCode::FAILURE
        }
    })
}

fn serve(config: Config) -> anyhow::Result<()> {
    // For what is done once for all; requests and streams have threads of their own.
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("starting the runtime")?;
    let served = runtime.block_on(listen(config));
    // Not waiting for a name that is being looked up: a resolver may take half a minute.
    runtime.shutdown_background();
    served
}

async fn listen(config: Config) -> anyhow::Result<()> {
    shared::redis::install_tls_provider();
    let stop = shutdown::on_signal().context("listening to signals")?;
    let bind = |port, name| {
        let address = SocketAddr::from((config.host, port));
        bind(address)
            .with_context(|| format!("listening on {address}: is {name} or HOST wrong, or taken?"))
    };
    let listeners = Listeners {
        public: bind(config.port, "PORT")?,
        admin: config
            .admin_port
            .map(|port| bind(port, "ADMIN_PORT"))
            .transpose()?,
    };
    gateway::run(listeners, config, Clock::system(), stop).await
}

fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A gateway that is started again must not wait for the connections of the last one.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
