//! What becomes of the messages and readings of Redis: taken into the cache, or passed over, or complained about.

use crate::Gateway;
use crate::cache::cached_count::CachedCount;
use crate::cache::live_cache::Cache;
use crate::failures::{Failures, MESSAGES, REDIS, SUBSCRIPTION, TODAY, in_short};
use crate::metrics::Metrics;
use crate::redis::client::{ReadResult, StoredValue};
use crate::redis::encode_batch::{Batch, NewValue, Outcome, Prepared, SMALL};
use crate::redis::stall_detector::StallDetector;
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

/// Between two lines about messages that are not valid, however many come.
const QUIET: Duration = Duration::from_secs(60);
/// Readings in a row that found a new count of which no message told. The worker publishes a count right after storing it, so
/// that a reading in between may come first, but hardly three times.
const UNANNOUNCED: u32 = 3;

/// What the following task remembers between two steps.
pub struct CacheUpdater<'a> {
    cache: &'a Cache,
    stale_grace: Duration,
    metrics: &'a Metrics,
    failures: &'a Failures,
    /// Whether it stood still, so that a message may be older than it seems.
    pub stall_detector: StallDetector,
    /// Which server the last valid count came from, and when.
    last_publisher: Option<(Server, Instant)>,
    /// A valid count came by message since the reading began, and is at least as new as what will be read.
    pub message_since_read: bool,
    /// How many readings in a row found a new count of which no message told.
    unannounced: u32,
    /// When a bad message was last spoken of.
    warned: Option<Instant>,
    /// The newest value of each snapshot that waits for the next batch, and whether a message announced it.
    waiting: BTreeMap<Snapshot, (Bytes, bool)>,
    /// A batch is under way on another thread.
    is_busy: bool,
    /// Since when what stands in Redis is older than what is shown.
    older: HashMap<Snapshot, Instant>,
    /// The last value of each key that was complained about, so that each is complained about once.
    bad: HashMap<Option<Snapshot>, u64>,
}

