//! The worker's process: a single pass, or a worker that serves.

use super::library::{Library, PASSWORD};
use crate::process_stats::ProcessStats;
use crate::redis_connection::RedisConnection;
use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::Signal;
use shared::catalog::Snapshot;
use shared::keys::Keys;
use std::time::{Duration, Instant};
use testkit::process::{Process, binary_path};
use testkit::server::Redis;
use tokio::time::sleep;

/// How often the state is checked: often enough for seconds.
const POLL: Duration = Duration::from_millis(5);
/// Ten million rows take minutes, with pauses and on a busy machine.
const PASS_LIMIT: Duration = Duration::from_secs(1800);
const STOP_LIMIT: Duration = Duration::from_secs(15);
/// A day on which no benchmark runs.
const NEVER: &str = "0 0 29 2 *";

/// The environment of a worker.
#[derive(Clone, Debug)]
pub(crate) struct WorkerSettings {
    env: Vec<(&'static str, String)>,
    redis_port: u16,
}

/// One pass over all daily figures.
pub(crate) struct Pass {
    /// From the start of the process to its end.
    pub(crate) duration: Duration,
    /// In bytes.
    pub(crate) peak_memory: u64,
}

/// A worker that serves. Dropping it kills the process.
#[derive(Debug)]
pub(crate) struct RunningWorker {
    /// What it uses.
    pub(crate) stats: ProcessStats,
    process: Process,
}

impl WorkerSettings {
    /// Every other variable has its default, and the daily figures are only computed at the start.
    pub(crate) fn new(mysql_port: u16, library: &Library, redis: &Redis) -> Self {
        let env = vec![
            ("MYSQL_HOST", "127.0.0.1".to_owned()),
            ("MYSQL_PORT", mysql_port.to_string()),
            ("MYSQL_USER", library.database.clone()),
            ("MYSQL_PASSWORD", PASSWORD.to_owned()),
            ("MYSQL_DATABASE", library.database.clone()),
            ("REDIS_URL", redis.url()),
            ("LIBRARY_TIMEZONE", "UTC".to_owned()),
            ("WORKER_PORT", "0".to_owned()),
            ("VISITOR_SLOW_CRON", NEVER.to_owned()),
            ("BOOKS_SLOW_CRON", NEVER.to_owned()),
        ];
        Self {
            env,
            redis_port: redis.port(),
        }
    }

    /// Adds a variable.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.env.push((name, value.to_owned()));
        self
    }

    /// Computes all daily figures once, and waits for the end.
    pub(crate) async fn run_pass(&self) -> Result<Pass> {
        let began = Instant::now();
        let mut process = Process::spawn_at(&binary_path("worker")?, &["refresh"], &self.env)?;
        let (stats, mut peak_memory) = (ProcessStats::new(process.pid()), 0);
        let status = loop {
            // A process that has just ended has no memory; the last value is the peak.
            peak_memory = stats.peak_memory().unwrap_or(peak_memory);
            if let Some(status) = process.try_exit()? {
                break status;
            }
            let late = began.elapsed() > PASS_LIMIT;
            ensure!(!late, "the pass does not end: {}", process.log_tail());
            sleep(POLL).await;
        };
        let duration = began.elapsed();
        ensure!(status.success(), "{status}: {}", process.log_tail());
        Ok(Pass {
            duration,
            peak_memory,
        })
    }

    /// Starts a worker on an empty Redis. Returns it with the time until every snapshot existed.
    pub(crate) async fn start(&self) -> Result<(RunningWorker, Duration)> {
        let mut redis = RedisConnection::open(self.redis_port)?;
        redis.command(&[b"FLUSHALL"])?;
        let keys = Snapshot::ALL.map(|snapshot| Keys::default().snapshot(snapshot));
        let command = std::iter::once(b"EXISTS".as_slice());
        let exists: Vec<&[u8]> = command.chain(keys.iter().map(String::as_bytes)).collect();
        let began = Instant::now();
        let process = Process::spawn_at(&binary_path("worker")?, &[], &self.env)?;
        let mut worker = RunningWorker {
            stats: ProcessStats::new(process.pid()),
            process,
        };
        while redis.command(&exists)? != keys.len().to_string() {
            worker.ensure_running()?;
            let late = began.elapsed() > PASS_LIMIT;
            ensure!(!late, "missing snapshots: {}", worker.process.log_tail());
            sleep(POLL).await;
        }
        Ok((worker, began.elapsed()))
    }
}

impl RunningWorker {
    /// Fails with the end of the log if the worker has ended.
    pub(crate) fn ensure_running(&mut self) -> Result<()> {
        let status = self.process.try_exit()?;
        let log = || self.process.log_tail();
        ensure!(status.is_none(), "the worker has ended: {}", log());
        Ok(())
    }

    /// Stops it with SIGTERM, and waits for its end.
    pub(crate) async fn stop(mut self) -> Result<()> {
        self.ensure_running()?;
        self.process.signal(Signal::SIGTERM)?;
        let stopped = self.process.wait_exit(STOP_LIMIT).await;
        stopped.map(drop).context("stopping the worker")
    }
}
