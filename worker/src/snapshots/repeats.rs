//! Repeats a refresh whose result was discarded, with growing waits.

use crate::backoff::Backoff;
use shared::catalog::Snapshot;
use shared::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;

/// How long a recomputed snapshot must stay in Redis before the waits become short again.
const KEPT_AFTER: Duration = Duration::from_secs(5);
/// The shortest wait before a refresh whose result was discarded is repeated.
const REPEAT_AFTER: Duration = Duration::from_secs(1);

/// Detects snapshots that were computed and are due again before their cron, because the result was discarded. Such a
/// refresh must not be repeated at once and for ever, so it waits with back-off.
pub(super) struct Repeats {
    /// When the last refresh of each snapshot began.
    refreshed_at: BTreeMap<Snapshot, Timestamp>,
    /// The snapshots that are computed again after a wait.
    pub(super) waiting: BTreeSet<Snapshot>,
    last_refresh: Instant,
    backoff: Backoff,
}

impl Default for Repeats {
    fn default() -> Self {
        Self {
            refreshed_at: BTreeMap::new(),
            waiting: BTreeSet::new(),
            last_refresh: Instant::now(),
            backoff: Backoff::LONG,
        }
    }
}

impl Repeats {
    /// Records a successful refresh of `snapshots` that began at `began`.
    pub(super) fn record(&mut self, snapshots: impl Iterator<Item = Snapshot>, began: Timestamp) {
        self.refreshed_at
            .extend(snapshots.map(|snapshot| (snapshot, began)));
        self.last_refresh = Instant::now();
    }

    /// The wait before the next refresh, if some of `due` were refreshed after their cron last came, at `last`.
    /// Returned once for each refresh.
    pub(super) fn next_wait(
        &mut self,
        due: &BTreeSet<Snapshot>,
        last: Option<Timestamp>,
    ) -> Option<Duration> {
        let is_repeated = |snapshot: &&Snapshot| {
            let refreshed_at = self.refreshed_at.get(*snapshot);
            refreshed_at.is_some_and(|at| last.is_none_or(|last| *at >= last))
        };
        let repeated: BTreeSet<_> = due.iter().filter(is_repeated).copied().collect();
        if repeated.is_empty() {
            return None;
        }
        self.refreshed_at
            .retain(|snapshot, _| !repeated.contains(snapshot));
        self.waiting.extend(repeated);
        Some(REPEAT_AFTER + self.backoff.next_wait())
    }

    /// Whether the snapshots that were computed again have now been kept for a while. True once.
    pub(super) fn have_ended(&mut self, due: &BTreeSet<Snapshot>) -> bool {
        let kept = self.waiting.is_disjoint(due) && self.last_refresh.elapsed() >= KEPT_AFTER;
        if self.waiting.is_empty() || !kept {
            return false;
        }
        self.waiting.clear();
        self.backoff.reset();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time: &str) -> Timestamp {
        time.parse::<chrono::DateTime<chrono::Utc>>()
            .unwrap()
            .into()
    }

    #[test]
    fn a_discarded_refresh_is_repeated_with_growing_waits() {
        let (cron, refreshed_at) = (at("2025-09-23T00:05:00Z"), at("2025-09-23T00:06:00Z"));
        let due = BTreeSet::from([Snapshot::Weekly]);
        let mut repeats = Repeats::default();
        assert_eq!(repeats.next_wait(&due, Some(cron)), None, "never refreshed");
        for bound in [1, 2, 4, 8] {
            repeats.record(due.iter().copied(), refreshed_at);
            let wait = repeats.next_wait(&due, Some(cron)).unwrap();
            let longest = REPEAT_AFTER + Duration::from_secs(bound);
            assert!((REPEAT_AFTER..=longest).contains(&wait), "{wait:?}");
            assert_eq!(
                repeats.next_wait(&due, Some(cron)),
                None,
                "once for each refresh"
            );
        }
        // This time the result is kept.
        repeats.record(due.iter().copied(), refreshed_at);
        assert!(
            !repeats.have_ended(&BTreeSet::new()),
            "it may still be replaced"
        );
        repeats.last_refresh = Instant::now().checked_sub(KEPT_AFTER).unwrap();
        assert!(repeats.have_ended(&BTreeSet::new()));
        assert!(!repeats.have_ended(&BTreeSet::new()), "true once");
        // The next cron.
        let next = at("2025-09-24T00:05:00Z");
        assert_eq!(
            repeats.next_wait(&due, Some(next)),
            None,
            "its cron has come"
        );
    }
}
