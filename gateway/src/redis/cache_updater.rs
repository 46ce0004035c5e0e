//! Applies messages and reads from Redis to the cache: accepts, ignores or reports each value.

use crate::cache::cached_count::CachedCount;
use crate::cache::live_cache::Cache;
use crate::failures::{Failures, MESSAGES, READS, REDIS, SUBSCRIPTION, TODAY, describe_error};
use crate::metrics::Metrics;
use crate::redis::client::{ReadResult, StoredValue};
use crate::redis::encode_batch::{Batch, EncodedBatch, MAX_INLINE_BYTES, NewValue, Outcome};
use crate::redis::stall_detector::StallDetector;
use crate::state::Gateway;
use arc_swap::Guard;
use bytes::Bytes;
use fred::error::{Error, ErrorKind};
use fred::types::config::Server;
use shared::catalog::Snapshot;
use std::collections::{BTreeMap, HashMap};
use std::mem;
use std::time::Duration;
use tokio::time::Instant;
use tracing::{debug, warn};
use xxhash_rust::xxh3::xxh3_64;

/// Between two log lines about invalid messages, however many come.
const WARN_INTERVAL: Duration = Duration::from_secs(60);
/// Reads in a row that found a new count without a message, after which that is reported. The worker stores and
/// publishes a count together; a read may still see it before the message, but hardly three times in a row.
const MAX_UNANNOUNCED: u32 = 3;

/// Applies values to the cache; belongs to the subscriber.
pub struct CacheUpdater<'a> {
    cache: &'a Cache,
    stale_grace: Duration,
    metrics: &'a Metrics,
    failures: &'a Failures,
    /// Detects gaps in which the process did not run, so that a message may be older than it seems.
    pub stall_detector: StallDetector,
    /// The server that sent the last valid count, and when.
    last_publisher: Option<(Server, Instant)>,
    /// A valid count came by message since the read began; it is at least as new as the value that is read.
    pub message_since_read: bool,
    /// How many reads in a row found a new count without a message.
    unannounced_counts: u32,
    /// When an invalid message was last logged.
    last_warning: Option<Instant>,
    /// The newest value of each snapshot for the next batch, and whether a message announced it.
    queued: BTreeMap<Snapshot, (Bytes, bool)>,
    /// A batch is running.
    batch_running: bool,
    /// Since when the snapshot in Redis is older than the cached one.
    older_since: HashMap<Snapshot, Instant>,
    /// The hash of the last invalid value of each key (`None`: today's count), so that each value is logged once.
    invalid: HashMap<Option<Snapshot>, u64>,
}

impl<'a> CacheUpdater<'a> {
    /// Creates an updater. It ignores a snapshot that is older than the cached one until `stale_grace` has passed.
    pub fn new(
        cache: &'a Cache,
        metrics: &'a Metrics,
        failures: &'a Failures,
        stale_grace: Duration,
    ) -> Self {
        Self {
            cache,
            stale_grace,
            metrics,
            failures,
            stall_detector: StallDetector::new(Instant::now()),
            last_publisher: None,
            message_since_read: false,
            unannounced_counts: 0,
            last_warning: None,
            queued: BTreeMap::new(),
            batch_running: false,
            older_since: HashMap::new(),
            invalid: HashMap::new(),
        }
    }

    /// Creates the updater of a gateway.
    pub fn for_gateway(gateway: &'a Gateway) -> Self {
        Self::new(
            &gateway.cache,
            &gateway.metrics,
            &gateway.failures,
            gateway.config.limits.stale_grace,
        )
    }

    /// Reports why Redis cannot be read. Older snapshots that were seen before the error no longer count.
    pub fn on_redis_error(&mut self, error: &Error) {
        self.older_since.clear();
        self.cache.set_connected(false);
        // Without a connection every command is cancelled; the reason reported earlier says more.
        if *error.kind() == ErrorKind::Canceled && self.failures.contains(REDIS) {
            return;
        }
        let why = describe_error(error);
        if self.failures.set(REDIS, why.as_str()) {
            warn!(error = why, "Redis cannot be read: {why}");
        }
    }

