//! Whether what stands is as it should be. It follows from the snapshot alone, whoever made it.

use crate::held::Held;
use crate::schedule::Cron;
use shared::catalog::{Group, Snapshot};
use shared::time::{Clock, Timestamp};
use std::time::Duration;

/// What was made later than this from now was made by a wrong clock, or before ours was set back.
pub const AHEAD: Duration = Duration::from_secs(300);

/// When each group is to be made.
#[derive(Clone)]
pub struct Due {
    /// The time.
    pub clock: Clock,
    /// Of the visitor figures.
    pub visitors: Cron,
    /// Of the book figures.
    pub books: Cron,
}

impl Due {
    /// Whether a snapshot is to be made anew: it was made before its cron last came, by a clock that was wrong, or under other
    /// settings.
    pub fn is_due(&self, snapshot: Snapshot, held: &Held) -> bool {
        let now = self.clock.now();
        let cron = match snapshot.group() {
            Group::Visitors => &self.visitors,
            Group::Books => &self.books,
        };
        let last = cron.before(now).map(Timestamp::from);
        !held.by_our_settings
            || last.is_some_and(|last| held.generated_at < last)
            || held.generated_at > now.after(AHEAD)
    }
}
