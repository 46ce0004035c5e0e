//! Sends refresh requests to the worker.

use crate::failures::{REFRESH_REQUESTS, describe_error};
use crate::redis::client::RedisClient;
use crate::state::Gateway;
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use tracing::warn;

/// A refresh request that failed is repeated after this time, so that `/health` shows the present state. One that
/// succeeds costs the worker at most one count.
const RETRY_INTERVAL: Duration = Duration::from_secs(2);

/// Sends a refresh request when any HTTP request needs a count, at most one in each `Limits::refresh_request_gap`.
/// Never ends.
pub async fn run(gateway: &Gateway, client: &RedisClient) -> Infallible {
    loop {
        let requested = gateway.refresh_requests.requested();
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
                let why = describe_error(&e);
                if gateway.failures.set(REFRESH_REQUESTS, why.as_str()) {
                    warn!(error = why, "refresh requests cannot be sent: {why}");
                }
            }
        }
        sleep(gateway.config.limits.refresh_request_gap).await;
    }
}
