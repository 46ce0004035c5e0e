//! Since when snapshots cannot be computed.

use shared::catalog::Snapshot;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;

/// For how long a snapshot must have failed before a copy that may be outdated is written to a Redis that has lost it.
/// Gateways show their own copies meanwhile.
const GIVE_UP_AFTER: Duration = Duration::from_secs(30);

/// The snapshots that could not be computed at the last attempt, and when their first failed attempt began.
#[derive(Default)]
pub(super) struct Failing(BTreeMap<Snapshot, Instant>);

impl Failing {
    /// Records an attempt that began at `began`, after which the snapshots of `failed` are still to be computed.
    pub(super) fn record(&mut self, failed: &BTreeSet<Snapshot>, began: Instant) {
        self.0.retain(|snapshot, _| failed.contains(snapshot));
        for snapshot in failed {
            self.0.entry(*snapshot).or_insert(began);
        }
    }

    /// The snapshots that have failed for half a minute at `now`.
    pub(super) fn given_up(&self, now: Instant) -> BTreeSet<Snapshot> {
        let given_up = |(_, since): &(&Snapshot, &Instant)| now - **since >= GIVE_UP_AFTER;
        self.0.iter().filter(given_up).map(|(it, _)| *it).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_snapshot_has_half_a_minute_of_its_own() {
        let (rooms, weekly) = (Snapshot::RoomsMonth, Snapshot::Weekly);
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut failing = Failing::default();
        failing.record(&[rooms].into(), start);
        assert_eq!(failing.given_up(after(29)), [].into());
        // Its table is missing. Later MySQL is away for a moment.
        failing.record(&[rooms, weekly].into(), after(100));
        assert_eq!(failing.given_up(after(101)), [rooms].into());
        failing.record(&[rooms, weekly].into(), after(130));
        assert_eq!(failing.given_up(after(130)), [rooms, weekly].into());
        failing.record(&[rooms].into(), after(131));
        failing.record(&[rooms, weekly].into(), after(132));
        assert_eq!(failing.given_up(after(132)), [rooms].into());
    }
}
