//! The gateway process: reads the configuration, opens the listeners and calls [`gateway::run`].

use anyhow::Context;
use clap::{CommandFactory, Parser, Subcommand};
use gateway::config::Config;
use gateway::http::listener_role::Listeners;
use gateway::server::fd_limit;
use shared::environment::{EXIT_BAD_CONFIGURATION, Environment};
use shared::listener;
use shared::manual::Manual;
use shared::probe;
use shared::shutdown;
use shared::time::Clock;
use shared::variable;
use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;
use tokio::runtime::Builder;
use tracing::{error, warn};

/// Serves the library dashboard's figures over HTTP from a cache of Redis.
/// Without a command it runs until SIGTERM.
#[derive(Parser)]
#[command(name = "gateway", version, after_help = variable::help(&Config::variables()))]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Runs until SIGTERM (the same as no command)
    Run,
    /// Requests /livez from the gateway that runs with the same variables; exits with status 0 if it responds
    Probe,
    #[command(flatten)]
    Manual(Manual),
}

fn main() -> anyhow::Result<ExitCode> {
    let command = match Arguments::try_parse() {
        Ok(arguments) => arguments.command,
        Err(message) => {
            // Fails if the output cannot be written, for example when the disk is full.
            message.print()?;
            return Ok(ExitCode::from(
                u8::try_from(message.exit_code()).unwrap_or(1),
            ));
        }
    };
    if let Some(Command::Manual(manual)) = command {
        manual.write(Arguments::command())?;
        return Ok(ExitCode::SUCCESS);
    }
    let config = match Config::read(Environment::of_process()) {
        Ok(config) => config,
        Err(errors) => {
            drop(writeln!(std::io::stderr(), "gateway: {errors}"));
            return Ok(ExitCode::from(EXIT_BAD_CONFIGURATION));
        }
    };
    if let Some(Command::Probe) = command {
        probe::livez(config.probe_address())?;
        return Ok(ExitCode::SUCCESS);
    }
    config.logging.init();
    if config.sequelize_is_set {
        warn!("USE_SEQUELIZE is set but ignored: it selected a library of the former backend");
    }
    config.keys.log_channels();
    fd_limit::raise_limit(&config);
    Ok(match serve(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            error!(error = format!("{e:#}"), "the gateway stops with an error");
            ExitCode::FAILURE
        }
    })
}

fn serve(config: Config) -> anyhow::Result<()> {
    // For the tasks that exist once; connections and streams run on I/O threads.
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("starting the runtime")?;
    let result = runtime.block_on(listen(config));
    // Does not wait for blocking tasks: a DNS lookup may take half a minute.
    runtime.shutdown_background();
    result
}

async fn listen(config: Config) -> anyhow::Result<()> {
    shared::redis::install_tls_provider();
    let stop = shutdown::on_signal().context("installing the signal handlers")?;
    let bind = async |port, variable| {
        listener::bind(SocketAddr::new(config.host, port), variable, &stop).await
    };
    let listeners = Listeners {
        public: bind(config.port, "PORT").await?,
        admin: match config.admin_port {
            Some(port) => Some(bind(port, "ADMIN_PORT").await?),
            None => None,
        },
    };
    gateway::run(listeners, config, Clock::system(), stop).await
}
