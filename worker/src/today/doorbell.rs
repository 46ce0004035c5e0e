//! The bell that a gateway rings when somebody asks for a count that it does not have.

use crate::store::Store;
use fred::interfaces::{EventInterface, PubsubInterface};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tracing::debug;

/// To subscribe again changes nothing, and brings back a subscription that was lost in any way.
const SUBSCRIBE_AGAIN: Duration = Duration::from_secs(2);

/// Listens to the doorbell for ever, and passes each ring on.
pub(crate) async fn hear(store: Arc<Store>, ring: watch::Sender<()>) {
    let redis = store.redis();
    let mut connected = redis.reconnect_rx();
    let mut messages = redis.message_rx();
    let mut again = tokio::time::interval(SUBSCRIBE_AGAIN);
    loop {
        tokio::select! {
            message = messages.recv() => {
                if matches!(message, Err(RecvError::Closed)) {
                    return;
                }
                // Rings that were missed are as good as one.
                ring.send_replace(());
                continue;
            }
            _ = connected.recv() => {}
            _ = again.tick() => {}
        }
        if store.is_connected() {
            let subscribed: Result<(), _> = redis.subscribe(store.keys().doorbell()).await;
            if let Err(error) = subscribed {
                debug!(%error, "the doorbell cannot be heard for the moment");
            }
        }
    }
}
