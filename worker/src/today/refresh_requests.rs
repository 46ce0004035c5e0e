//! Listens to refresh requests, which a gateway sends when a client asks for today's count and the gateway has none.

use crate::publish::publisher::Publisher;
use crate::publish::redis_errors::RedisTask;
use anyhow::Context;
use fred::interfaces::{EventInterface, PubsubInterface};
use shared::time::every;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;

/// How often the subscription is repeated. That does no harm, and restores a subscription that was lost in any way.
const RESUBSCRIBE_INTERVAL: Duration = Duration::from_secs(2);

/// Listens to refresh requests for ever, and notifies `refresh_requested` of each.
pub(crate) async fn listen(publisher: Arc<Publisher>, refresh_requested: watch::Sender<()>) {
    let redis = publisher.redis();
    let mut connected = redis.reconnect_rx();
    let mut messages = redis.message_rx();
    let mut resubscribe = every(RESUBSCRIBE_INTERVAL);
    loop {
        tokio::select! {
            message = messages.recv() => {
                if matches!(message, Err(RecvError::Closed)) {
                    return;
                }
                // Several missed requests count as one.
                refresh_requested.send_replace(());
                continue;
            }
            _ = connected.recv() => {}
            _ = resubscribe.tick() => {}
        }
        if publisher.is_connected() {
            let channel = publisher.keys().refresh_channel();
            let subscribed = redis.subscribe(&channel).await;
            let subscribed = subscribed.with_context(|| {
                format!("subscribing to {channel}: refresh requests do not arrive")
            });
            publisher
                .errors()
                .record(RedisTask::RefreshRequests, &subscribed);
        }
    }
}
