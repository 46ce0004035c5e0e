//! The parts of the demo, and the order in which they start and stop.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use chrono::{NaiveDateTime, Utc};
use chrono_tz::Tz;
use mysql_async::Conn;
use nix::sys::signal::Signal;
use testkit::generate::{Plan, Size, generate};
use testkit::library::Library;
use testkit::load::load;
use testkit::mariadb::{MariaDb, MariaDbOptions};
use testkit::oracle::PATHS;
use testkit::process::{Process, binary_path, free_port};
use testkit::schema::{Engine, Shape};
use testkit::server::Redis;

use crate::checkins::Desk;
use crate::desktop;
use crate::probe;
use crate::screen::Line;

const DATABASE: &str = "slims";

/// A large library on a small machine takes a few minutes to count for the first time.
const READY_LIMIT: Duration = Duration::from_secs(600);

/// The gateway drains for two seconds, as set below; the rest is for a busy machine.
const END_LIMIT: Duration = Duration::from_secs(15);

/// How often the demo checks whether the gateway serves everything.
const POLL: Duration = Duration::from_millis(250);

/// The options of the command line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wishes {
    pub(crate) size: Size,
    pub(crate) years: u32,
    pub(crate) port: u16,
    pub(crate) zone: Tz,
    pub(crate) engine: Engine,
}

/// Everything that runs. Each part ends when it is dropped; [`clear`](Self::clear) stops them in order.
#[derive(Debug, Default)]
pub(crate) struct Stage {
    gateway: Option<Process>,
    worker: Option<Process>,
    redis: Option<Redis>,
    maria: Option<MariaDb>,
}

impl Stage {
    /// Starts everything and inserts visits, until something fails.
    pub(crate) async fn play(&mut self, wishes: &Wishes) -> Result<()> {
        // Asked for first: finding out after a long load would be unkind.
        let (worker, gateway) = (binary_path("worker")?, binary_path("gateway")?);
        let port = port(wishes.port)?;
        let line = Line::new();
        let options = MariaDbOptions {
            buffer_pool_mib: 512,
            ..MariaDbOptions::default()
        };
        self.maria = Some(MariaDb::start(&options).await?);
        self.redis = Some(Redis::start().await?);
        line.end("MariaDB and Redis are up");
        let (Some(maria), Some(redis)) = (&self.maria, &self.redis) else {
            bail!("the servers have gone")
        };
        let library = generate_library(wishes).await?;
        fill(maria, &library, wishes.engine).await?;
        maria
            .grant_select("dashboard", "read-only", DATABASE)
            .await?;

        let mut env = vec![
            ("MYSQL_HOST", "127.0.0.1".to_owned()),
            ("MYSQL_PORT", maria.port().to_string()),
            ("MYSQL_USER", "dashboard".to_owned()),
            ("MYSQL_PASSWORD", "read-only".to_owned()),
            ("MYSQL_DATABASE", DATABASE.to_owned()),
            ("LIBRARY_TIMEZONE", wishes.zone.name().to_owned()),
            // The tables have no index on a date, and the number is to move each second.
            ("TODAY_COUNT_MODE", "delta".to_owned()),
            ("WORKER_PORT", free_port()?.to_string()),
        ];
        let both = [
            ("REDIS_URL", redis.url()),
            ("LOG_FORMAT", "text".to_owned()),
        ];
        env.extend(both.iter().cloned());
        self.worker = Some(Process::spawn_at(&worker, &[], &env)?);
        let mut env = vec![
            ("HOST", "127.0.0.1".to_owned()),
            ("PORT", port.to_string()),
            ("SHUTDOWN_DRAIN_SECONDS", "2".to_owned()),
        ];
        env.extend(both);
        self.gateway = Some(Process::spawn_at(&gateway, &[], &env)?);
        self.ready(port).await?;
        self.greet(port);
        desktop::open(&format!("http://127.0.0.1:{port}/"));
        self.let_in(port, wishes.zone, &library).await
    }

