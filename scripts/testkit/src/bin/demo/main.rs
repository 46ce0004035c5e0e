//! The whole dashboard on private servers with an invented library, alive with check-ins, until Ctrl-C.
//! Nothing is left behind.

#![allow(clippy::print_stdout, reason = "the demo talks to whoever started it")]

mod checkins;
mod desktop;
mod probe;
mod screen;
mod stage;

use anyhow::{Context as _, Result};
use chrono_tz::Tz;
use clap::{Parser, ValueEnum};
use testkit::generate::Size;
use testkit::schema::Engine;
use tokio::signal::unix::{SignalKind, signal};

/// Starts the dashboard with an invented library: MariaDB, Redis, worker and gateway, all private to this run.
///
/// Build the real binaries first, in the same profile: `cargo build --release`.
/// Needs the Debian packages mariadb-server and redis-server; their system services are neither needed nor touched.
#[derive(Debug, Parser)]
#[command(name = "demo", version)]
struct Arguments {
    /// How large the library is: 15 thousand, 340 thousand or 880 thousand visits a year.
    #[arg(long, value_enum, default_value = "university")]
    size: SizeName,
    /// How many years of visits and loans to invent.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=10))]
    years: u32,
    /// Where to open the dashboard; another port is taken when this one is in use.
    #[arg(long, default_value_t = 3000)]
    port: u16,
    /// The library's time zone, in which its days begin and people come in.
    #[arg(long, default_value = "Asia/Jakarta")]
    zone: Tz,
    /// The storage engine of the library's tables.
    #[arg(long, value_enum, default_value = "myisam")]
    engine: EngineName,
}

/// A size by its name.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum SizeName {
    /// 800 members, 4 thousand titles.
    School,
    /// 30 thousand members, 90 thousand titles.
    University,
    /// 500 thousand members, 1.5 million titles.
    National,
}

/// An engine by its name.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum EngineName {
    /// What SLiMS installs by default.
    Myisam,
    /// With transactions.
    Innodb,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let wishes = stage::Wishes {
        size: match arguments.size {
            SizeName::School => Size::School,
            SizeName::University => Size::University,
            SizeName::National => Size::National,
        },
        years: arguments.years,
        port: arguments.port,
        zone: arguments.zone,
        engine: match arguments.engine {
            EngineName::Myisam => Engine::MyIsam,
            EngineName::Innodb => Engine::InnoDb,
        },
    };
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let mut stage = stage::Stage::default();
    let played = tokio::select! {
        played = stage.play(&wishes) => played,
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    };
    println!("\nstopping");
    let cleared = stage.clear().await;
    played.and(cleared)
}
