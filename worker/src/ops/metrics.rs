//! What is counted, and under which names: `/metrics` in the text format that Prometheus reads. Every name stands here.
//!
//! Counting is one atomic addition; what is known elsewhere is asked when somebody reads. Times rather than ages, which
//! would stand still with the process.

use crate::mysql::metrics::MysqlMetrics;
use crate::ops::status::Inner;
use crate::publish::publisher::Publisher;
use crate::publish::redis_errors::RedisPart;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use shared::catalog::{Group, Snapshot};
use shared::time::Timestamp;
use std::sync::atomic::{AtomicU32, AtomicU64};
use std::time::Duration;

/// Every counter of the process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// What goes to MySQL and comes from there.
    pub traffic: MysqlMetrics,
    /// Recounts that found another number of today's visits than the running count.
    pub drifts: Counter,
    /// Visits by which they corrected it, in sum.
    pub drifted_visits: Counter,
    refreshes: Family<RefreshLabels, Counter>,
    refresh_duration: Family<SnapshotLabels, Seconds>,
    ticks: Family<ResultLabels, Counter>,
    tick_duration: Histogram,
    tick_interval: Seconds,
    told: Told,
}

/// What is asked when somebody reads.
#[derive(Debug, Default)]
struct Told {
    generated: Family<SnapshotLabels, Seconds>,
    expires: Family<SnapshotLabels, Seconds>,
    cron_last: Family<GroupLabels, Seconds>,
    cron_next: Family<GroupLabels, Seconds>,
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
struct GroupLabels {
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
    /// All at zero.
    pub fn new() -> Self {
        // From 0.1 ms, a count within an index, to 52 s, the longest that a statement of the fast loop may take.
        let tick_duration = Histogram::new(exponential_buckets(0.0001, 2.0, 20));
        let mut metrics = Self {
            registry: Registry::with_prefix("worker"),
            traffic: MysqlMetrics::default(),
            drifts: Counter::default(),
            drifted_visits: Counter::default(),
            refreshes: Family::default(),
            refresh_duration: Family::default(),
            ticks: Family::default(),
            tick_duration,
            tick_interval: Seconds::default(),
            told: Told::default(),
        };
        metrics.register_daily();
        metrics.register_today();
        metrics.register_surroundings();
        metrics
    }

    fn register_daily(&mut self) {
        let (registry, told) = (&mut self.registry, &self.told);
        let text = "Attempts to make a snapshot, by how they ended: made, failed; and discarded, when one that was made is made again \
                    although no cron has come";
        registry.register("snapshot_refreshes", text, self.refreshes.clone());
        let text = "How long it took, from the start of the pass, to make a snapshot the last time";
        registry.register_with_unit(
            "snapshot_refresh_duration",
            text,
            Unit::Seconds,
            self.refresh_duration.clone(),
        );
        let text = "When the figures of a snapshot were read, as Unix time";
        registry.register("snapshot_timestamp_seconds", text, told.generated.clone());
        let text = "Until when a snapshot counts as fresh, as Unix time";
        registry.register(
            "snapshot_expires_timestamp_seconds",
            text,
            told.expires.clone(),
        );
        let text = "When the daily figures of a group were last due, as Unix time";
        registry.register(
            "cron_last_run_timestamp_seconds",
            text,
            told.cron_last.clone(),
        );
        let text = "When they are due next, as Unix time";
        registry.register(
            "cron_next_run_timestamp_seconds",
            text,
            told.cron_next.clone(),
        );
    }

    fn register_today(&mut self) {
        let (registry, told) = (&mut self.registry, &self.told);
        let text = "Counts of today's visits, by how they ended: published, failed";
        registry.register("today_counts", text, self.ticks.clone());
        let text = "How long a count of today's visits took in MySQL";
        registry.register_with_unit(
            "today_count_duration",
            text,
            Unit::Seconds,
            self.tick_duration.clone(),
        );
        let text = "From one count of today's visits to the next, as the last one's time allows";
        registry.register_with_unit(
            "today_interval",
            text,
            Unit::Seconds,
            self.tick_interval.clone(),
        );
        let text = "When today's visits were last counted and published, as Unix time";
        registry.register("today_timestamp_seconds", text, told.today.clone());
        let text = "Today's visits, as last published";
        registry.register("today_visits", text, told.visits.clone());
        let text = "Recounts that found another number of today's visits than the running count";
        registry.register("today_drifts", text, self.drifts.clone());
        let text = "Visits by which recounts have corrected today's running count";
        registry.register("today_drifted_visits", text, self.drifted_visits.clone());
    }

