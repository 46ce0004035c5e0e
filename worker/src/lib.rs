//! The worker: the one process that reads MySQL. It makes snapshots, counts today's visitors, and writes both to Redis.
//!
//! # Layout
//! - [`config`], [`calendar`], [`schedule`], [`backoff`]: what is asked for, and when
//! - [`refresh`] of what is [`due`], over [`figures`]: the daily snapshots, over [`source`] (all SQL) and [`stats`] (all counting)
//! - [`today`]: the fast loop
//! - [`store`] of what is [`held`], over [`fence`]: all writing to Redis, which only the holder of the [`lease`] may
//! - [`status`], [`redis_errors`], [`health`], [`metrics`]: what it says of itself; [`clock_watch`]: of the server's clock
//! - [`check`]: `worker check`, what it says of its surroundings

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

use crate::config::Config;
use crate::mysql::connection::Database;
use crate::ops::clock_skew::ClockSkewMonitor;
use crate::ops::health::Health;
use crate::ops::status::Status;
use crate::publish::fence::COMMAND_LIMIT;
use crate::publish::publisher::Publisher;
use crate::snapshots::cron::Job;
use crate::snapshots::refresh::Refresher;
use crate::task_group::TaskGroup;
use crate::today::FastLoop;
use crate::today::counter::Counter;
use crate::today::delta::RecountSchedule;
use crate::today::pace::Pace;
use anyhow::{Context, Result, bail};
use shared::catalog::{Group, Snapshot};
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

/// Runs until `stop`. MySQL or Redis away is waited for.
///
/// # Errors
/// A health port that cannot be opened, or a loop that has ended by itself.
pub async fn run(config: Config, clock: Clock, stop: CancellationToken) -> Result<()> {
    let listener = match config.health {
        Some(address) => Some(ops::health::listen(address, &stop).await?),
        None => None,
    };
    let parts = Parts::new(&config, &clock)?;
    info!(mysql = parts.refresher.database.address(), redis = config.redis.address(), mode = ?config.mode, "starting");
    let redis = Arc::new(Connection::start(parts.store.redis()));
    let (ring, refresh_requested) = watch::channel(());
    let pace = Pace {
        interval: config.interval,
        buffer: config.buffer,
    };
    let fast_loop = FastLoop {
        database: parts.refresher.database.clone(),
        store: parts.store.clone(),
        status: parts.status.clone(),
        clock: clock.clone(),
        calendar: config.calendar,
        pace,
        counter: Counter::new(
            config.mode,
            pace,
            RecountSchedule::USUAL,
            &parts.refresher.database,
            &parts.store,
            &parts.status,
        ),
        refresh_requested,
    };

    let mut loops = TaskGroup::new(&stop);
    let groups = [
        (Group::Visitors, config.visitor_cron),
        (Group::Books, config.books_cron),
    ];
    let jobs = groups.map(|(group, cron)| {
        let (due, refresher) = (Arc::new(Notify::new()), parts.refresher.clone());
        loops.spawn(refresher.keep_fresh(group, due.clone()));
        Job { group, cron, due }
    });
    loops.spawn(snapshots::cron::run(
        jobs,
        clock.clone(),
        parts.status.clone(),
    ));
    loops.spawn(fast_loop.run());
    let clock_watch = ClockSkewMonitor {
        database: parts.refresher.database.clone(),
        status: parts.status.clone(),
        clock: clock.clone(),
        period: ClockSkewMonitor::PERIOD,
    };
    loops.spawn(clock_watch.run());
    loops.spawn(today::refresh_requests::listen(parts.store.clone(), ring));
    let store = parts.store.clone();
    loops.spawn(async move { store.run_reconciler().await });
    let (store, connection) = (parts.store.clone(), redis.clone());
    loops.spawn(async move { store.lease().keep(&connection, &store).await });
    if let Some(listener) = listener {
        let health = Health {
            status: parts.status.clone(),
            store: parts.store.clone(),
            clock,
        };
        loops.spawn(health.serve(listener));
    }
    let ended = loops.run().await;
    parts.store.lease().release().await;
    parts.refresher.database.close().await;
    drop(redis);
    info!("stopped");
    ended
}

/// Makes `wanted` once and stores them. Each fails alone.
///
/// # Errors
/// The names of those that failed.
pub async fn refresh_once(config: Config, clock: Clock, wanted: &[Snapshot]) -> Result<()> {
    let parts = Parts::new(&config, &clock)?;
    let address = config.redis.address();
    let redis = Connection::start(parts.store.redis());
    let connected = tokio::time::timeout(REFRESH_CONNECT_LIMIT, async {
        while !parts.store.is_connected() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    connected
        .await
        .with_context(|| format!("no connection to Redis at {address} within 10 s"))?;

    let of = async |group: Group| {
        let of_group = |snapshot: &&Snapshot| group.snapshots().any(|one| one == **snapshot);
        let wanted = wanted.iter().filter(of_group).copied().collect();
        Box::pin(parts.make(group, wanted)).await
    };
    let (mut failed, books) = tokio::join!(of(Group::Visitors), of(Group::Books));
    failed.extend(books);
    if let Err(error) = parts.store.flush_once().await {
        let text = format!("{error:#}");
        error!(error = text, "not all was stored: {text}");
        failed.extend(parts.store.dirty());
    }
    parts.refresher.database.close().await;
    drop(redis);
    if !failed.is_empty() {
        bail!(
            "{} of {} snapshots were not refreshed: {}",
            failed.len(),
            wanted.len(),
            failed
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", ")
        );
    }
    Ok(())
}

/// What both ways to run need.
struct Parts {
    store: Arc<Publisher>,
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
        let store = Arc::new(Publisher::new(
            redis,
            keys,
            config.due(clock),
            settings,
            name,
        ));
        let status = Arc::new(Status::new(config.mode));
        let database = Database::new(&config.mysql).counting(status.metrics.traffic.clone());
        let refresher = Refresher {
            database: Arc::new(database),
            store: store.clone(),
            status: status.clone(),
            clock: clock.clone(),
            calendar: config.calendar,
            ttl_seconds: config.ttl_seconds,
            member_names: config.member_names,
            reading: config.reading,
        };
        Ok(Self {
            store,
            status,
            refresher,
        })
    }

    /// Makes what is wanted of `group`; gives what was not made.
    async fn make(&self, group: Group, wanted: BTreeSet<Snapshot>) -> BTreeSet<Snapshot> {
        if wanted.is_empty() {
            return wanted;
        }
        match self.refresher.make(group, &wanted).await {
            Ok(failed) => failed.into_iter().map(|(snapshot, _)| snapshot).collect(),
            Err(error) => {
                let text = format!("{error:#}");
                error!(error = text, "the {group:?} were not refreshed: {text}");
                wanted
            }
        }
    }
}