impl<'a> CacheUpdater<'a> {
    /// Nothing has been heard yet. A snapshot that is older than the one that is shown is passed over for `stale_grace`.
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
            unannounced: 0,
            warned: None,
            waiting: BTreeMap::new(),
            is_busy: false,
            older: HashMap::new(),
            bad: HashMap::new(),
        }
    }

    /// For a gateway.
    pub fn of(gateway: &'a Gateway) -> Self {
        Self::new(
            &gateway.cache,
            &gateway.metrics,
            &gateway.failures,
            gateway.config.limits.stale_grace,
        )
    }

    /// Notes why Redis cannot be read. What stood there before means nothing after it.
    pub fn lose(&mut self, error: &Error) {
        self.older.clear();
        self.cache.set_connected(false);
        // Without a connection each command ends so; the reason why there is none says more.
        if *error.kind() == ErrorKind::Canceled && self.failures.contains(REDIS) {
            return;
        }
        let why = in_short(error);
        if self.failures.set(REDIS, why.as_str()) {
            warn!(error = why, "Redis cannot be read: {why}");
        }
    }

    /// Takes in what came on the channel of counts, from `server`.
    pub fn apply_message(&mut self, bytes: &[u8], server: &Server) {
        match CachedCount::from_message(bytes, self.stall_detector.received_not_before()) {
            Ok(today) => {
                self.metrics.counts_received.inc();
                self.unannounced = 0;
                self.failures.clear(MESSAGES);
                // When a cluster has moved the slot, we listen at two servers, and one of them may be late.
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
                self.failures
                    .set(MESSAGES, "the last message of a count was not valid");
                let now = Instant::now();
                if self.warned.is_none_or(|warned| now - warned >= QUIET) {
                    self.warned = Some(now);
                    let refused = refused.get();
                    warn!(error = %e, refused, "messages that are not counts are not passed on, {refused} so far");
                }
            }
        }
    }

    /// Whether another server than this one has spoken a moment ago.
    fn is_from_other_node(&self, server: &Server) -> bool {
        let last_publisher = self.last_publisher.as_ref();
        last_publisher.is_some_and(|(last_publisher, at)| {
            last_publisher != server && at.elapsed() < self.stale_grace
        })
    }

    /// Takes in what was read. New snapshots wait for [`Self::next_batch`].
    pub fn apply_read(&mut self, reading: ReadResult) {
        self.failures.clear(REDIS);
        self.cache.set_connected(true);
        if let Some(refused) = &reading.unsubscribed {
            self.note_subscription(refused);
        }
        for (snapshot, value) in reading.snapshots {
            match value {
                StoredValue::None => self.take_nothing(snapshot),
                StoredValue::Unusable(why) => {
                    self.warn_invalid(Some(snapshot), why.as_bytes(), &why, why)
                }
                StoredValue::Bytes(bytes) => {
                    let (waiting, announced) = self.waiting.entry(snapshot).or_default();
                    *waiting = bytes;
                    *announced |= reading.announced.contains(&snapshot);
                }
            }
        }
        match reading.today {
            Some((StoredValue::None, _)) => self.failures.clear(TODAY),
            Some((StoredValue::Unusable(why), _)) => {
                self.warn_invalid(None, why.as_bytes(), &why, why)
            }
            Some((StoredValue::Bytes(bytes), remaining)) if !self.message_since_read => {
                match CachedCount::from_key(&bytes, reading.sent_at, remaining) {
                    Ok(today) => {
                        self.failures.clear(TODAY);
                        // An older one is of a replica, promoted a moment ago, that has missed the newest.
                        if !self.cache.has_newer_count(&today) && self.apply_count(today) {
                            self.note_unannounced();
                        }
                    }
                    Err(e) => self.warn_invalid(None, &bytes, &e, "its value is not valid"),
                }
            }
            _ => {}
        }
    }

    fn note_subscription(&self, refused: &[String]) {
        if refused.is_empty() {
            return self.failures.clear(SUBSCRIPTION);
        }
        let channels = refused.join(", ");
        let why = format!("the account may not subscribe to {channels} (NOPERM)");
        if self.failures.set(SUBSCRIPTION, why.as_str()) {
            warn!(channels, "what is new is found every 2 s only: {why}");
        }
    }

    /// A count was found that no message had told of.
    fn note_unannounced(&mut self) {
        self.unannounced += 1;
        let why = "counts are in Redis, but no message tells of them";
        if self.unannounced >= UNANNOUNCED && self.failures.set(MESSAGES, why) {
            warn!("what is new is found every 2 s only: {why}");
        }
    }

    /// There is nothing under the key: the copy stays.
    fn take_nothing(&mut self, snapshot: Snapshot) {
        self.older.remove(&snapshot);
        self.waiting.remove(&snapshot);
        self.failures.clear(&snapshot.name());
    }

    /// The work that waits, unless there is none or one is under way. To be given back to [`Self::take_prepared`].
    pub fn next_batch(&mut self) -> Option<Batch> {
        if self.is_busy {
            return None;
        }
        let present = Guard::into_inner(self.cache.state());
        let mut values = Vec::new();
        for (snapshot, (bytes, is_named)) in mem::take(&mut self.waiting) {
            if present
                .snapshot(snapshot)
                .is_some_and(|entry| entry.body == bytes)
            {
                self.older.remove(&snapshot);
                self.failures.clear(&snapshot.name());
                continue;
            }
            values.push(NewValue {
                snapshot,
                bytes,
                replaces_newer: is_named || self.has_stood(snapshot),
            });
        }
        let has_work = !values.is_empty() || present.needs_composing();
        self.is_busy = has_work;
        has_work.then_some(Batch { values, present })
    }

    /// Whether an older value than the one that is shown has stood long enough. At first it may be of a replica, promoted a moment
    /// ago, that has missed the newest: the worker stores that again. Otherwise the worker's clock was set back.
    fn has_stood(&self, snapshot: Snapshot) -> bool {
        let since = self.older.get(&snapshot);
        since.is_some_and(|since| since.elapsed() >= self.stale_grace)
    }

    /// Takes in what a batch has made.
    pub fn take_prepared(&mut self, prepared: Prepared) {
        self.is_busy = false;
        let mut has_changes = false;
        for (
            NewValue {
                snapshot, bytes, ..
            },
            outcome,
        ) in prepared.outcomes
        {
            match outcome {
                Outcome::Invalid(e) => {
                    self.warn_invalid(Some(snapshot), &bytes, &e, "its value is not valid");
                    continue;
                }
                Outcome::Older => drop(self.older.entry(snapshot).or_insert_with(Instant::now)),
                Outcome::Taken => {
                    self.older.remove(&snapshot);
                    debug!(%snapshot, "a new {snapshot}");
                    has_changes = true;
                }
            }
            self.failures.clear(&snapshot.name());
        }
        self.cache.put_prepared(prepared.state, has_changes);
    }

    /// The same bytes again are the same count: neither relayed again nor shown for longer. What is over is none: the same
    /// bytes may follow by a reading that knows how long they live. Tells whether it is new.
    fn apply_count(&self, today: CachedCount) -> bool {
        let state = self.cache.state();
        let is_new = !state.has_count(&today.message) && today.is_current(Instant::now());
        if is_new {
            // A large summary gets it with the next batch.
            let compose = !self.is_busy && state.summary_bytes() <= SMALL;
            self.cache.set_count(today, compose);
        }
        is_new
    }

    /// `error` is for the log, `why` for `/health`.
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
        if self.bad.insert(key, hash) != Some(hash) {
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

    /// The count of one second of the morning, which lives long.
    fn count(second: u32) -> String {
        format!(
            r#"{{"total":{second},"generated_at":"2025-09-23T09:10:{second}.000Z","date":"2025-09-23","expires_at":"2025-09-23T19:10:00.000Z"}}"#
        )
    }

    fn reading(second: u32, announced: bool) -> ReadResult {
        let text = format!(
            r#"{{"generated_at":"2025-09-23T00:05:{second}.000Z","ttl_seconds":90000,"data":[]}}"#
        );
        ReadResult {
            sent_at: Instant::now(),
            snapshots: vec![(Snapshot::Weekly, StoredValue::Bytes(text.into()))],
            announced: BTreeSet::from_iter(announced.then_some(Snapshot::Weekly)),
            unsubscribed: None,
            today: None,
        }
    }

    #[test]
    fn of_two_servers_the_one_that_is_late_is_not_heard() {
        let (cache, metrics) = (Cache::default(), Metrics::new());
        let failures = Failures::default();
        let mut updater = CacheUpdater::new(&cache, &metrics, &failures, Duration::from_secs(3600));
        let servers = ["old", "new"].map(|host| Server::new(host, 6379));
        let mut shown = |second, server: &Server| {
            updater.apply_message(count(second).as_bytes(), server);
            let state = cache.state();
            state.today(Instant::now()).map(|today| today.count.total)
        };
        assert_eq!(shown(20, &servers[0]), Some(20));
        assert_eq!(shown(30, &servers[1]), Some(30));
        assert_eq!(shown(21, &servers[0]), Some(30), "it came late");
        // The clock of the library was set back.
        assert_eq!(shown(25, &servers[1]), Some(25));
        assert_eq!(shown(26, &servers[0]), Some(26));
        let mut impatient = CacheUpdater::new(&cache, &metrics, &failures, Duration::ZERO);
        impatient.apply_message(count(30).as_bytes(), &servers[0]);
        impatient.apply_message(count(28).as_bytes(), &servers[1]);
        let state = cache.state();
        let today = state.today(Instant::now());
        assert_eq!(
            today.map(|today| today.count.total),
            Some(28),
            "the old server is gone"
        );
    }

    #[test]
    fn an_older_snapshot_is_taken_when_it_is_meant() {
        let (cache, metrics) = (Cache::default(), Metrics::new());
        let failures = Failures::default();
        let shown = |updater: &mut CacheUpdater<'_>, second, announced| {
            updater.apply_read(reading(second, announced));
            let batch = updater.next_batch().expect("a new value");
            updater.take_prepared(batch.run());
            let state = cache.state();
            let entry = state.snapshot(Snapshot::Weekly).unwrap();
            entry.generated_at.to_string()
        };
        let hour = Duration::from_secs(3600);
        let mut patient = CacheUpdater::new(&cache, &metrics, &failures, hour);
        assert_eq!(shown(&mut patient, 30, false), "2025-09-23T00:05:30.000Z");
        assert_eq!(shown(&mut patient, 20, false), "2025-09-23T00:05:30.000Z");
        // A message says that it was stored.
        assert_eq!(shown(&mut patient, 21, true), "2025-09-23T00:05:21.000Z");
        let mut impatient = CacheUpdater::new(&cache, &metrics, &failures, Duration::ZERO);
        assert_eq!(shown(&mut impatient, 20, false), "2025-09-23T00:05:21.000Z");
        // It stands still at the next reading.
        assert_eq!(shown(&mut impatient, 20, false), "2025-09-23T00:05:20.000Z");
    }
}
