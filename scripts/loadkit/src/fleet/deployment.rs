//! The deployment that is measured: one MariaDB with a library, one worker, one Redis, and the gateways.

use super::check_ins::{CheckIns, Paused};
use super::protocol::{FigureVersion, Truth, tag};
use crate::process_stats::ProcessStats;
use crate::worker::library::{self, Library};
use crate::worker::process::{RunningWorker, WorkerSettings};
use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::Signal;
use serde_json::Value;
use shared::catalog::Snapshot;
use shared::time::Timestamp;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use testkit::generate::{Plan, Size, generate};
use testkit::http;
use testkit::mariadb::{MariaDb, MariaDbOptions};
use testkit::process::{Process, binary_path, free_port};
use testkit::schema::Engine;
use testkit::server::Redis;

/// `SSE_MAX_CLIENTS`: above the streams that a gateway gets while one of the others restarts, and below the usual limit
/// of open files on a small machine, 20,000.
const MAX_STREAMS: usize = 19_000;
/// `SHUTDOWN_DRAIN_SECONDS`: with the default of 10 the reconnects of 18,000 streams would need a core of their own.
const DRAIN_SECONDS: u64 = 30;
const YEARS: u32 = 3;
/// Servers start within milliseconds, but not beside a crowd.
const START_LIMIT: Duration = Duration::from_secs(60);
/// The drain, 2 s more for the last streams, and the wait for a busy core.
const STOP_LIMIT: Duration = Duration::from_secs(DRAIN_SECONDS + 50);

/// Everything but the crowd. Dropping it ends all processes and removes their folders.
pub(super) struct Deployment {
    /// The gateways.
    pub(super) gateways: Vec<Gateway>,
    /// The visitors.
    pub(super) check_ins: CheckIns,
    /// The only Redis.
    pub(super) redis: Redis,
    _worker: RunningWorker,
    _maria: MariaDb,
}

/// One gateway, which keeps its address when it restarts.
pub(super) struct Gateway {
    /// Where it listens.
    pub(super) address: SocketAddr,
    env: Vec<(&'static str, String)>,
    process: Process,
}

/// How long a restart took.
pub(super) struct Restart {
    /// From the signal to the end of the process.
    pub(super) drain: Duration,
    /// From the end of the process until the next one is ready.
    pub(super) start: Duration,
}

impl Deployment {
    /// Starts everything but the gateways. A count is made every `interval` at most.
    pub(super) async fn start(interval: Duration) -> Result<Self> {
        let plan = Plan {
            size: Size::School,
            years: YEARS,
            now: library::now(),
            seed: 1,
            dirty: true,
        };
        let rows = tokio::task::spawn_blocking(move || Arc::new(generate(&plan))).await;
        let rows = rows.context("generating a library")?;
        let maria = MariaDb::start(&MariaDbOptions::default()).await?;
        let library = Library::load(&maria, Engine::InnoDb, &rows).await?;
        let redis = Redis::start().await?;
        let interval = interval.as_millis().to_string();
        let worker = WorkerSettings::new(maria.port(), &library, &redis)
            .with("VISITOR_SYNC_MIN_INTERVAL_MS", &interval)
            .with("VISITOR_SYNC_BUFFER_MS", "0");
        let (worker, _) = worker.start().await?;
        Ok(Self {
            gateways: Vec::new(),
            check_ins: CheckIns::start(&library).await?,
            redis,
            _worker: worker,
            _maria: maria,
        })
    }

    /// Starts `count` gateways, and waits until they are ready.
    pub(super) async fn start_gateways(&mut self, count: usize) -> Result<()> {
        for _ in 0..count {
            self.gateways.push(Gateway::start(&self.redis)?);
        }
        for gateway in &mut self.gateways {
            gateway.wait_until_ready().await?;
        }
        Ok(())
    }

    /// The addresses of the gateways.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        self.gateways
            .iter()
            .map(|gateway| gateway.address)
            .collect()
    }

    /// The CPU time of all gateways.
    pub(super) fn cpu(&self) -> Result<Duration> {
        self.gateways
            .iter()
            .map(|gateway| gateway.stats().cpu())
            .sum()
    }

    /// The memory of all gateways, in bytes.
    pub(super) fn memory(&self) -> Result<u64> {
        self.gateways
            .iter()
            .map(|gateway| gateway.stats().memory())
            .sum()
    }

    /// What every screen should show now. The number comes from the database, the figures from one of the gateways.
    pub(super) async fn truth(&self, paused: &mut Paused) -> Result<Truth> {
        let (total, date) = paused.truth().await?;
        let gateway = self.gateways.first().context("no gateway")?;
        let mut figures = Vec::new();
        for snapshot in Snapshot::ALL {
            let response = http::get(gateway.address, snapshot.path()).await;
            ensure!(
                response.status == 200,
                "{}: {}",
                snapshot.path(),
                response.status
            );
            let etag = response.header("etag").and_then(tag);
            let made_at = response.json()["generated_at"].take();
            figures.push(FigureVersion {
                tag: etag.context("no ETag")?,
                made_at: parse_millis(made_at)?,
            });
        }
        Ok(Truth {
            total,
            date,
            figures,
        })
    }
}

fn parse_millis(time: Value) -> Result<i64> {
    let time: Timestamp = serde_json::from_value(time).context("a time")?;
    Ok(time.millis())
}

impl Gateway {
    fn start(redis: &Redis) -> Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let env = vec![
            ("HOST", address.ip().to_string()),
            ("PORT", address.port().to_string()),
            ("REDIS_URL", redis.url()),
            ("SSE_MAX_CLIENTS", MAX_STREAMS.to_string()),
            ("SHUTDOWN_DRAIN_SECONDS", DRAIN_SECONDS.to_string()),
        ];
        let process = Process::spawn_at(&binary_path("gateway")?, &[], &env)?;
        Ok(Self {
            address,
            env,
            process,
        })
    }

    /// What it uses.
    pub(super) fn stats(&self) -> ProcessStats {
        ProcessStats::new(self.process.pid())
    }

    /// Whether a balancer would use it.
    pub(super) async fn is_ready(address: SocketAddr) -> bool {
        matches!(http::fetch(address.port(), "/readyz").await, Ok((200, _)))
    }

    async fn wait_until_ready(&mut self) -> Result<()> {
        let address = self.address;
        let is_ready = async || Self::is_ready(address).await;
        self.process.wait_ready(START_LIMIT, is_ready).await
    }

    /// Stops it (SIGTERM), waits until it has drained, and starts it again.
    pub(super) async fn restart(&mut self) -> Result<Restart> {
        let began = Instant::now();
        self.process.signal(Signal::SIGTERM)?;
        let status = self.process.wait_exit(STOP_LIMIT).await?;
        ensure!(
            status.success(),
            "a gateway ended with {status}: {}",
            self.process.log_tail()
        );
        let drain = began.elapsed();
        self.process = Process::spawn_at(&binary_path("gateway")?, &[], &self.env)?;
        self.wait_until_ready().await?;
        let start = began.elapsed() - drain;
        Ok(Restart { drain, start })
    }
}
