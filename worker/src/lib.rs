//! The worker: the only process that reads MySQL. It computes the snapshots, counts today's visitors, and writes both
//! to Redis.
//!
//! # Layout
//! - [`check`]: `worker check`
//! - [`ops`]: `/health`, `/metrics`, the clock skew monitor
//! - [`snapshots`]: refreshes the daily figures
//! - [`today`]: the fast loop, which counts today's visitors
//! - [`publish`]: all writes to Redis, which only the holder of the lease may do
//! - [`mysql`]: all SQL
//! - [`config`], [`calendar`], [`window`], [`backoff`]: the configuration, the library's days and ranges of them, waiting
//!   times

pub mod backoff;
pub mod calendar;
pub mod check;
pub mod config;
pub mod mysql;
pub mod ops;
pub mod publish;
pub mod snapshots;
mod task_group;
pub mod today;
pub mod window;

use crate::config::Config;
use crate::mysql::connection::Database;
use crate::ops::clock_skew::ClockSkewMonitor;
use crate::ops::health::Health;
use crate::ops::status::Status;
use crate::publish::fence::COMMAND_LIMIT;
use crate::publish::publisher::Publisher;
use crate::snapshots::circulation_loop::CirculationLoop;
use crate::snapshots::freshness::FreshnessPolicy;
use crate::snapshots::refresh::Refresher;
use crate::task_group::TaskGroup;
use crate::today::FastLoop;
use crate::today::counter::Counter;
use crate::today::delta::RecountSchedule;
use crate::today::pace::Pace;
use anyhow::{Context, Result, bail};
use shared::catalog::{Schedule, Snapshot};
use shared::redis::Connection;
use shared::time::Clock;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

/// How long `worker refresh` waits for Redis.
const REFRESH_CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// Runs the worker until `stop` is cancelled. While MySQL or Redis is unreachable, it waits for them.
///
/// # Errors
/// If the health port cannot be opened, or if a task ends by itself.
pub async fn run(config: Config, clock: Clock, stop: CancellationToken) -> Result<()> {
    let listener = match config.health {
        Some(address) => Some(ops::health::listen(address, &stop).await?),
        None => None,
    };
    let parts = Parts::new(&config, &clock)?;
    info!(mysql = parts.refresher.database.address(), redis = config.redis.address(), mode = ?config.mode, "starting");
    let redis = Arc::new(Connection::start(parts.publisher.redis()));
    let (refresh_requests, refresh_requested) = watch::channel(());
    let pace = Pace {
        interval: config.interval,
        buffer: config.buffer,
    };
    let fast_loop = FastLoop {
        database: parts.refresher.database.clone(),
        publisher: parts.publisher.clone(),
        status: parts.status.clone(),
        clock: clock.clone(),
        calendar: config.calendar.clone(),
        pace,
        counter: Counter::new(
            config.mode,
            pace,
            RecountSchedule::USUAL,
            &parts.refresher.database,
            &parts.publisher,
            &parts.status,
        ),
        refresh_requested,
    };

    let mut tasks = TaskGroup::new(&stop);
    let tick = Arc::new(Notify::new());
    for schedule in Schedule::ALL {
        tasks.spawn(parts.refresher.clone().run(schedule, tick.clone()));
    }
    tasks.spawn(snapshots::schedule::run(tick, clock.clone()));
    if let Some(interval) = config.circulation_interval {
        let refresher = parts.refresher.clone();
        tasks.spawn(
            CirculationLoop {
                refresher,
                interval,
            }
            .run(),
        );
    }
    tasks.spawn(fast_loop.run());
    let clock_skew = ClockSkewMonitor {
        database: parts.refresher.database.clone(),
        status: parts.status.clone(),
        clock: clock.clone(),
        period: ClockSkewMonitor::PERIOD,
    };
    tasks.spawn(clock_skew.run());
    tasks.spawn(today::refresh_requests::listen(
        parts.publisher.clone(),
        refresh_requests,
    ));
    let publisher = parts.publisher.clone();
    tasks.spawn(async move { publisher.run_reconciler().await });
    let (publisher, connection) = (parts.publisher.clone(), redis.clone());
    tasks.spawn(async move { publisher.lease().keep(&connection, &publisher).await });
    if let Some(listener) = listener {
        let health = Health {
            status: parts.status.clone(),
            publisher: parts.publisher.clone(),
            clock,
            circulation_interval: config.circulation_interval,
        };
        tasks.spawn(health.serve(listener));
    }
    let ended = tasks.run().await;
    parts.publisher.lease().release().await;
    parts.refresher.database.close().await;
    drop(redis);
    info!("stopped");
    ended
}