    /// Waits until today's count and all snapshots are there.
    async fn ready(&mut self, port: u16) -> Result<()> {
        let mut line = Line::new();
        loop {
            self.still_running()?;
            let today = probe::today(port).await;
            let mut missing = Vec::new();
            for path in PATHS {
                if !matches!(
                    probe::get(port, &format!("/api/{path}")).await,
                    Ok((200, _))
                ) {
                    missing.push(path);
                }
            }
            if today.is_some() && missing.is_empty() {
                line.end(&format!(
                    "worker and gateway are ready: {} snapshots and today's count",
                    PATHS.len()
                ));
                return Ok(());
            }
            let there = PATHS.len() - missing.len();
            line.show(&format!(
                "worker and gateway are warming up: {there} of {} snapshots",
                PATHS.len()
            ));
            if line.elapsed() > READY_LIMIT {
                bail!(
                    "not ready after {READY_LIMIT:?}: {}\n{}",
                    missing.join(", "),
                    self.tails()
                );
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Prints what the demo shows and where.
    fn greet(&self, port: u16) {
        let at = format!("http://127.0.0.1:{port}");
        println!("\nOpen   {at}/  the dashboard\n");
        println!("       {at}/?view=lobby  the lobby's screen");
        println!("       {at}/docs  the API, to read and to try");
        println!("Watch  curl -N {at}/api/visitors/today/stream");
        println!("Fetch  curl {at}/api/visitors/summary");
        println!("Health curl {at}/health");
        for (name, process) in [("worker", &self.worker), ("gateway", &self.gateway)] {
            if let Some(process) = process {
                println!("Log    {name}: {}", process.log_path().display());
            }
        }
        println!("\nPeople come in about every two seconds. Ctrl-C ends it all.\n");
    }

    /// Inserts visits forever.
    async fn let_in(&mut self, port: u16, zone: Tz, library: &Library) -> Result<()> {
        let opts = self
            .maria
            .as_ref()
            .context("the database has gone")?
            .opts(Some(DATABASE));
        let mut conn = Conn::new(opts)
            .await
            .context("connecting the check-in desk")?;
        let mut desk = Desk::new(library.members.clone(), u64::from(std::process::id()));
        let mut line = Line::new();
        let mut who = "nobody yet".to_owned();
        let mut next = Instant::now() + desk.gap();
        loop {
            self.still_running()?;
            if Instant::now() >= next {
                next += desk.gap();
                who = desk.check_in(&mut conn, wall_now(zone)).await?;
            }
            let today = probe::today(port)
                .await
                .map_or("unknown".to_owned(), |total| total.to_string());
            line.show(&format!("today: {today}, last in: {who}"));
            tokio::time::sleep(POLL).await;
        }
    }

    /// An error with the end of its log when the worker or the gateway has ended.
    fn still_running(&mut self) -> Result<()> {
        for (name, process) in [("worker", &mut self.worker), ("gateway", &mut self.gateway)] {
            let Some(process) = process else { continue };
            if let Some(status) = process.try_exit()? {
                bail!(
                    "the {name} ended by itself, {status}; the end of its log:\n{}",
                    process.log_tail()
                );
            }
        }
        Ok(())
    }

    /// The ends of both logs.
    fn tails(&self) -> String {
        let tail =
            |process: &Option<Process>| process.as_ref().map(Process::log_tail).unwrap_or_default();
        format!(
            "worker:\n{}\ngateway:\n{}",
            tail(&self.worker),
            tail(&self.gateway)
        )
    }

    /// Stops everything, the gateway first, and removes every folder.
    pub(crate) async fn clear(&mut self) -> Result<()> {
        let mut outcome = Ok(());
        for process in [&mut self.gateway, &mut self.worker] {
            if let Some(mut process) = process.take()
                && process.try_exit()?.is_none()
            {
                process.signal(Signal::SIGTERM)?;
                outcome = outcome.and(process.wait_exit(END_LIMIT).await.map(drop));
            }
        }
        drop(self.redis.take());
        drop(self.maria.take());
        outcome
    }
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

/// Generates the library, off the runtime's threads.
async fn generate_library(wishes: &Wishes) -> Result<Arc<Library>> {
    let line = Line::new();
    let now = wall_now(wishes.zone);
    let plan = Plan {
        size: wishes.size,
        years: wishes.years,
        now,
        seed: 2026,
        // The demo is for people, so it has no dirty rows.
        dirty: false,
    };
    let made = tokio::task::spawn_blocking(move || {
        let mut library = generate(&plan);
        // Visits of today that are still in the future are left out.
        library.visits.retain(|visit| {
            visit
                .checkin_date
                .calendar()
                .is_none_or(|at| at <= now || at.date() > now.date())
        });
        library
    });
    let library = made.await.context("cannot generate a library")?;
    let (visits, loans) = (library.visits.len(), library.loans.len());
    line.end(&format!(
        "generated a library: {visits} visits, {loans} loans"
    ));
    Ok(Arc::new(library))
}

/// Puts the library into the database, with a line of progress.
async fn fill(maria: &MariaDb, library: &Arc<Library>, engine: Engine) -> Result<()> {
    let mut line = Line::new();
    let shape = Shape {
        engine,
        ..Shape::default()
    };
    let progress = |table: &'static str, done: usize, total: usize| {
        line.show(&format!("loading {table}: {} %", done * 100 / total.max(1)));
    };
    load(maria.opts(None), DATABASE, library, &shape, progress).await?;
    line.end(&format!("it is loaded into {engine} tables"));
    Ok(())
}

/// The present moment on the library's wall clock.
#[allow(clippy::disallowed_methods, reason = "the demo lives in the present")]
fn wall_now(zone: Tz) -> NaiveDateTime {
    Utc::now().with_timezone(&zone).naive_local()
}
