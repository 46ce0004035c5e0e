//! Refresh requests: an HTTP request that finds no count makes the gateway ask the worker for one, and waits for it.

use crate::Gateway;
use crate::cache::cached_count::CachedCount;
use crate::failures::{REFRESH_REQUESTS, in_short};
use crate::redis::client::RedisClient;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};
use tracing::warn;

/// A refresh request that failed is repeated after this time, so that `/health` shows the present state. One that
/// succeeds costs the worker at most one count.
const RETRY_INTERVAL: Duration = Duration::from_secs(2);

/// Wakes [`send_requests`] when an HTTP request needs a count.
#[derive(Debug, Default)]
pub struct RefreshRequests {
    requested: Notify,
}

/// Asks the worker for a count and waits for it.
///
/// Returns `None` at once if Redis does not answer or the gateway stops, and after `Limits::count_wait` (1 s) if no
/// count has come.
pub async fn wait_for_count(gateway: &Gateway) -> Option<Arc<CachedCount>> {
    if !gateway.cache.state().connected {
        return None;
    }
    let mut counts = gateway.cache.subscribe_counts();
    gateway.refresh_requests.requested.notify_one();
    let is_current = |today: &Option<Arc<CachedCount>>| {
        let today = today.as_ref();
        today.is_some_and(|today| today.is_current(Instant::now()))
    };
    let fresh = timeout(
        gateway.config.limits.count_wait,
        counts.wait_for(is_current),
    );
    // A gateway that stops does not wait.
    let fresh = gateway.stop.run_until_cancelled(fresh).await?;
    fresh.ok()?.ok()?.clone()
}

/// Sends a refresh request when any HTTP request needs a count, at most one in each `Limits::refresh_request_gap`.
/// Never ends.
pub async fn send_requests(gateway: &Gateway, client: &RedisClient) -> Infallible {
    loop {
        let requested = gateway.refresh_requests.requested.notified();
        let failed = gateway.failures.contains(REFRESH_REQUESTS);
        if failed {
            drop(timeout(RETRY_INTERVAL, requested).await);
        } else {
            requested.await;
        }
        // A count has come since the request.
        if !failed && gateway.cache.state().today(Instant::now()).is_some() {
            continue;
        }
        gateway.metrics.refresh_requests.inc();
        match client.request_refresh().await {
            Ok(()) => gateway.failures.clear(REFRESH_REQUESTS),
            // Without a connection nothing else works either, and that is reported already.
            Err(_) if !gateway.cache.state().connected => {
                gateway.failures.clear(REFRESH_REQUESTS);
            }
            Err(e) => {
                let why = in_short(&e);
                if gateway.failures.set(REFRESH_REQUESTS, why.as_str()) {
                    warn!(error = why, "refresh requests cannot be sent: {why}");
                }
            }
        }
        sleep(gateway.config.limits.refresh_request_gap).await;
    }
}