/// Computes the `wanted` snapshots once and writes them to Redis. A snapshot that fails does not affect the others.
///
/// # Errors
/// If there is no connection to Redis within 10 s, or the names of the snapshots that failed.
pub async fn refresh_once(config: Config, clock: Clock, wanted: &[Snapshot]) -> Result<()> {
    let parts = Parts::new(&config, &clock)?;
    let address = config.redis.address();
    let redis = Connection::start(parts.publisher.redis());
    let connected = tokio::time::timeout(REFRESH_CONNECT_LIMIT, async {
        while !parts.publisher.is_connected() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    connected
        .await
        .with_context(|| format!("no connection to Redis at {address} within 10 s"))?;

    let refresh_schedule = async |schedule: Schedule| {
        let of_schedule = |snapshot: &&Snapshot| schedule.snapshots().any(|one| one == **snapshot);
        let wanted = wanted.iter().filter(of_schedule).copied().collect();
        Box::pin(parts.refresh(schedule, wanted)).await
    };
    let (mut failed, books) = tokio::join!(
        refresh_schedule(Schedule::Visitors),
        refresh_schedule(Schedule::Books)
    );
    failed.extend(books);
    if let Err(error) = parts.publisher.flush_once().await {
        let text = format!("{error:#}");
        error!(error = text, "cannot write all snapshots to Redis: {text}");
        failed.extend(parts.publisher.dirty());
    }
    parts.refresher.database.close().await;
    drop(redis);
    if !failed.is_empty() {
        bail!(
            "{} of {} snapshots {} not refreshed: {}",
            failed.len(),
            wanted.len(),
            if failed.len() == 1 { "was" } else { "were" },
            failed
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", ")
        );
    }
    Ok(())
}

/// The parts that `run` and `refresh_once` need.
struct Parts {
    publisher: Arc<Publisher>,
    status: Arc<Status>,
    refresher: Refresher,
}

impl Parts {
    fn new(config: &Config, clock: &Clock) -> Result<Self> {
        let redis = config
            .redis
            .client(COMMAND_LIMIT)
            .context("setting up the Redis client")?;
        let (keys, settings, name) = (
            config.keys.clone(),
            config.settings(),
            publish::lease::own_name(),
        );
        let publisher = Arc::new(Publisher::new(
            redis,
            keys,
            FreshnessPolicy::new(config, clock),
            settings,
            name,
        ));
        let status = Arc::new(Status::new(config.mode));
        let database = Database::new(&config.mysql).counting(status.metrics.mysql.clone());
        let refresher = Refresher {
            database: Arc::new(database),
            publisher: publisher.clone(),
            status: status.clone(),
            clock: clock.clone(),
            calendar: config.calendar.clone(),
            ttl_seconds: config.ttl_seconds,
            circulation_interval: config.circulation_interval,
            tracked: Arc::default(),
            member_names: config.member_names,
            scan: config.scan,
        };
        Ok(Self {
            publisher,
            status,
            refresher,
        })
    }

    /// Computes the `wanted` snapshots of `schedule`, and returns those that failed.
    async fn refresh(&self, schedule: Schedule, wanted: BTreeSet<Snapshot>) -> BTreeSet<Snapshot> {
        if wanted.is_empty() {
            return wanted;
        }
        match self.refresher.refresh(schedule, &wanted).await {
            Ok(failed) => failed.into_iter().map(|(snapshot, _)| snapshot).collect(),
            Err(error) => {
                let text = format!("{error:#}");
                error!(error = text, "the {schedule:?} were not refreshed: {text}");
                wanted
            }
        }
    }
}
