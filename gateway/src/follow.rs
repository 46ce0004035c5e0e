//! The one task that keeps the mirror like Redis: subscribe, then read everything; read a key that a message names;
//! read everything again every 2 s and after every reconnect.
//!
//! A key that has gone, or holds what is not valid, leaves the last good copy in place.

use crate::Gateway;
use crate::awake::BEAT;
use crate::follower::Follower;
use crate::source::{Message, Source, Wanted};
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
pub async fn follow(gateway: &Gateway, source: &Source) -> anyhow::Result<()> {
    let mirror = &gateway.mirror;
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

    let mut follower = Follower::of(gateway);
    let mut has_read = false;
    // The client has been told to leave its connection, and has no new one yet.
    let mut leaving = false;
    // One reading at a time, so that an old value never comes after a new one.
    let mut reading = pin!(Fuse::terminated());
    let mut wanted = Wanted::default();
    // One batch at a time, while messages go on.
    let mut preparing = pin!(Fuse::terminated());
    loop {
        if let Some(batch) = follower.next_batch() {
            if batch.is_small() {
                follower.take_prepared(batch.run());
            } else {
                preparing.set(spawn_blocking(move || batch.run()).fuse());
            }
        }
        if has_read && preparing.is_terminated() {
            // A client that is told that this gateway is ready finds everything here.
            mirror.set_heard();
        }
        if reading.is_terminated() && !wanted.is_empty() {
            follower.crossed = false;
            reading.set(source.read(wanted.take()).fuse());
        }
        tokio::select! {
            // In the order in which Redis sent them: a message that came before an answer is taken in before it.
            biased;
            message = messages.recv() => {
                wanted.round |= follower.awake.turn(Instant::now());
                match message {
                    Ok(message) => match source.message(&message) {
                        Message::Today(bytes) => follower.take_message(&bytes, &message.server),
                        Message::Stored(snapshot) => drop(wanted.snapshots.insert(snapshot)),
                        Message::Unknown => drop(gateway.metrics.messages_refused.inc()),
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
                    Ok((error, _)) => follower.lose(&error),
                    Err(_) => mirror.set_connected(false),
                }
            }
            read = &mut reading => match read {
                Ok(read) => {
                    // After a gap a message that crossed it may be an old one, which is not shown: only the next reading
                    // tells the present count.
                    wanted.round |= follower.awake.caught_up(read.asked) && follower.crossed;
                    wanted.subscribe |= read.is_refused();
                    follower.take_reading(read);
                    has_read = true;
                }
                Err(e) => {
                    follower.lose(&e);
                    wanted.subscribe = true;
                    if *e.kind() == ErrorKind::Timeout && !mem::replace(&mut leaving, true) {
                        connection.leave();
                    }
                }
            },
            prepared = &mut preparing => follower.take_prepared(prepared.context("preparing snapshots")?),
            _ = beat.tick() => wanted.round |= follower.awake.turn(Instant::now()),
            _ = reread.tick() => wanted.round = true,
        }
    }
}