    /// Applies a message from the channel of counts, sent by `server`.
    pub fn apply_message(&mut self, message: &[u8], server: &Server) {
        match CachedCount::from_message(message, self.stall_detector.received_not_before()) {
            Ok(today) => {
                self.metrics.counts_received.inc();
                self.unannounced_counts = 0;
                self.failures.clear(MESSAGES);
                // After a cluster has moved the slot, two servers send messages, and those of one may be late.
                if self.is_from_other_node(server) && self.cache.has_newer_count(&today) {
                    return;
                }
                self.last_publisher = Some((server.clone(), Instant::now()));
                self.message_since_read = true;
                self.apply_count(today);
            }
            Err(e) => {
                let refused = &self.metrics.messages_invalid;
                refused.inc();
                self.failures.set(
                    MESSAGES,
                    "the last message on the channel of counts was not valid",
                );
                let now = Instant::now();
                if self
                    .last_warning
                    .is_none_or(|last| now - last >= WARN_INTERVAL)
                {
                    self.last_warning = Some(now);
                    let refused = refused.get();
                    warn!(error = %e, refused, "messages that are not valid counts are ignored, {refused} so far");
                }
            }
        }
    }

    /// Whether the last count came from another server within `stale_grace`.
    fn is_from_other_node(&self, server: &Server) -> bool {
        let last = self.last_publisher.as_ref();
        last.is_some_and(|(last, at)| last != server && at.elapsed() < self.stale_grace)
    }

    /// Applies the result of a read. New snapshots wait for [`Self::next_batch`].
    pub fn apply_read(&mut self, read: ReadResult) {
        self.failures.clear(REDIS);
        self.cache.set_connected(true);
        if let Some(refused) = &read.refused_channels {
            self.report_subscription(refused);
        }
        match read.head_error {
            Some(why) => self.report_full_reads(&why),
            None if read.today.is_some() => self.failures.clear(READS),
            None => {}
        }
        for (snapshot, value) in read.snapshots {
            match value {
                // The cached snapshot stays.
                StoredValue::None | StoredValue::Unchanged => self.on_nothing_new(snapshot),
                StoredValue::Unusable(why) => {
                    self.warn_invalid(Some(snapshot), why.as_bytes(), &why, why);
                }
                StoredValue::Bytes(bytes) => {
                    let (queued, announced) = self.queued.entry(snapshot).or_default();
                    // A message announces one value, and not what another server has.
                    *announced &= *queued == bytes;
                    *announced |= read.announced.contains(&snapshot);
                    *queued = bytes;
                }
            }
        }
        if let Some(reasons) = read.unavailable {
            self.cache.set_unavailable(reasons);
        }
        match read.today {
            Some((StoredValue::None, _)) => self.failures.clear(TODAY),
            Some((StoredValue::Unusable(why), _)) => {
                self.warn_invalid(None, why.as_bytes(), &why, why);
            }
            Some((StoredValue::Bytes(bytes), remaining)) if !self.message_since_read => {
                match CachedCount::from_key(&bytes, read.sent_at, remaining) {
                    Ok(today) => {
                        self.failures.clear(TODAY);
                        // An older count comes from a replica that was promoted before it had the newest one.
                        if !self.cache.has_newer_count(&today) && self.apply_count(today) {
                            self.report_unannounced();
                        }
                    }
                    Err(e) => self.warn_invalid(None, &bytes, &e, "its value is not valid"),
                }
            }
            _ => {}
        }
    }

    fn report_subscription(&self, refused: &[String]) {
        if refused.is_empty() {
            return self.failures.clear(SUBSCRIPTION);
        }
        let channels = refused.join(", ");
        let why = format!("the account may not subscribe to {channels} (NOPERM)");
        if self.failures.set(SUBSCRIPTION, why.as_str()) {
            warn!(
                channels,
                "changes are found only by the read every 2 s: {why}"
            );
        }
    }

    /// A read found a new count without a message.
    fn report_unannounced(&mut self) {
        self.unannounced_counts += 1;
        let why = "counts are in Redis, but no message announces them";
        if self.unannounced_counts >= MAX_UNANNOUNCED && self.failures.set(MESSAGES, why) {
            warn!("changes are found only by the read every 2 s: {why}");
        }
    }

