//! The real worker, released, on a library: once, or until it is told to stop.

use crate::meter::Meter;
use crate::redis::{Connection, Reply};
use anyhow::{Context as _, Result, bail, ensure};
use nix::sys::signal::Signal;
use shared::catalog::Snapshot;
use shared::keys::Keys;
use std::process::Command;
use std::time::{Duration, Instant};
use testkit::process::{Process, binary_path};
use testkit::server::Redis;
use tokio::time::sleep;

/// Of all waiting below: fine beside seconds, and nothing for a core.
const LOOK: Duration = Duration::from_millis(5);
/// A full regeneration of fifty million rows, with pauses, on a busy machine.
const LIMIT: Duration = Duration::from_secs(3600);
/// To say goodbye.
const END_LIMIT: Duration = Duration::from_secs(15);
/// A day that no run is on: the daily figures are made when we say so.
const NEVER: &str = "0 0 29 2 *";
/// What share of the time the daily job may read, in percent; older workers have no pauses.
const DUTY: &str = "REFRESH_DUTY_PERCENT";

/// How it is started.
#[derive(Clone, Debug)]
pub struct Worker {
    env: Vec<(&'static str, String)>,
    redis_port: u16,
    has_duty: bool,
}

/// One full regeneration.
#[derive(Clone, Copy, Debug)]
pub struct Refreshed {
    /// From the start of the process to its end.
    pub took: Duration,
    /// The most memory that it had, in bytes.
    pub peak: u64,
}

/// One that serves. Dropping it kills it.
#[derive(Debug)]
pub struct Serving {
    /// What it uses.
    pub meter: Meter,
    process: Process,
}

impl Worker {
    /// On the database of a server on this machine, with the default of every other variable.
    ///
    /// # Errors
    /// When it has not been built.
    pub fn of(
        mysql_port: u16,
        database: &str,
        account: (&str, &str),
        redis: &Redis,
    ) -> Result<Self> {
        let help = Command::new(binary_path("worker")?).arg("--help").output();
        let help = help.context("asking the worker for its variables")?.stdout;
        let env = vec![
            ("MYSQL_HOST", "127.0.0.1".to_owned()),
            ("MYSQL_PORT", mysql_port.to_string()),
            ("MYSQL_USER", account.0.to_owned()),
            ("MYSQL_PASSWORD", account.1.to_owned()),
            ("MYSQL_DATABASE", database.to_owned()),
            ("REDIS_URL", redis.url()),
            ("WORKER_PORT", "0".to_owned()),
            ("VISITOR_SLOW_CRON", NEVER.to_owned()),
            ("BOOKS_SLOW_CRON", NEVER.to_owned()),
            ("LOG_FORMAT", "text".to_owned()),
        ];
        Ok(Self {
            env,
            redis_port: redis.port(),
            has_duty: String::from_utf8_lossy(&help).contains(DUTY),
        })
    }

    /// The same with one variable more.
    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.env.push((name, value.to_string()));
        self
    }

    /// The same without the pauses of the daily job.
    pub fn without_pauses(self) -> Self {
        if self.has_duty {
            self.with(DUTY, 100)
        } else {
            self
        }
    }

    /// Whether the daily job of this worker has pauses.
    pub fn has_pauses(&self) -> bool {
        self.has_duty
    }

    /// Makes all daily figures once.
    ///
    /// # Errors
    /// When one was not made, or not in an hour.
    pub async fn refresh(&self) -> Result<Refreshed> {
        let began = Instant::now();
        let mut process = Process::spawn_at(&binary_path("worker")?, &["refresh"], &self.env)?;
        let (meter, mut peak) = (Meter::of(process.pid()), 0);
        let status = loop {
            // One that has just ended has no memory; what it had a moment before is the peak.
            peak = meter.peak().unwrap_or(peak);
            if let Some(status) = process.try_exit()? {
                break status;
            }
            ensure!(began.elapsed() < LIMIT, "no end: {}", process.log_tail());
            sleep(LOOK).await;
        };
        let took = began.elapsed();
        ensure!(status.success(), "{status}: {}", process.log_tail());
        Ok(Refreshed { took, peak })
    }

    /// Starts it on an empty Redis; gives also how long it took until every snapshot stood there.
    ///
    /// # Errors
    /// When it ends, or one is still missing after an hour.
    pub async fn start(&self) -> Result<(Serving, Duration)> {
        let mut redis = Connection::open(self.redis_port)?;
        redis.command(&[b"FLUSHALL"])?;
        let keys = Snapshot::ALL.map(|snapshot| Keys::default().snapshot(snapshot));
        let words = std::iter::once(b"EXISTS".as_slice());
        let exist: Vec<&[u8]> = words.chain(keys.iter().map(String::as_bytes)).collect();
        let all = i64::try_from(keys.len()).context("a number of snapshots")?;
        let began = Instant::now();
        let mut serving = self.serve()?;
        while redis.command(&exist)? != Reply::Number(all) {
            serving.still_running()?;
            ensure!(
                began.elapsed() < LIMIT,
                "not all snapshots: {}",
                serving.process.log_tail()
            );
            sleep(LOOK).await;
        }
        Ok((serving, began.elapsed()))
    }

    /// Starts it.
    ///
    /// # Errors
    /// When it has not been built.
    pub fn serve(&self) -> Result<Serving> {
        let process = Process::spawn_at(&binary_path("worker")?, &[], &self.env)?;
        Ok(Serving {
            meter: Meter::of(process.pid()),
            process,
        })
    }
}

impl Serving {
    /// An error with the end of its log when it has ended.
    ///
    /// # Errors
    /// That.
    pub fn still_running(&mut self) -> Result<()> {
        match self.process.try_exit()? {
            None => Ok(()),
            Some(status) => bail!(
                "the worker has ended, {status}: {}",
                self.process.log_tail()
            ),
        }
    }

    /// Ends it in good order.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn stop(mut self) -> Result<()> {
        self.process.signal(Signal::SIGTERM)?;
        self.process.wait_exit(END_LIMIT).await.map(drop)
    }
}
