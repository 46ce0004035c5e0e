//! The doorbell: a request that finds no count asks the worker for one, and waits a moment for it.

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

/// A refresh request that Redis has refused is tried again so often, so that `/health` tells the present state. One that is
/// accepted costs the worker at most one count.
const TRY_AGAIN: Duration = Duration::from_secs(2);

/// The button that waiting requests press.
#[derive(Debug, Default)]
pub struct RefreshRequests {
    requested: Notify,
}

/// Waits for a fresh count; `None` at once while Redis is known to be away, or after the limit.
pub async fn wait_for_count(gateway: &Gateway) -> Option<Arc<CachedCount>> {
    if !gateway.cache.state().connected {
        return None;
    }
    let mut counts = gateway.cache.subscribe_counts();
    gateway.refresh_requests.requested.notify_one();
    let shown = |today: &Option<Arc<CachedCount>>| {
        let today = today.as_ref();
        today.is_some_and(|today| today.is_current(Instant::now()))
    };
    let fresh = timeout(gateway.config.limits.count_wait, counts.wait_for(shown));
    // A gateway that stops has no second to wait.
    let fresh = gateway.stop.run_until_cancelled(fresh).await?;
    fresh.ok()?.ok()?.clone()
}

/// Rings when the button was requested, however often; then lets a while pass. Does so for ever.
pub async fn send_requests(gateway: &Gateway, source: &RedisClient) -> Infallible {
    loop {
        let requested = gateway.refresh_requests.requested.notified();
        let failed = gateway.failures.contains(REFRESH_REQUESTS);
        if failed {
            drop(timeout(TRY_AGAIN, requested).await);
        } else {
            requested.await;
        }
        // Pressed during the last while, and answered since.
        if !failed && gateway.cache.state().today(Instant::now()).is_some() {
            continue;
        }
        gateway.metrics.refresh_requests.inc();
        match source.request_refresh().await {
            Ok(()) => gateway.failures.clear(REFRESH_REQUESTS),
            // Without a connection nothing else works either, and that is told already.
            Err(_) if !gateway.cache.state().connected => {
                gateway.failures.clear(REFRESH_REQUESTS);
            }
            Err(e) => {
                let why = in_short(&e);
                if gateway.failures.set(REFRESH_REQUESTS, why.as_str()) {
                    warn!(
                        error = why,
                        "the worker cannot be sent_at for a count: {why}"
                    );
                }
            }
        }
        sleep(gateway.config.limits.refresh_request_gap).await;
    }
}
