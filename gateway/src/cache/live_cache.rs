//! The copy of what Redis holds, as requests and streams see it: read without a lock, changed by one task alone.

use crate::cache::cached_count::CachedCount;
use crate::cache::state::CacheState;
use arc_swap::{ArcSwap, Guard};
use std::mem;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::info;

/// The state of the moment, and slots that wake who waits for the next count or change.
#[derive(Debug, Default)]
pub struct Cache {
    state: ArcSwap<CacheState>,
    newest: watch::Sender<Option<Arc<CachedCount>>>,
    changes: watch::Sender<()>,
    ready: watch::Sender<bool>,
}

impl Cache {
    /// What is held now.
    pub fn state(&self) -> Guard<Arc<CacheState>> {
        self.state.load()
    }

    /// The newest count, expired or not, and each that follows. Who is slow sees the newest alone.
    pub fn subscribe_counts(&self) -> watch::Receiver<Option<Arc<CachedCount>>> {
        self.newest.subscribe()
    }

    /// Wakes whenever a snapshot has changed, once for several that change together.
    pub fn subscribe_changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// Notes that Redis has answered, or has not.
    pub fn set_connected(&self, connected: bool) {
        if self.state().connected != connected {
            info!(
                connected,
                "Redis {}",
                if connected { "answers" } else { "is away" }
            );
            self.change(|state| state.connected = connected);
        }
    }

    /// Notes that the first answers of Redis have been taken in.
    pub fn set_heard(&self) {
        self.ready
            .send_if_modified(|ready| !mem::replace(ready, true));
    }

    /// Whether Redis has ever answered, so that what is missing is missing there.
    pub fn is_ready(&self) -> bool {
        *self.ready.borrow()
    }

    /// Waits for the first answer of Redis.
    pub async fn ready(&self) {
        // An error would mean that the cache is gone, which is borrowed here.
        drop(self.ready.subscribe().wait_for(|ready| *ready).await);
    }

    /// Takes new snapshots and summaries in; then wakes the tasks that tell of them, if `has_changes`.
    pub fn put_prepared(&self, prepared: CacheState, has_changes: bool) {
        self.change(|state| state.take_prepared(prepared));
        if has_changes {
            self.changes.send_replace(());
        }
    }

    /// Takes a new count in, then wakes the tasks that wait for it. With `compose` it is in the summary at once, else with the
    /// next batch.
    pub fn set_count(&self, today: CachedCount, compose: bool) {
        let today = Arc::new(today);
        self.change(|state| {
            state.insert_today(today.clone());
            if compose {
                state.compose();
            }
        });
        self.newest.send_replace(Some(today));
    }

    /// Whether a count that was made later may be shown still.
    pub fn has_newer_count(&self, today: &CachedCount) -> bool {
        let state = self.state();
        let present = state.today(Instant::now());
        present.is_some_and(|present| present.count.generated_at > today.count.generated_at)
    }

    /// Only the following task changes anything, so no change is lost between the two lines.
    fn change(&self, change: impl FnOnce(&mut CacheState)) {
        let mut next = CacheState::clone(&self.state());
        change(&mut next);
        self.state.store(Arc::new(next));
    }
}
