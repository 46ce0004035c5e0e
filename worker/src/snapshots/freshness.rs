//! Decides whether a snapshot is due. The answer follows from the snapshot alone, whichever worker computed it.

use crate::config::Config;
use crate::publish::cached_snapshot::{CachedSnapshot, Recency};
use crate::snapshots::cron::Cron;
use shared::catalog::{Schedule, Snapshot};
use shared::time::{Clock, Timestamp};
use std::time::Duration;

/// A snapshot dated further ahead than this was computed with a wrong clock, or before this machine's clock was set
/// back.
pub const MAX_CLOCK_SKEW: Duration = Duration::from_secs(300);

/// Decides when the snapshots of each schedule are due.
#[derive(Clone)]
pub struct FreshnessPolicy {
    /// The time of day.
    pub clock: Clock,
    /// The schedule of the visitor figures.
    pub visitors: Cron,
    /// The schedule of the book figures.
    pub books: Cron,
}

impl FreshnessPolicy {
    /// Creates the policy for the crons of `config`.
    pub fn new(config: &Config, clock: &Clock) -> Self {
        Self {
            clock: clock.clone(),
            visitors: config.visitor_cron.clone(),
            books: config.books_cron.clone(),
        }
    }

    /// When the cron of `schedule` last came, whether or not a worker was running; `None` when that was years ago.
    pub fn last_due(&self, schedule: Schedule) -> Option<Timestamp> {
        self.cron(schedule).before(self.clock.now())
    }

    /// When the cron of `schedule` comes next.
    pub fn next_due(&self, schedule: Schedule) -> Option<Timestamp> {
        self.cron(schedule).after(self.clock.now())
    }

    fn cron(&self, schedule: Schedule) -> &Cron {
        match schedule {
            Schedule::Visitors => &self.visitors,
            Schedule::Books => &self.books,
        }
    }

    /// Whether a snapshot must be computed again: Redis lost it while it was possibly outdated, or it was computed
    /// before its cron last came, with a wrong clock, or under other settings.
    pub fn is_due(&self, snapshot: Snapshot, cached: &CachedSnapshot) -> bool {
        let last = self.last_due(snapshot.schedule());
        cached.recency == Recency::Lost
            || !cached.by_our_settings
            || last.is_some_and(|last| cached.generated_at < last)
            || cached.generated_at > self.clock.now().plus(MAX_CLOCK_SKEW)
    }
}