    /// Redis does not return only the first bytes of a value.
    fn report_full_reads(&self, why: &str) {
        let why = format!("every figure is read in full every 2 s (GETRANGE): {why}");
        if self.failures.set(READS, why.as_str()) {
            warn!("the gateway costs Redis more than it should: {why}");
        }
    }

    /// The key is missing, or its value is the cached one.
    fn on_nothing_new(&mut self, snapshot: Snapshot) {
        self.older_since.remove(&snapshot);
        self.queued.remove(&snapshot);
        self.failures.clear(&snapshot.name());
    }

    /// Returns the next batch, or `None` if there is nothing to do or a batch is running. Its result goes to
    /// [`Self::apply_snapshots`].
    pub fn next_batch(&mut self) -> Option<Batch> {
        if self.batch_running {
            return None;
        }
        let current = Guard::into_inner(self.cache.state());
        let mut values = Vec::new();
        for (snapshot, (bytes, announced)) in mem::take(&mut self.queued) {
            if current
                .snapshot(snapshot)
                .is_some_and(|cached| cached.body == bytes)
            {
                self.older_since.remove(&snapshot);
                self.failures.clear(&snapshot.name());
                continue;
            }
            values.push(NewValue {
                snapshot,
                bytes,
                replaces_newer: announced || self.is_older_long_enough(snapshot),
            });
        }
        let has_work = !values.is_empty() || current.needs_composing();
        self.batch_running = has_work;
        has_work.then_some(Batch { values, current })
    }

    /// Whether Redis has held an older value than the cached one for `stale_grace`. At first it may come from a replica
    /// that was promoted before it had the newest value, and the worker stores that again. Later it means that the
    /// worker's clock was set back.
    fn is_older_long_enough(&self, snapshot: Snapshot) -> bool {
        let since = self.older_since.get(&snapshot);
        since.is_some_and(|since| since.elapsed() >= self.stale_grace)
    }

    /// Applies the result of a batch.
    pub fn apply_snapshots(&mut self, batch: EncodedBatch) {
        self.batch_running = false;
        let mut has_changes = false;
        for (
            NewValue {
                snapshot, bytes, ..
            },
            outcome,
        ) in batch.outcomes
        {
            match outcome {
                Outcome::Invalid(e) => {
                    self.warn_invalid(Some(snapshot), &bytes, &e, "its value is not valid");
                    continue;
                }
                Outcome::Older => drop(
                    self.older_since
                        .entry(snapshot)
                        .or_insert_with(Instant::now),
                ),
                Outcome::Accepted => {
                    self.older_since.remove(&snapshot);
                    debug!(%snapshot, "new snapshot {snapshot}");
                    has_changes = true;
                }
            }
            self.failures.clear(&snapshot.name());
        }
        self.cache.set_snapshots(batch.state, has_changes);
    }

    /// Puts a count into the cache; returns whether it is new. The same bytes again are the same count: they are not
    /// sent again and do not live longer. An expired count is ignored: a read may bring the same bytes with their
    /// remaining lifetime.
    fn apply_count(&self, today: CachedCount) -> bool {
        let state = self.cache.state();
        let is_new = !state.has_count(&today.message) && today.is_current(Instant::now());
        if is_new {
            // If the summary is large, the next batch puts the count into it.
            let compose = !self.batch_running && state.summary_bytes() <= MAX_INLINE_BYTES;
            self.cache.set_count(today, compose);
        }
        is_new
    }

