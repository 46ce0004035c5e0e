//! The one task that keeps the cache equal to Redis. It subscribes, then reads every key; it reads a key when a message
//! names it. Every 2 s and after each reconnect it compares the first bytes of every value with the cache, and reads the
//! values that differ.
//!
//! When a key is missing or its value is not valid, the last good copy stays.

use crate::redis::cache_updater::CacheUpdater;
use crate::redis::client::{ChannelMessage, ReadRequest, ReadResult, RedisClient};
use crate::redis::stall_detector::TICK_INTERVAL;
use crate::state::Gateway;
use anyhow::{Context, bail};
use arc_swap::Guard;
use fred::error::{Error, ErrorKind};
use fred::interfaces::EventInterface;
use fred::types::Message;
use fred::types::config::Server;
use futures_util::FutureExt;
use futures_util::future::{Fuse, FusedFuture};
use shared::redis::Connection;
use shared::time::every;
use std::collections::BTreeSet;
use std::mem;
use std::pin::pin;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

struct Subscriber<'a> {
    gateway: &'a Gateway,
    redis: &'a RedisClient,
    connection: Connection,
    updater: CacheUpdater<'a>,
    /// What the next read reads.
    request: ReadRequest,
    has_read: bool,
    /// The client has reconnected since the current read was requested.
    has_reconnected: bool,
    /// The client was asked to reconnect, and has no new connection yet.
    reconnecting: bool,
}

/// Keeps the cache equal to Redis, for ever.
///
/// # Errors
/// If the Redis client ends, or a batch panics.
pub async fn run(gateway: &Gateway, redis: &RedisClient) -> anyhow::Result<()> {
    let mut messages = redis.client.message_rx();
    let mut reconnects = redis.client.reconnect_rx();
    let mut errors = redis.client.error_rx();
    let mut subscriber = Subscriber {
        gateway,
        redis,
        connection: Connection::start(&redis.client),
        updater: CacheUpdater::for_gateway(gateway),
        request: ReadRequest::default(),
        has_read: false,
        has_reconnected: false,
        reconnecting: false,
    };
    // The first read follows the first connection.
    let period = gateway.config.limits.reread;
    let mut reread = interval_at(Instant::now() + period, period);
    reread.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut tick = every(TICK_INTERVAL);
    // One read at a time, so that an old value never comes after a new one.
    let mut reading = pin!(Fuse::terminated());
    // One batch at a time; messages are handled meanwhile.
    let mut encoding = pin!(Fuse::terminated());
    loop {
        if let Some(batch) = subscriber.updater.next_batch() {
            if batch.is_small() {
                subscriber.updater.apply_snapshots(batch.run());
            } else {
                encoding.set(spawn_blocking(move || batch.run()).fuse());
            }
        }
        if subscriber.has_read && encoding.is_terminated() {
            // Only now: everything that Redis had is in the cache when `/readyz` says 200.
            gateway.cache.set_ready();
        }
        if reading.is_terminated() && !subscriber.request.is_empty() {
            subscriber.updater.message_since_read = false;
            subscriber.has_reconnected = false;
            let cached = Guard::into_inner(gateway.cache.state());
            reading.set(redis.read(subscriber.request.take(), cached).fuse());
        }
        tokio::select! {
            // In the order in which Redis sent them: a message is applied before the replies that follow it.
            biased;
            message = messages.recv() => subscriber.on_message(message)?,
            // The first connection counts as one too.
            server = reconnects.recv() => subscriber.on_reconnect(&server)?,
            error = errors.recv() => subscriber.on_error(error)?,
            result = &mut reading => subscriber.on_read(result),
            batch = &mut encoding => subscriber.updater.apply_snapshots(batch.context("encoding snapshots")?),
            _ = tick.tick() => subscriber.detect_stall(),
            _ = reread.tick() => subscriber.request.all_keys = true,
        }
    }
}

impl Subscriber<'_> {
    fn on_message(&mut self, message: Result<Message, RecvError>) -> anyhow::Result<()> {
        self.detect_stall();
        match message {
            Ok(message) => match self.redis.parse_message(&message) {
                ChannelMessage::Count(bytes) => self.updater.apply_message(&bytes, &message.server),
                ChannelMessage::Stored(snapshot) => drop(self.request.snapshots.insert(snapshot)),
                ChannelMessage::Reasons => self.request.all_keys = true,
                ChannelMessage::Unknown => drop(self.gateway.metrics.messages_invalid.inc()),
            },
            Err(RecvError::Lagged(_)) => self.request.all_keys = true,
            Err(RecvError::Closed) => bail!("the Redis client has closed its channel of messages"),
        }
        Ok(())
    }

    fn on_reconnect(&mut self, server: &Result<Server, RecvError>) -> anyhow::Result<()> {
        if matches!(server, Err(RecvError::Closed)) {
            bail!("the Redis client has closed its channel of reconnects");
        }
        self.reconnecting = false;
        // What the old server has announced, a replica that was promoted since may not have yet.
        self.has_reconnected = true;
        self.request = ReadRequest {
            all_keys: true,
            subscribe: true,
            snapshots: BTreeSet::new(),
        };
        Ok(())
    }

    fn on_error(
        &mut self,
        error: Result<(Error, Option<Server>), RecvError>,
    ) -> anyhow::Result<()> {
        match error {
            Ok((error, _)) => self.updater.on_redis_error(&error),
            Err(RecvError::Lagged(_)) => self.gateway.cache.set_connected(false),
            Err(RecvError::Closed) => bail!("the Redis client has closed its channel of errors"),
        }
        Ok(())
    }

    fn on_read(&mut self, result: Result<ReadResult, Error>) {
        match result {
            Ok(mut read) => {
                if self.has_reconnected {
                    read.announced.clear();
                }
                // After a gap, the message that came during this read may have been old and is not shown. Only another
                // read finds the present count.
                let resolved = self.updater.stall_detector.resolved_by(read.sent_at);
                self.request.all_keys |= resolved && self.updater.message_since_read;
                self.request.subscribe |= read.is_refused();
                self.updater.apply_read(read);
                self.has_read = true;
            }
            Err(e) => {
                self.updater.on_redis_error(&e);
                self.request.subscribe = true;
                let timed_out = *e.kind() == ErrorKind::Timeout;
                if timed_out && !mem::replace(&mut self.reconnecting, true) {
                    self.connection.leave();
                }
            }
        }
    }

    /// Reads every key if this process did not run for a while.
    fn detect_stall(&mut self) {
        self.request.all_keys |= self.updater.stall_detector.tick(Instant::now());
    }
}
