//! The private servers, and the workers and gateways with their own proxies to the servers.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use chrono::Timelike as _;
use chrono_tz::Tz;
use mysql_async::Conn;
use mysql_async::prelude::Queryable as _;
use nix::sys::signal::Signal;
use testkit::fault_proxy::FaultProxy;
use testkit::generate::{Plan, Size, generate};
use testkit::load::load;
use testkit::mariadb::{MariaDb, MariaDbOptions};
use testkit::process::{Process, free_port};
use testkit::schema::{Engine, Shape, tables};
use testkit::server::Redis;

use crate::report::Report;
use crate::visits::now;

pub(crate) const DATABASE: &str = "chaos";
const PASSWORD: &str = "read-only";
/// The gateway drains for a second; the rest is for a busy machine.
const STOP_LIMIT: Duration = Duration::from_secs(20);
/// The engine at the start. Each round begins with a conversion to the next one.
const SHAPE: Shape = Shape {
    engine: Engine::MyIsam,
    ..Shape::SLIMS_9_6
};
/// A killed server repairs its MyISAM tables when they are used again. This is the default of MariaDB, not of MySQL.
const REPAIR: &str = "--myisam-recover-options=BACKUP,QUICK";

/// The private servers.
pub(crate) struct Servers {
    pub(crate) zone: Tz,
    pub(crate) mariadb: MariaDb,
    pub(crate) redis: Redis,
}

/// A worker or a gateway, which can be started again.
pub(crate) struct Instance {
    pub(crate) name: String,
    pub(crate) port: u16,
    pub(crate) process: Process,
    binary: &'static str,
    env: Vec<(&'static str, String)>,
    is_ending: bool,
    /// What its ended processes have logged.
    old_logs: String,
}

/// A network connection, with a name for the report.
pub(crate) type Link = (String, FaultProxy);

impl Servers {
    pub(crate) async fn start(seed: u64) -> Result<Self> {
        let options = MariaDbOptions {
            extra: vec![REPAIR.to_owned()],
            ..MariaDbOptions::default()
        };
        let servers = Self {
            zone: zone_at_noon()?,
            mariadb: MariaDb::start(&options).await?,
            redis: Redis::start().await?,
        };
        servers.load_library(seed).await?;
        Ok(servers)
    }

    /// A small library without visits of today.
    async fn load_library(&self, seed: u64) -> Result<()> {
        let plan = Plan {
            size: Size::Tiny,
            years: 1,
            now: now().with_timezone(&self.zone).naive_local(),
            seed,
            dirty: false,
        };
        let mut library = generate(&plan);
        let today = plan.now.date();
        library.visits.retain(|visit| {
            let date = visit.checkin_date.date.calendar();
            date.is_some_and(|date| date < today)
        });
        let root = self.mariadb.opts(None);
        load(root, DATABASE, &Arc::new(library), &SHAPE, |_, _, _| ()).await?;
        self.mariadb
            .grant_select(DATABASE, PASSWORD, DATABASE)
            .await
    }

    /// A connection for the only client that writes to `table`. Repairs it first, if it is MyISAM's: a server that was
    /// killed may have stored a row twice, which ends the next conversion.
    pub(crate) async fn connect_to_write(&self, table: &str) -> mysql_async::Result<Conn> {
        let mut conn = Conn::new(self.mariadb.opts(Some(DATABASE))).await?;
        conn.query_drop(format!("REPAIR TABLE {table}")).await?;
        Ok(conn)
    }

    /// Converts every table to `engine`, as an administrator does while all else works.
    pub(crate) async fn convert(&self, engine: Engine) -> Result<()> {
        let mut conn = Conn::new(self.mariadb.opts(Some(DATABASE))).await?;
        // A statement that holds a table for so long is a finding.
        conn.query_drop("SET SESSION lock_wait_timeout = 30")
            .await?;
        for table in tables(&SHAPE) {
            let name = table.name;
            conn.query_drop(format!("ALTER TABLE {name} ENGINE = {engine}"))
                .await
                .with_context(|| format!("converting {name} to {engine}"))?;
        }
        Ok(conn.disconnect().await?)
    }

