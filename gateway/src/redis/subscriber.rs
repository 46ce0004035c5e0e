//! The one task that keeps the cache like Redis: subscribe, then read everything; read a key that a message names;
//! read everything again every 2 s and after every reconnect.
//!
//! A key that has gone, or holds what is not valid, leaves the last good copy in place.

use crate::Gateway;
use crate::redis::cache_updater::CacheUpdater;
use crate::redis::client::{ChannelMessage, ReadRequest, RedisClient};
use crate::redis::stall_detector::BEAT;
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

/// Follows for ever.
///
/// # Errors
/// The client has ended, which it never should.
pub async fn run(gateway: &Gateway, source: &RedisClient) -> anyhow::Result<()> {
    let cache = &gateway.cache;
    let mut messages = source.client.message_rx();
    let mut reconnects = source.client.reconnect_rx();
    let mut losses = source.client.error_rx();
    let connection = Connection::start(&source.client);
    // The first reading comes with the connection.
    let period = gateway.config.limits.reread;
    let mut reread = interval_at(Instant::now() + period, period);
    reread.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut beat = interval(BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);

    let mut updater = CacheUpdater::of(gateway);
    let mut has_read = false;
    // The client has been told to leave its connection, and has no new one yet.
    let mut leaving = false;
    // One reading at a time, so that an old value never comes after a new one.
    let mut reading = pin!(Fuse::terminated());
    let mut wanted = ReadRequest::default();
    // One batch at a time, while messages go on.
    let mut preparing = pin!(Fuse::terminated());
    loop {
        if let Some(batch) = updater.next_batch() {
            if batch.is_small() {
                updater.take_prepared(batch.run());
            } else {
                preparing.set(spawn_blocking(move || batch.run()).fuse());
            }
        }
        if has_read && preparing.is_terminated() {
            // A client that is told that this gateway is ready finds everything here.
            cache.set_heard();
        }
        if reading.is_terminated() && !wanted.is_empty() {
            updater.message_since_read = false;
            reading.set(source.read(wanted.take()).fuse());
        }
        tokio::select! {
            // In the order in which Redis sent them: a message that came before an answer is taken in before it.
            biased;
            message = messages.recv() => {
                wanted.round |= updater.stall_detector.tick(Instant::now());
                match message {
                    Ok(message) => match source.message(&message) {
                        ChannelMessage::Count(bytes) => updater.apply_message(&bytes, &message.server),
                        ChannelMessage::Stored(snapshot) => drop(wanted.snapshots.insert(snapshot)),
                        ChannelMessage::Unknown => drop(gateway.metrics.messages_invalid.inc()),
                    },
                    Err(RecvError::Lagged(_)) => wanted.round = true,
                    Err(RecvError::Closed) => bail!("the Redis client sends no more messages"),
                }
            }
            // The first connection counts as one too.
            event = reconnects.recv() => {
                if matches!(event, Err(RecvError::Closed)) {
                    bail!("the Redis client tells no more of its connections");
                }
                leaving = false;
                wanted.round = true;
                wanted.subscribe = true;
            }
            event = losses.recv() => {
                if matches!(event, Err(RecvError::Closed)) {
                    bail!("the Redis client tells no more of its losses");
                }
                match event {
                    Ok((error, _)) => updater.lose(&error),
                    Err(_) => cache.set_connected(false),
                }
            }
            read = &mut reading => match read {
                Ok(read) => {
                    // After a gap a message that message_since_read it may be an old one, which is not shown: only the next reading
                    // tells the present count.
                    wanted.round |= updater.stall_detector.resolved_by(read.sent_at) && updater.message_since_read;
                    wanted.subscribe |= read.is_refused();
                    updater.apply_read(read);
                    has_read = true;
                }
                Err(e) => {
                    updater.lose(&e);
                    wanted.subscribe = true;
                    if *e.kind() == ErrorKind::Timeout && !mem::replace(&mut leaving, true) {
                        connection.leave();
                    }
                }
            },
            prepared = &mut preparing => updater.take_prepared(prepared.context("preparing snapshots")?),
            _ = beat.tick() => wanted.round |= updater.stall_detector.tick(Instant::now()),
            _ = reread.tick() => wanted.round = true,
        }
    }
}
