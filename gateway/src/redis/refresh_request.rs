//! An HTTP request that finds no count of today makes the gateway ask the worker for one, and waits for it.

use crate::cache::cached_count::CachedCount;
use crate::cache::live_cache::Cache;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::{Instant, timeout};

/// Wakes the task that sends refresh requests.
#[derive(Debug, Default)]
pub struct RefreshRequests {
    requested: Notify,
}

impl RefreshRequests {
    /// Waits until an HTTP request needs a count.
    pub fn requested(&self) -> Notified<'_> {
        self.requested.notified()
    }

    /// Asks the worker for a count without waiting for it. Returns false if Redis does not answer.
    pub fn request(&self, cache: &Cache) -> bool {
        let connected = cache.state().connected;
        if connected {
            self.requested.notify_one();
        }
        connected
    }

    /// Asks the worker for a count and waits for it, for `limit` at most.
    ///
    /// Returns `None` at once if Redis does not answer, and after `limit` if no count has come.
    pub async fn wait_for_count(&self, cache: &Cache, limit: Duration) -> Option<Arc<CachedCount>> {
        let mut counts = cache.subscribe_counts();
        if !self.request(cache) {
            return None;
        }
        let is_current = |today: &Option<Arc<CachedCount>>| {
            let today = today.as_ref();
            today.is_some_and(|today| today.is_current(Instant::now()))
        };
        let fresh = timeout(limit, counts.wait_for(is_current)).await;
        fresh.ok()?.ok()?.clone()
    }
}
