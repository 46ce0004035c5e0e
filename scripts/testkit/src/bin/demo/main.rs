//! Runs the whole dashboard on private servers with a generated library and continuous check-ins and loans, until
//! Ctrl-C. It leaves nothing behind.

#![allow(clippy::print_stdout, reason = "its output is for a terminal")]

mod check_ins;
mod status_line;

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use chrono::{NaiveDateTime, Utc};
use chrono_tz::Tz;
use clap::{Parser, ValueEnum};
use mysql_async::Conn;
use nix::sys::signal::Signal;
use testkit::generate::{Plan, Size, generate};
use testkit::http::fetch;
use testkit::library::Library;
use testkit::load::load;
use testkit::mariadb::{MariaDb, MariaDbOptions};
use testkit::oracle::PATHS;
use testkit::process::{Process, free_port};
use testkit::schema::{Engine, Shape};
use testkit::server::Redis;
use tokio::signal::unix::{SignalKind, signal};

use crate::check_ins::CheckIns;
use crate::status_line::StatusLine;

const DATABASE: &str = "slims";
/// A large library on a small machine takes a few minutes to count for the first time.
const READY_LIMIT: Duration = Duration::from_secs(600);
/// The gateway drains for two seconds, as set below; the rest is for a busy machine.
const STOP_LIMIT: Duration = Duration::from_secs(15);
/// The time between two looks at the gateway.
const POLL: Duration = Duration::from_millis(250);

/// Starts the dashboard with a generated library: MariaDB, Redis, worker and gateway, all private to this run.
///
/// Build the real binaries first, in the same profile, as `scripts/demo` does.
/// Needs the Debian packages mariadb-server and redis-server. It neither needs nor touches their system services.
#[derive(Debug, Parser)]
#[command(name = "demo", version)]
struct Arguments {
    /// The size of the library: 15 thousand, 340 thousand or 880 thousand visits a year.
    #[arg(long, value_enum, default_value = "school")]
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

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SizeName {
    /// 800 members, 4 thousand titles.
    School,
    /// 30 thousand members, 90 thousand titles.
    University,
    /// 500 thousand members, 1.5 million titles.
    National,
}

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
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let (mut servers, mut processes) = (None, Vec::new());
    let ended = tokio::select! {
        ended = run(&arguments, &mut servers, &mut processes) => ended,
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    };
    println!("\nstopping");
    // The gateway first, the servers last.
    for mut process in processes.into_iter().rev() {
        if process.try_exit()?.is_none() {
            process.signal(Signal::SIGTERM)?;
            process.wait_exit(STOP_LIMIT).await?;
        }
    }
    ended
}

/// Starts everything and inserts visits, until something fails.
async fn run(
    arguments: &Arguments,
    servers: &mut Option<(MariaDb, Redis)>,
    processes: &mut Vec<Process>,
) -> Result<()> {
    let port = port(arguments.port)?;
    let (started, library) = tokio::try_join!(start_servers(), generate_library(arguments))?;
    let (mariadb, redis) = servers.insert(started);
    load_library(mariadb, &library, arguments.engine).await?;
    let (user, password) = ("dashboard", "read-only");
    mariadb.grant_select(user, password, DATABASE).await?;

    let both = [
        ("REDIS_URL", redis.url()),
        ("LOG_FORMAT", "text".to_owned()),
    ];
    let mut worker = both.to_vec();
    worker.extend([
        ("MYSQL_HOST", "127.0.0.1".to_owned()),
        ("MYSQL_PORT", mariadb.port().to_string()),
        ("MYSQL_USER", user.to_owned()),
        ("MYSQL_PASSWORD", password.to_owned()),
        ("MYSQL_DATABASE", DATABASE.to_owned()),
        ("LIBRARY_TIMEZONE", arguments.zone.name().to_owned()),
        // The tables have no index on a date, and the figures should change while you watch.
        ("TODAY_COUNT_MODE", "delta".to_owned()),
        ("CIRCULATION_INTERVAL_SECONDS", "10".to_owned()),
        ("WORKER_PORT", free_port()?.to_string()),
    ]);
    processes.push(Process::spawn("worker", &worker)?);
    let mut gateway = both.to_vec();
    gateway.extend([
        ("HOST", "127.0.0.1".to_owned()),
        ("PORT", port.to_string()),
        ("SHUTDOWN_DRAIN_SECONDS", "2".to_owned()),
    ]);
    processes.push(Process::spawn("gateway", &gateway)?);
    wait_until_ready(port, processes).await?;
    print_addresses(port, processes);
    open_browser(&format!("http://127.0.0.1:{port}/"));
    insert_visits(mariadb, arguments.zone, library, processes).await
}

async fn start_servers() -> Result<(MariaDb, Redis)> {
    let line = StatusLine::new();
    let options = MariaDbOptions {
        buffer_pool_mib: 512,
        ..MariaDbOptions::default()
    };
    let servers = (MariaDb::start(&options).await?, Redis::start().await?);
    line.finish("MariaDB and Redis are up");
    Ok(servers)
}

/// The wanted port, or a free one if it is in use.
fn port(wanted: u16) -> Result<u16> {
    if std::net::TcpListener::bind(("127.0.0.1", wanted)).is_ok() {
        return Ok(wanted);
    }
    let other = free_port()?;
    println!("port {wanted} is in use; taking {other}");
    Ok(other)
}

