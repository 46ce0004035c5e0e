//! The metrics of the worker, in the text format that Prometheus reads. Every metric name is in this file.
//!
//! Counting is one atomic addition. Values that other parts already know are collected at each scrape. Metrics are
//! times and not ages, because an age would stand still if the process hung.

use crate::mysql::metrics::MysqlMetrics;
use crate::ops::state::State;
use crate::publish::publisher::Publisher;
use crate::publish::redis_errors::RedisTask;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use shared::catalog::{Schedule, Snapshot};
use shared::time::Timestamp;
use std::sync::atomic::{AtomicU32, AtomicU64};
use std::time::Duration;

/// All metrics of the process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Statements, rows and errors of MySQL.
    pub mysql: MysqlMetrics,
    /// Recounts that corrected the running count of today's visits.
    pub drifts: Counter,
    /// The sum of those corrections, in visits.
    pub drifted_visits: Counter,
    refreshes: Family<RefreshLabels, Counter>,
    refresh_duration: Family<SnapshotLabels, Seconds>,
    ticks: Family<ResultLabels, Counter>,
    tick_duration: Histogram,
    tick_interval: Seconds,
    scraped: Scraped,
}

/// Metrics that are set at each scrape.
#[derive(Debug, Default)]
struct Scraped {
    generated: Family<SnapshotLabels, Seconds>,
    expires: Family<SnapshotLabels, Seconds>,
    cron_last: Family<ScheduleLabels, Seconds>,
    cron_next: Family<ScheduleLabels, Seconds>,
    today: Seconds,
    visits: Gauge<u64, AtomicU64>,
    mysql: Flag,
    clock_off: Gauge<f64, AtomicU64>,
    redis: Flag,
    redis_errors: Family<PartLabels, Flag>,
    lease: Flag,
    epoch: Gauge<u64, AtomicU64>,
}

