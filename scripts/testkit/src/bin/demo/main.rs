//! Runs the whole dashboard on private servers with a generated library and continuous check-ins, until Ctrl-C. It
//! leaves nothing behind.

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

/// Starts the dashboard with a generated library: MariaDB, Redis, worker and gateway, all private to this run.
///
/// Build the real binaries first, in the same profile: `cargo build --release`.
/// Needs the Debian packages mariadb-server and redis-server. It neither needs nor touches their system services.
#[derive(Debug, Parser)]
#[command(name = "demo", version)]
struct Arguments {
    /// The size of the library: 15 thousand, 340 thousand or 880 thousand visits a year.
    #[arg(long, value_enum, default_value = "university")]
    size: SizeName,
    /// The number of years of visits and loans.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=10))]
    years: u32,
    /// The port of the dashboard. If it is in use, another port is chosen.
    #[arg(long, default_value_t = 3000)]
    port: u16,
    /// The time zone of the library.
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
