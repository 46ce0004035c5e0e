//! The doorbell: a request that finds no count asks the worker for one, and waits a moment for it.

use crate::Gateway;
use crate::source::Source;
use crate::today::Today;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};
use tracing::debug;

/// The button that waiting requests press.
#[derive(Debug, Default)]
pub struct Doorbell {
    pressed: Notify,
}

/// Waits for a fresh count; `None` at once while Redis is known to be away, or after the limit.
pub async fn wait_for_count(gateway: &Gateway) -> Option<Arc<Today>> {
    if !gateway.mirror.holdings().connected {
        return None;
    }
    let mut counts = gateway.mirror.counts();
    gateway.doorbell.pressed.notify_one();
    let shown = |today: &Option<Arc<Today>>| {
        let today = today.as_ref();
        today.is_some_and(|today| today.is_shown(Instant::now()))
    };
    let fresh = timeout(gateway.config.limits.count_wait, counts.wait_for(shown));
    // A gateway that stops has no second to wait.
    let fresh = gateway.stop.run_until_cancelled(fresh).await?;
    fresh.ok()?.ok()?.clone()
}

/// Rings when the button was pressed, however often; then lets a while pass. Does so for ever.
pub async fn answer_presses(gateway: &Gateway, source: &Source) -> Infallible {
    loop {
        gateway.doorbell.pressed.notified().await;
        // Pressed during the last while, and answered since.
        if gateway.mirror.holdings().today(Instant::now()).is_some() {
            continue;
        }
        gateway.metrics.rings.inc();
        if let Err(e) = source.ring().await {
            debug!(error = %e, "the doorbell could not be rung");
        }
        sleep(gateway.config.limits.doorbell_gap).await;
    }
}
