//! Whether what stands is as it should be. It follows from the snapshot alone, whoever made it.

use crate::publish::cached_snapshot::CachedSnapshot;
use crate::snapshots::cron::Cron;
use shared::catalog::{Group, Snapshot};
use shared::time::{Clock, Timestamp};
use std::time::Duration;

/// What was made later than this from now was made by a wrong clock, or before ours was set back.
pub const AHEAD: Duration = Duration::from_secs(300);

/// When each group is to be made.
#[derive(Clone)]
pub struct FreshnessPolicy {
    /// The time.
    pub clock: Clock,
    /// Of the visitor figures.
    pub visitors: Cron,
    /// Of the book figures.
    pub books: Cron,
}

impl FreshnessPolicy {
    /// When the figures of `group` were last due, whoever was there to make them; `None` when that was years ago.
    pub fn last(&self, group: Group) -> Option<Timestamp> {
        let cron = match group {
            Group::Visitors => &self.visitors,
            Group::Books => &self.books,
        };
        cron.before(self.clock.now()).map(Timestamp::from)
    }

    /// Whether a snapshot is to be made anew: it was made before its cron last came, by a clock that was wrong, or under other
    /// settings.
    pub fn is_due(&self, snapshot: Snapshot, held: &CachedSnapshot) -> bool {
        let last = self.last(snapshot.group());
        !held.by_our_settings
            || last.is_some_and(|last| held.generated_at < last)
            || held.generated_at > self.clock.now().after(AHEAD)
    }
}