    fn register_surroundings(&mut self) {
        let (registry, told, traffic) = (&mut self.registry, &self.told, &self.traffic);
        let text = "Statements that were sent to MySQL";
        registry.register("mysql_statements", text, traffic.statements.clone());
        let text = "Rows that came from MySQL";
        registry.register("mysql_rows", text, traffic.rows.clone());
        let text = "Statements and connections that failed, by kind";
        registry.register("mysql_errors", text, traffic.errors.clone());
        let text = "Whether MySQL was reached when it was last tried";
        registry.register("mysql_connected", text, told.mysql.clone());
        let text = "The round trip to MySQL, as last measured; 0 before that";
        let round_trip = traffic.round_trip.seconds.clone();
        registry.register_with_unit("mysql_round_trip", text, Unit::Seconds, round_trip);
        let text = "By how much MySQL's clock is ahead of ours, when that is too much; else 0";
        registry.register_with_unit(
            "mysql_clock_offset",
            text,
            Unit::Seconds,
            told.clock_off.clone(),
        );
        let text = "Whether there is a connection to Redis";
        registry.register("redis_connected", text, told.redis.clone());
        let text = "Whether a part of the worker that uses Redis fails, by part; /health says why";
        registry.register("redis_failing", text, told.redis_errors.clone());
        let text = "Whether this worker is the active one";
        registry.register("lease_held", text, told.lease.clone());
        let text = "The number of the lease that is in force; it rises with each holder";
        registry.register("lease_epoch", text, told.epoch.clone());
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "Which worker this is", build);
    }

    /// Counts an attempt at a snapshot; how long it took, when it was made.
    pub fn refreshed(&self, snapshot: Snapshot, took: Option<Duration>) {
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

    /// Counts a snapshot that was made and has to be made again.
    pub fn discarded(&self, snapshot: Snapshot) {
        let labels = RefreshLabels {
            snapshot: snapshot.name(),
            result: "discarded",
        };
        self.refreshes.get_or_create(&labels).inc();
    }

    /// Counts a count of today: how long it took, and how long after it the next one is; `None` when it failed.
    pub fn counted(&self, took: Option<(Duration, Duration)>) {
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

    /// All of it as text, with what the loops say `now` and what stands.
    pub fn report(&self, now: &Inner, store: &Publisher) -> String {
        self.told.note(now, store);
        let mut report = String::new();
        let written = text::encode(&mut report, &self.registry);
        written.expect("memory takes what is written to it");
        report
    }
}

impl Told {
    fn note(&self, now: &Inner, store: &Publisher) {
        for snapshot in Snapshot::ALL {
            let Some(held) = store.held(snapshot) else {
                continue;
            };
            let (labels, at) = (SnapshotLabels::of(snapshot), seconds(held.generated_at));
            self.generated.get_or_create(&labels).set(at);
            let expires = at + f64::from(held.ttl_seconds);
            self.expires.get_or_create(&labels).set(expires);
        }
        for (group, cron) in [(Group::Visitors, now.visitors), (Group::Books, now.books)] {
            let labels = GroupLabels::of(group);
            // Rather than when this process noticed it: what is made is made after the time itself.
            if let Some(last) = store.due().last(group) {
                self.cron_last.get_or_create(&labels).set(seconds(last));
            }
            if let Some(next) = cron.next {
                let next = seconds(Timestamp::from(next));
                self.cron_next.get_or_create(&labels).set(next);
            }
        }
        if let Some(today) = now.today {
            self.today.set(seconds(today.generated_at));
            self.visits.set(today.total);
        }
        self.mysql.set((now.mysql == Some(true)).into());
        #[expect(clippy::cast_precision_loss, reason = "seconds between two clocks")]
        let clock_off = now.database_clock_off.unwrap_or(0) as f64;
        self.clock_off.set(clock_off);
        self.redis.set(store.is_connected().into());
        let errors = store.errors().all();
        for part in RedisPart::ALL.map(RedisPart::name) {
            let failing = self.redis_errors.get_or_create(&PartLabels { part });
            failing.set(errors.contains_key(part).into());
        }
        self.lease.set(store.lease().is_active().into());
        self.epoch.set(store.lease().epoch());
    }
}

impl SnapshotLabels {
    fn of(snapshot: Snapshot) -> Self {
        let snapshot = snapshot.name();
        Self { snapshot }
    }
}

impl GroupLabels {
    fn of(group: Group) -> Self {
        let group = match group {
            Group::Visitors => "visitors",
            Group::Books => "books",
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
