//! The refresh_requested that a gateway rings when somebody asks for a count that it does not have.

use crate::publish::publisher::Publisher;
use crate::publish::redis_errors::RedisPart;
use anyhow::Context;
use fred::interfaces::{EventInterface, PubsubInterface};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;

/// To subscribe again changes nothing, and brings back a subscription that was lost in any way.
const SUBSCRIBE_AGAIN: Duration = Duration::from_secs(2);

/// Listens to the doorbell for ever, and passes each ring on.
pub(crate) async fn listen(store: Arc<Publisher>, ring: watch::Sender<()>) {
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
            let channel = store.keys().refresh_channel();
            let subscribed = redis.subscribe(&channel).await;
            let subscribed = subscribed.with_context(|| {
                format!("subscribing to {channel}: requests for a fresh count do not arrive")
            });
            store.errors().note(RedisPart::RefreshRequests, &subscribed);
        }
    }
}
