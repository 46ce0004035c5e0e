//! The gateway's cache: requests and streams read it without a lock, and only the subscriber's task changes it.

use crate::cache::cached_count::CachedCount;
use crate::cache::state::CacheState;
use arc_swap::{ArcSwap, Guard};
use shared::unavailable::Reasons;
use std::mem;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::info;

/// The current state, and channels that wake the tasks that wait for the next count or change.
#[derive(Debug, Default)]
pub struct Cache {
    state: ArcSwap<CacheState>,
    latest_count: watch::Sender<Option<Arc<CachedCount>>>,
    changes: watch::Sender<()>,
    ready: watch::Sender<bool>,
}

impl Cache {
    /// The current state.
    pub fn state(&self) -> Guard<Arc<CacheState>> {
        self.state.load()
    }

    /// Subscribes to counts: the latest one, even if expired, and each that follows. Slow receivers skip intermediate
    /// counts and see only the latest.
    pub fn subscribe_counts(&self) -> watch::Receiver<Option<Arc<CachedCount>>> {
        self.latest_count.subscribe()
    }

    /// Subscribes to changes of snapshots. Several that change together wake the receiver once.
    pub fn subscribe_changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// Records whether Redis answers.
    pub fn set_connected(&self, connected: bool) {
        if self.state().connected != connected {
            info!(
                connected,
                "{}",
                if connected {
                    "Redis answers"
                } else {
                    "Redis does not answer"
                }
            );
            self.change(|state| state.connected = connected);
        }
    }

    /// Records why some snapshots cannot be computed.
    pub fn set_unavailable(&self, reasons: Reasons) {
        if *self.state().unavailable != reasons {
            self.change(|state| state.unavailable = Arc::new(reasons));
        }
    }

    /// Records that the first read of every key has been applied.
    pub fn set_ready(&self) {
        self.ready
            .send_if_modified(|ready| !mem::replace(ready, true));
    }

    /// Whether every key has been read once, so that a snapshot that is missing here is missing in Redis.
    pub fn is_ready(&self) -> bool {
        *self.ready.borrow()
    }

    /// Waits until every key has been read once.
    pub async fn ready(&self) {
        // It cannot fail: the sender lives as long as `self`.
        drop(self.ready.subscribe().wait_for(|ready| *ready).await);
    }

    /// Replaces snapshots and summaries by those of `encoded`; then wakes the subscribers of changes, if `has_changes`.
    pub fn set_snapshots(&self, encoded: CacheState, has_changes: bool) {
        self.change(|state| state.merge_snapshots(encoded));
        if has_changes {
            self.changes.send_replace(());
        }
    }

    /// Sets today's count, then wakes the subscribers of counts. With `compose` the summary contains it at once,
    /// otherwise after the next batch.
    pub fn set_count(&self, today: CachedCount, compose: bool) {
        let today = Arc::new(today);
        self.change(|state| {
            state.insert_today(today.clone());
            if compose {
                state.compose();
            }
        });
        self.latest_count.send_replace(Some(today));
    }

    /// Whether the cache has a current count that was generated later than `today`.
    pub fn has_newer_count(&self, today: &CachedCount) -> bool {
        let state = self.state();
        let cached = state.today(Instant::now());
        cached.is_some_and(|cached| cached.count.generated_at > today.count.generated_at)
    }

    /// Only the subscriber's task calls this, so that no change is lost between load and store.
    fn change(&self, change: impl FnOnce(&mut CacheState)) {
        let mut next = CacheState::clone(&self.state());
        change(&mut next);
        self.state.store(Arc::new(next));
    }
}