async fn generate_library(arguments: &Arguments) -> Result<Arc<Library>> {
    let line = StatusLine::new();
    let now = wall_now(arguments.zone);
    let plan = Plan {
        size: match arguments.size {
            SizeName::School => Size::School,
            SizeName::University => Size::University,
            SizeName::National => Size::National,
        },
        years: arguments.years,
        now,
        seed: 2026,
        // The demo is for people, so it has no dirty rows.
        dirty: false,
    };
    let generated = tokio::task::spawn_blocking(move || generate(&plan));
    let mut library = generated.await.context("generating a library")?;
    // Visits of today that are still in the future are left out.
    library.visits.retain(|visit| {
        let at = visit.checkin_date.calendar();
        at.is_none_or(|at| at <= now || at.date() > now.date())
    });
    let (visits, loans) = (library.visits.len(), library.loans.len());
    line.finish(&format!(
        "generated a library: {visits} visits, {loans} loans"
    ));
    Ok(Arc::new(library))
}

async fn load_library(mariadb: &MariaDb, library: &Arc<Library>, engine: EngineName) -> Result<()> {
    let mut line = StatusLine::new();
    let engine = match engine {
        EngineName::Myisam => Engine::MyIsam,
        EngineName::Innodb => Engine::InnoDb,
    };
    let shape = Shape {
        engine,
        ..Shape::default()
    };
    let progress = |table: &'static str, done: usize, total: usize| {
        line.show(&format!("loading {table}: {} %", done * 100 / total.max(1)));
    };
    load(mariadb.opts(None), DATABASE, library, &shape, progress).await?;
    line.finish(&format!("loaded it into {engine} tables"));
    Ok(())
}

/// Waits until the gateway serves today's count and all snapshots.
async fn wait_until_ready(port: u16, processes: &mut [Process]) -> Result<()> {
    let mut line = StatusLine::new();
    let started = Instant::now();
    loop {
        fail_if_ended(processes)?;
        let mut missing = Vec::new();
        for path in PATHS.into_iter().chain(["visitors/today"]) {
            let response = fetch(port, &format!("/api/{path}")).await;
            if !matches!(response, Ok((200, _))) {
                missing.push(path);
            }
        }
        if missing.is_empty() {
            line.finish("worker and gateway are ready");
            return Ok(());
        }
        line.show(&format!(
            "worker and gateway are warming up: {} responses are missing",
            missing.len()
        ));
        if started.elapsed() > READY_LIMIT {
            let logs: Vec<_> = processes.iter().map(Process::log_tail).collect();
            let (missing, logs) = (missing.join(", "), logs.join("\n"));
            bail!("not ready after {READY_LIMIT:?}: {missing}\n{logs}");
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Prints the dashboard's address last, where the eye looks for it.
fn print_addresses(port: u16, processes: &[Process]) {
    let at = format!("http://127.0.0.1:{port}");
    println!("\nLobby  {at}/?view=lobby");
    println!("API    {at}/docs  to read and to try");
    println!("Watch  curl -N {at}/api/visitors/today/stream");
    println!("Fetch  curl {at}/api/visitors/summary");
    println!("       curl {at}/api/books/circulation  what is on loan, every 10 seconds");
    println!("Health curl {at}/health");
    for process in processes {
        println!("Log    {}", process.log_path().display());
    }
    println!(
        "\nA visitor comes about every two seconds; many lend or return a book. Ctrl-C ends it all."
    );
    println!("\nOpen   {at}/");
}

/// Opens `url` if there is a desktop. Over a remote login it does nothing, since the address is printed.
#[allow(
    clippy::disallowed_methods,
    reason = "whether there is a screen is no configuration"
)]
fn open_browser(url: &str) {
    let is_set = |name: &&str| std::env::var_os(name).is_some();
    if ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(is_set) {
        let opener = Command::new("xdg-open")
            .arg(url)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        // If this fails, the address is on the terminal.
        drop(opener);
    }
}

/// Inserts visits and loans for ever. While MariaDB does not answer, for example because you have stopped it, nobody checks in.
async fn insert_visits(
    mariadb: &MariaDb,
    zone: Tz,
    library: Arc<Library>,
    processes: &mut [Process],
) -> Result<()> {
    let connect = || Conn::new(mariadb.opts(Some(DATABASE)));
    let conn = connect().await;
    let mut conn = conn.context("connecting to insert visits")?;
    let library = Arc::unwrap_or_clone(library);
    let mut check_ins = CheckIns::new(library, u64::from(std::process::id()));
    loop {
        tokio::time::sleep(check_ins.interval()).await;
        fail_if_ended(processes)?;
        if check_ins.insert(&mut conn, wall_now(zone)).await.is_err() {
            conn = connect().await.unwrap_or(conn);
        }
    }
}

/// Fails if the worker or the gateway has ended.
fn fail_if_ended(processes: &mut [Process]) -> Result<()> {
    for process in processes {
        if let Some(status) = process.try_exit()? {
            let log = process.log_tail();
            bail!("a process has ended, {status}; the end of its log:\n{log}");
        }
    }
    Ok(())
}

/// The current time on the library's wall clock.
#[allow(clippy::disallowed_methods, reason = "the visits are of today")]
fn wall_now(zone: Tz) -> NaiveDateTime {
    Utc::now().with_timezone(&zone).naive_local()
}