type Seconds = Gauge<f64, AtomicU64>;
type Flag = Gauge<u32, AtomicU32>;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefreshLabels {
    snapshot: String,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SnapshotLabels {
    snapshot: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ScheduleLabels {
    group: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabels {
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PartLabels {
    part: &'static str,
}

impl Metrics {
    /// Creates and registers all metrics, at zero.
    pub fn new() -> Self {
        // From 0.1 ms, a count within an index, to 52 s, the longest that a statement of the fast loop may take.
        let tick_duration = Histogram::new(exponential_buckets(0.0001, 2.0, 20));
        let mut metrics = Self {
            registry: Registry::with_prefix("worker"),
            mysql: MysqlMetrics::default(),
            drifts: Counter::default(),
            drifted_visits: Counter::default(),
            refreshes: Family::default(),
            refresh_duration: Family::default(),
            ticks: Family::default(),
            tick_duration,
            tick_interval: Seconds::default(),
            scraped: Scraped::default(),
        };
        metrics.register_daily();
        metrics.register_today();
        metrics.register_connections();
        metrics
    }

    fn register_daily(&mut self) {
        let (registry, scraped) = (&mut self.registry, &self.scraped);
        let text = "Refreshes of a snapshot, by result: made, failed, or discarded (must be computed again before its cron)";
        registry.register("snapshot_refreshes", text, self.refreshes.clone());
        let text = "Time from the start of the last refresh until the snapshot was computed";
        registry.register_with_unit(
            "snapshot_refresh_duration",
            text,
            Unit::Seconds,
            self.refresh_duration.clone(),
        );
        let text = "When the worker began to read the figures of a snapshot, as Unix time";
        registry.register(
            "snapshot_timestamp_seconds",
            text,
            scraped.generated.clone(),
        );
        let text = "When a snapshot stops being fresh, as Unix time";
        registry.register(
            "snapshot_expires_timestamp_seconds",
            text,
            scraped.expires.clone(),
        );
        let text = "When the daily figures of a group were last due, as Unix time";
        registry.register(
            "cron_last_run_timestamp_seconds",
            text,
            scraped.cron_last.clone(),
        );
        let text = "When the daily figures of a group are due next, as Unix time";
        registry.register(
            "cron_next_run_timestamp_seconds",
            text,
            scraped.cron_next.clone(),
        );
    }

    fn register_today(&mut self) {
        let (registry, scraped) = (&mut self.registry, &self.scraped);
        let text = "Counts of today's visits, by result: published, failed";
        registry.register("today_counts", text, self.ticks.clone());
        let text = "Time that MySQL took for a count of today's visits";
        registry.register_with_unit(
            "today_count_duration",
            text,
            Unit::Seconds,
            self.tick_duration.clone(),
        );
        let text = "Time between the starts of two counts of today's visits, stretched when counts are slow";
        registry.register_with_unit(
            "today_interval",
            text,
            Unit::Seconds,
            self.tick_interval.clone(),
        );
        let text = "When today's visits were last counted and published, as Unix time";
        registry.register("today_timestamp_seconds", text, scraped.today.clone());
        let text = "The last published count of today's visits";
        registry.register("today_visits", text, scraped.visits.clone());
        let text = "Recounts that corrected the running count of today's visits";
        registry.register("today_drifts", text, self.drifts.clone());
        let text = "Sum of the corrections of today's running count by recounts, in visits";
        registry.register("today_drifted_visits", text, self.drifted_visits.clone());
    }

    fn register_connections(&mut self) {
        let (registry, scraped, mysql) = (&mut self.registry, &self.scraped, &self.mysql);
        let text = "Statements sent to MySQL";
        registry.register("mysql_statements", text, mysql.statements.clone());
        let text = "Rows received from MySQL";
        registry.register("mysql_rows", text, mysql.rows.clone());
        let text = "Failed MySQL statements and connections, by kind";
        registry.register("mysql_errors", text, mysql.errors.clone());
        let text = "Whether the last attempt to reach MySQL succeeded";
        registry.register("mysql_connected", text, scraped.mysql.clone());
        let text = "The last measured round trip to MySQL; 0 before the first measurement";
        let round_trip = mysql.round_trip.seconds.clone();
        registry.register_with_unit("mysql_round_trip", text, Unit::Seconds, round_trip);
        let text =
            "How far MySQL's clock is ahead of the worker's (negative: behind); 0 within 2 minutes";
        registry.register_with_unit(
            "mysql_clock_offset",
            text,
            Unit::Seconds,
            scraped.clock_off.clone(),
        );
        let text = "Whether the worker is connected to Redis";
        registry.register("redis_connected", text, scraped.redis.clone());
        let text =
            "Whether a task of the worker that uses Redis fails, by part; /health shows the error";
        registry.register("redis_failing", text, scraped.redis_errors.clone());
        let text = "Whether this worker is active, that is, holds the lease";
        registry.register("lease_held", text, scraped.lease.clone());
        let text = "The epoch of the current lease; it rises with each holder";
        registry.register("lease_epoch", text, scraped.epoch.clone());
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The version of this worker", build);
    }

    /// Records a refresh of a snapshot and how long it took; `None` when it failed.
    pub fn record_refresh(&self, snapshot: Snapshot, took: Option<Duration>) {
        let labels = RefreshLabels {
            snapshot: snapshot.name(),
            result: if took.is_some() { "made" } else { "failed" },
        };
        self.refreshes.get_or_create(&labels).inc();
        if let Some(took) = took {
            let labels = SnapshotLabels {
                snapshot: snapshot.name(),
            };
            let duration = self.refresh_duration.get_or_create(&labels);
            duration.set(took.as_secs_f64());
        }
    }

    /// Records that a computed snapshot must be computed again.
    pub fn record_discard(&self, snapshot: Snapshot) {
        let labels = RefreshLabels {
            snapshot: snapshot.name(),
            result: "discarded",
        };
        self.refreshes.get_or_create(&labels).inc();
    }

    /// Records a count of today: how long MySQL took, and the interval to the next one; `None` when it failed.
    pub fn record_count(&self, took: Option<(Duration, Duration)>) {
        let result = if took.is_some() {
            "published"
        } else {
            "failed"
        };
        self.ticks.get_or_create(&ResultLabels { result }).inc();
        if let Some((took, interval)) = took {
            self.tick_duration.observe(took.as_secs_f64());
            self.tick_interval.set(interval.as_secs_f64());
        }
    }

    /// Renders all metrics as text, after collecting the values from `state` and `publisher`.
    pub fn render(&self, state: &State, publisher: &Publisher) -> String {
        self.scraped.collect(state, publisher);
        let mut rendered = String::new();
        let encoded = text::encode(&mut rendered, &self.registry);
        encoded.expect("writing to a string cannot fail");
        rendered
    }
}

impl Scraped {
    fn collect(&self, state: &State, publisher: &Publisher) {
        for snapshot in Snapshot::ALL {
            let Some(cached) = publisher.get(snapshot) else {
                continue;
            };
            let (labels, at) = (SnapshotLabels::of(snapshot), seconds(cached.generated_at));
            self.generated.get_or_create(&labels).set(at);
            let expires = at + f64::from(cached.ttl_seconds);
            self.expires.get_or_create(&labels).set(expires);
        }
        for schedule in Schedule::ALL {
            let labels = ScheduleLabels::of(schedule);
            // The time of the cron itself, not when this process noticed it: alerts compare it with the snapshots.
            if let Some(last) = publisher.freshness().last_due(schedule) {
                self.cron_last.get_or_create(&labels).set(seconds(last));
            }
            if let Some(next) = publisher.freshness().next_due(schedule) {
                self.cron_next.get_or_create(&labels).set(seconds(next));
            }
        }
        if let Some(today) = state.today {
            self.today.set(seconds(today.generated_at));
            self.visits.set(today.total);
        }
        self.mysql.set((state.mysql == Some(true)).into());
        #[expect(
            clippy::cast_precision_loss,
            reason = "a few seconds between two clocks"
        )]
        let clock_off = state.database_clock_off.unwrap_or(0) as f64;
        self.clock_off.set(clock_off);
        self.redis.set(publisher.is_connected().into());
        let errors = publisher.errors().all();
        for part in RedisTask::ALL.map(RedisTask::name) {
            let failing = self.redis_errors.get_or_create(&PartLabels { part });
            failing.set(errors.contains_key(part).into());
        }
        self.lease.set(publisher.lease().is_active().into());
        self.epoch.set(publisher.lease().epoch());
    }
}

impl SnapshotLabels {
    fn of(snapshot: Snapshot) -> Self {
        let snapshot = snapshot.name();
        Self { snapshot }
    }
}

impl ScheduleLabels {
    fn of(schedule: Schedule) -> Self {
        let group = match schedule {
            Schedule::Visitors => "visitors",
            Schedule::Books => "books",
        };
        Self { group }
    }
}

fn seconds(time: Timestamp) -> f64 {
    let millis = u64::try_from(time.millis()).unwrap_or(0);
    Duration::from_millis(millis).as_secs_f64()
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}