    /// Reports an invalid value: `why` in `/health`, `error` in the log, once for each value.
    fn warn_invalid(
        &mut self,
        key: Option<Snapshot>,
        bytes: &[u8],
        error: &dyn std::fmt::Display,
        why: &str,
    ) {
        let part = key.map_or(TODAY.to_owned(), Snapshot::name);
        self.failures.set(&part, why);
        let hash = xxh3_64(bytes);
        if self.invalid.insert(key, hash) != Some(hash) {
            self.metrics.messages_invalid.inc();
            let name = key.map_or("today's count".to_owned(), Snapshot::name);
            warn!(key = name, %error, "the value under a key is not valid: {name}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// A count that was made at this second of a minute, and lives long.
    fn count(second: u32) -> String {
        format!(
            r#"{{"total":{second},"generated_at":"2025-09-23T09:10:{second}.000Z","date":"2025-09-23","expires_at":"2025-09-23T19:10:00.000Z"}}"#
        )
    }

    /// A read of a snapshot that was generated at this second of a minute.
    fn read(second: u32, announced: bool) -> ReadResult {
        let text = format!(
            r#"{{"generated_at":"2025-09-23T00:05:{second}.000Z","ttl_seconds":90000,"data":[]}}"#
        );
        ReadResult {
            sent_at: Instant::now(),
            snapshots: vec![(Snapshot::Weekly, StoredValue::Bytes(text.into()))],
            announced: BTreeSet::from_iter(announced.then_some(Snapshot::Weekly)),
            refused_channels: None,
            today: None,
            unavailable: None,
            head_error: None,
        }
    }

    #[test]
    fn late_count_of_another_server_is_ignored() {
        let (cache, metrics) = (Cache::default(), Metrics::new());
        let failures = Failures::default();
        let mut updater = CacheUpdater::new(&cache, &metrics, &failures, Duration::from_secs(3600));
        let servers = ["old", "new"].map(|host| Server::new(host, 6379));
        let mut shown_after = |second, server: &Server| {
            updater.apply_message(count(second).as_bytes(), server);
            let state = cache.state();
            state.today(Instant::now()).map(|today| today.count.total)
        };
        assert_eq!(shown_after(20, &servers[0]), Some(20));
        assert_eq!(shown_after(30, &servers[1]), Some(30));
        assert_eq!(shown_after(21, &servers[0]), Some(30), "it came late");
        // The worker's clock was set back.
        assert_eq!(shown_after(25, &servers[1]), Some(25));
        assert_eq!(shown_after(26, &servers[0]), Some(26));
        let mut without_grace = CacheUpdater::new(&cache, &metrics, &failures, Duration::ZERO);
        without_grace.apply_message(count(30).as_bytes(), &servers[0]);
        without_grace.apply_message(count(28).as_bytes(), &servers[1]);
        let state = cache.state();
        let today = state.today(Instant::now());
        assert_eq!(
            today.map(|today| today.count.total),
            Some(28),
            "the old server no longer counts"
        );
    }

    #[test]
    fn older_snapshot_is_accepted_if_announced_or_after_the_grace() {
        let (cache, metrics) = (Cache::default(), Metrics::new());
        let failures = Failures::default();
        let shown_after = |updater: &mut CacheUpdater<'_>, second, announced| {
            updater.apply_read(read(second, announced));
            let batch = updater.next_batch().expect("a new value");
            updater.apply_snapshots(batch.run());
            let state = cache.state();
            let cached = state.snapshot(Snapshot::Weekly).unwrap();
            cached.generated_at.to_string()
        };
        let hour = Duration::from_secs(3600);
        let mut updater = CacheUpdater::new(&cache, &metrics, &failures, hour);
        let time = "2025-09-23T00:05:30.000Z";
        assert_eq!(shown_after(&mut updater, 30, false), time);
        assert_eq!(shown_after(&mut updater, 20, false), time);
        // A message says that it was stored.
        let time = "2025-09-23T00:05:21.000Z";
        assert_eq!(shown_after(&mut updater, 21, true), time);
        // It was stored on a server that is gone before a batch begins; the next server has an older one.
        updater.apply_read(read(31, true));
        assert_eq!(shown_after(&mut updater, 20, false), time);
        let mut without_grace = CacheUpdater::new(&cache, &metrics, &failures, Duration::ZERO);
        assert_eq!(shown_after(&mut without_grace, 20, false), time);
        // Still there at the next read.
        let time = "2025-09-23T00:05:20.000Z";
        assert_eq!(shown_after(&mut without_grace, 20, false), time);
    }
}
