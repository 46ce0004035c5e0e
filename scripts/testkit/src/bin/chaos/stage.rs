//! The servers, workers and gateways of a soak, each with its own proxies.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use chrono::Timelike as _;
use chrono_tz::Tz;
use nix::sys::signal::Signal;
use testkit::generate::{Plan, Size, generate};
use testkit::load::load;
use testkit::mariadb::{MariaDb, MariaDbOptions};
use testkit::process::{Process, binary_path, free_port};
use testkit::road::Road;
use testkit::schema::{Engine, Shape};
use testkit::server::Redis;

use crate::desk::{Truth, now};

const PASSWORD: &str = "read-only";
/// The gateway drains for a second; the rest is for a busy machine.
const END_LIMIT: Duration = Duration::from_secs(20);

/// A private MariaDB and Redis.
pub(crate) struct Servers {
    pub(crate) maria: MariaDb,
    pub(crate) redis: Redis,
    pub(crate) zone: Tz,
}

/// A worker or a gateway that is killed and started again.
pub(crate) struct Unit {
    pub(crate) name: String,
    /// The port of a gateway, or the health port of a worker.
    pub(crate) port: u16,
    binary: PathBuf,
    env: Vec<(&'static str, String)>,
    pub(crate) process: Process,
    pub(crate) to_redis: Arc<Road>,
    pub(crate) to_mysql: Option<Arc<Road>>,
}

impl Servers {
    pub(crate) async fn start() -> Result<Self> {
        let zone = zone_at_noon()?;
        let options = MariaDbOptions {
            // Three for each worker, of whom there may be many.
            extra: vec!["--max-connections=1000".to_owned()],
            ..MariaDbOptions::default()
        };
        let (maria, redis) = (MariaDb::start(&options).await?, Redis::start().await?);
        Ok(Self { maria, redis, zone })
    }

    /// A small library named `database`; gives the truth about today.
    pub(crate) async fn library(&self, database: &str, seed: u64) -> Result<Truth> {
        let wall = now().with_timezone(&self.zone).naive_local();
        let plan = Plan {
            size: Size::Tiny,
            years: 1,
            now: wall,
            seed,
            dirty: false,
        };
        let mut library = generate(&plan);
        library.visits.retain(|visit| {
            let at = visit.checkin_date.calendar();
            at.is_some_and(|at| at.date() < wall.date())
        });
        let shape = Shape {
            engine: Engine::InnoDb,
            ..Shape::default()
        };
        let opts = self.maria.opts(None);
        load(opts, database, &Arc::new(library), &shape, |_, _, _| ()).await?;
        self.maria
            .grant_select(database, PASSWORD, database)
            .await?;
        Ok(Truth::starting_with(0, self.zone))
    }

    /// A worker on `database`, whose keys begin with its name.
    pub(crate) async fn worker(&self, name: &str, database: &str, seed: u64) -> Result<Unit> {
        self.worker_of(name, database, database, seed).await
    }

    /// A worker on `database`, whose keys begin with `prefix`.
    pub(crate) async fn worker_of(
        &self,
        name: &str,
        database: &str,
        prefix: &str,
        seed: u64,
    ) -> Result<Unit> {
        let to_mysql = Road::to(self.maria.port(), seed).await?;
        let to_redis = Road::to(self.redis.port(), seed + 1).await?;
        let port = free_port()?;
        let env = vec![
            ("WORKER_PORT", port.to_string()),
            ("MYSQL_HOST", "127.0.0.1".to_owned()),
            ("MYSQL_PORT", to_mysql.port().to_string()),
            ("MYSQL_USER", database.to_owned()),
            ("MYSQL_PASSWORD", PASSWORD.to_owned()),
            ("MYSQL_DATABASE", database.to_owned()),
            ("LIBRARY_TIMEZONE", self.zone.name().to_owned()),
            // Made every half minute, so that faults meet them.
            ("VISITOR_SLOW_CRON", "*/30 * * * * *".to_owned()),
            ("BOOKS_SLOW_CRON", "15-59/30 * * * * *".to_owned()),
        ];
        Unit::start("worker", name, port, prefix, env, to_redis, Some(to_mysql))
    }

    /// A gateway for `database`.
    pub(crate) async fn gateway(&self, name: &str, database: &str, seed: u64) -> Result<Unit> {
        let to_redis = Road::to(self.redis.port(), seed).await?;
        let port = free_port()?;
        let env = vec![
            ("HOST", "127.0.0.1".to_owned()),
            ("PORT", port.to_string()),
            ("SHUTDOWN_DRAIN_SECONDS", "1".to_owned()),
        ];
        Unit::start("gateway", name, port, database, env, to_redis, None)
    }
}

impl Unit {
    fn start(
        binary: &str,
        name: &str,
        port: u16,
        prefix: &str,
        mut env: Vec<(&'static str, String)>,
        to_redis: Road,
        to_mysql: Option<Road>,
    ) -> Result<Self> {
        let binary = binary_path(binary)?;
        let url = format!("redis://127.0.0.1:{}", to_redis.port());
        env.push(("REDIS_URL", url));
        env.push(("REDIS_KEY_PREFIX", format!("{prefix}:")));
        let process = Process::spawn_at(&binary, &[], &env)?;
        Ok(Self {
            name: name.to_owned(),
            port,
            binary,
            env,
            process,
            to_redis: Arc::new(to_redis),
            to_mysql: to_mysql.map(Arc::new),
        })
    }

    /// Ends it and starts it again.
    pub(crate) async fn restart(&mut self, signal: Signal) -> Result<()> {
        self.process.signal(signal)?;
        self.process.wait_exit(END_LIMIT).await?;
        self.start_again()
    }

    pub(crate) fn start_again(&mut self) -> Result<()> {
        self.process = Process::spawn_at(&self.binary, &[], &self.env)?;
        Ok(())
    }

    /// Open file descriptors, and resident memory in KiB.
    pub(crate) fn size(&self) -> Result<(usize, u64)> {
        let proc = PathBuf::from(format!("/proc/{}", self.process.pid()));
        let files = std::fs::read_dir(proc.join("fd")).context("counting descriptors")?;
        let status = std::fs::read_to_string(proc.join("status")).context("asking for memory")?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let resident = resident.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        Ok((files.count(), resident.context("no memory is told")?))
    }
}

/// A zone in which it is about noon: no soak is long enough for midnight to come.
fn zone_at_noon() -> Result<Tz> {
    let hours = 12 - i64::from(now().hour());
    // The signs of these names are turned around.
    let name = match hours {
        0 => "Etc/GMT".to_owned(),
        1.. => format!("Etc/GMT-{hours}"),
        _ => format!("Etc/GMT+{}", -hours),
    };
    name.parse().ok().with_context(|| format!("no zone {name}"))
}
