//! The one task that keeps the cache equal to Redis. It subscribes, then reads every key; it reads a key when a message
//! names it, and every key again every 2 s and after each reconnect.
//!
//! When a key is missing or its value is not valid, the last good copy stays.

use crate::redis::cache_updater::CacheUpdater;
use crate::redis::client::{ChannelMessage, ReadRequest, RedisClient};
use crate::redis::stall_detector::TICK_INTERVAL;
use crate::state::Gateway;
use anyhow::{Context, bail};
use fred::error::ErrorKind;
use fred::interfaces::EventInterface;
use futures_util::FutureExt;
use futures_util::future::{Fuse, FusedFuture};
use shared::redis::Connection;
use std::mem;
use std::pin::pin;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, MissedTickBehavior, interval, interval_at};

/// Keeps the cache equal to Redis, for ever.
///
/// # Errors
/// If the Redis client ends, or a batch panics.
pub async fn run(gateway: &Gateway, redis: &RedisClient) -> anyhow::Result<()> {
    let cache = &gateway.cache;
    let mut messages = redis.client.message_rx();
    let mut reconnects = redis.client.reconnect_rx();
    let mut errors = redis.client.error_rx();
    let connection = Connection::start(&redis.client);
    // The first read follows the first connection.
    let period = gateway.config.limits.reread;
    let mut reread = interval_at(Instant::now() + period, period);
    reread.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut tick = interval(TICK_INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);

    let mut updater = CacheUpdater::for_gateway(gateway);
    let mut has_read = false;
    // The client was asked to reconnect, and has no new connection yet.
    let mut reconnecting = false;
    // One read at a time, so that an old value never comes after a new one.
    let mut reading = pin!(Fuse::terminated());
    let mut request = ReadRequest::default();
    // One batch at a time; messages are handled meanwhile.
    let mut encoding = pin!(Fuse::terminated());
    loop {
        if let Some(batch) = updater.next_batch() {
            if batch.is_small() {
                updater.apply_snapshots(batch.run());
            } else {
                encoding.set(spawn_blocking(move || batch.run()).fuse());
            }
        }
        if has_read && encoding.is_terminated() {
            // Only now: everything that Redis had is in the cache when `/readyz` says 200.
            cache.set_ready();
        }
        if reading.is_terminated() && !request.is_empty() {
            updater.message_since_read = false;
            reading.set(redis.read(request.take()).fuse());
        }
        tokio::select! {
            // In the order in which Redis sent them: a message is applied before the replies that follow it.
            biased;
            message = messages.recv() => {
                request.all_keys |= updater.stall_detector.tick(Instant::now());
                match message {
                    Ok(message) => match redis.parse_message(&message) {
                        ChannelMessage::Count(bytes) => updater.apply_message(&bytes, &message.server),
                        ChannelMessage::Stored(snapshot) => drop(request.snapshots.insert(snapshot)),
                        ChannelMessage::Unknown => drop(gateway.metrics.messages_invalid.inc()),
                    },
                    Err(RecvError::Lagged(_)) => request.all_keys = true,
                    Err(RecvError::Closed) => bail!("the Redis client has closed its channel of messages"),
                }
            }
            // The first connection counts as one too.
            event = reconnects.recv() => {
                if matches!(event, Err(RecvError::Closed)) {
                    bail!("the Redis client has closed its channel of reconnects");
                }
                reconnecting = false;
                request.all_keys = true;
                request.subscribe = true;
            }
            event = errors.recv() => {
                if matches!(event, Err(RecvError::Closed)) {
                    bail!("the Redis client has closed its channel of errors");
                }
                match event {
                    Ok((error, _)) => updater.on_redis_error(&error),
                    Err(_) => cache.set_connected(false),
                }
            }
            result = &mut reading => match result {
                Ok(read) => {
                    // After a gap, the message that came during this read may have been old and is not shown. Only
                    // another read finds the present count.
                    request.all_keys |= updater.stall_detector.resolved_by(read.sent_at) && updater.message_since_read;
                    request.subscribe |= read.is_refused();
                    updater.apply_read(read);
                    has_read = true;
                }
                Err(e) => {
                    updater.on_redis_error(&e);
                    request.subscribe = true;
                    if *e.kind() == ErrorKind::Timeout && !mem::replace(&mut reconnecting, true) {
                        connection.leave();
                    }
                }
            },
            encoded = &mut encoding => updater.apply_snapshots(encoded.context("encoding snapshots")?),
            _ = tick.tick() => request.all_keys |= updater.stall_detector.tick(Instant::now()),
            _ = reread.tick() => request.all_keys = true,
        }
    }
}