    /// Continues frozen servers, and starts those that are down.
    pub(crate) async fn heal(&self) -> Result<()> {
        // Thawing fails if the server does not run.
        if self.redis.thaw().is_err() {
            self.redis.start_again().await?;
        }
        if self.mariadb.thaw().is_err() {
            self.mariadb.start_again().await?;
        }
        Ok(())
    }
}

impl Instance {
    pub(crate) async fn worker(
        index: u64,
        servers: &Servers,
        links: &mut Vec<Link>,
    ) -> Result<Self> {
        let (name, port) = (format!("worker {index}"), free_port()?);
        let mariadb = link(links, &format!("{name} to MariaDB"), servers.mariadb.port()).await?;
        let env = vec![
            ("WORKER_PORT", port.to_string()),
            ("MYSQL_HOST", "127.0.0.1".to_owned()),
            ("MYSQL_PORT", mariadb.to_string()),
            ("MYSQL_USER", DATABASE.to_owned()),
            ("MYSQL_PASSWORD", PASSWORD.to_owned()),
            ("MYSQL_DATABASE", DATABASE.to_owned()),
            ("LIBRARY_TIMEZONE", servers.zone.name().to_owned()),
            // Every half minute, so that faults hit a refresh.
            ("VISITOR_SLOW_CRON", "*/30 * * * * *".to_owned()),
            ("BOOKS_SLOW_CRON", "15-59/30 * * * * *".to_owned()),
            ("CIRCULATION_INTERVAL_SECONDS", "10".to_owned()),
        ];
        Self::start("worker", name, port, env, servers, links).await
    }

    pub(crate) async fn gateway(
        index: u64,
        servers: &Servers,
        links: &mut Vec<Link>,
    ) -> Result<Self> {
        let (name, port) = (format!("gateway {index}"), free_port()?);
        let env = vec![
            ("HOST", "127.0.0.1".to_owned()),
            ("PORT", port.to_string()),
            ("SHUTDOWN_DRAIN_SECONDS", "1".to_owned()),
        ];
        Self::start("gateway", name, port, env, servers, links).await
    }

    async fn start(
        binary: &'static str,
        name: String,
        port: u16,
        mut env: Vec<(&'static str, String)>,
        servers: &Servers,
        links: &mut Vec<Link>,
    ) -> Result<Self> {
        let redis = link(links, &format!("{name} to Redis"), servers.redis.port()).await?;
        env.push(("REDIS_URL", format!("redis://127.0.0.1:{redis}")));
        env.push(("REDIS_KEY_PREFIX", format!("{DATABASE}:")));
        let process = Process::spawn(binary, &env)?;
        Ok(Self {
            name,
            port,
            process,
            binary,
            env,
            is_ending: false,
            old_logs: String::new(),
        })
    }

    /// Sends a signal that ends the process. [`restart`](Self::restart) must follow.
    pub(crate) fn end(&mut self, signal: Signal) -> Result<()> {
        self.is_ending = true;
        self.process.signal(signal)
    }

    /// Waits for the end of the process, and starts it again.
    pub(crate) async fn restart(&mut self) -> Result<()> {
        self.process.wait_exit(STOP_LIMIT).await?;
        self.old_logs.push_str(&self.process.log());
        self.process = Process::spawn(self.binary, &self.env)?;
        self.is_ending = false;
        Ok(())
    }

    /// Stores what it has logged so far in `folder`.
    pub(crate) fn store_log(&self, folder: &Path) -> Result<()> {
        let log = format!("{}{}", self.old_logs, self.process.log());
        fs::create_dir_all(folder).context("creating the folder of the logs")?;
        fs::write(folder.join(&self.name), log).context("storing a log")
    }

    /// Continues a frozen process, and completes a restart that was interrupted.
    pub(crate) async fn heal(&mut self, report: &Report) -> Result<()> {
        if self.is_ending {
            return self.restart().await;
        }
        if let Some(status) = self.process.try_exit()? {
            let log = self.process.log_tail();
            report.finding(format!("{} has ended, {status}:\n{log}", self.name));
            return self.restart().await;
        }
        self.process.signal(Signal::SIGCONT)
    }
}

/// Adds a proxy to `target`, and returns its port.
async fn link(links: &mut Vec<Link>, name: &str, target: u16) -> Result<u16> {
    let proxy = FaultProxy::to(target, links.len() as u64).await?;
    let port = proxy.port();
    links.push((name.to_owned(), proxy));
    Ok(port)
}

/// A zone in which it is about noon, so that midnight does not come during a run.
fn zone_at_noon() -> Result<Tz> {
    let hours = 12 - i64::from(now().hour());
    // The signs of these names are reversed.
    let name = format!("Etc/GMT{:+}", -hours);
    name.parse().ok().with_context(|| format!("no zone {name}"))
}
