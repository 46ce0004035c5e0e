//! The one task that keeps the mirror like Redis: subscribe, then read everything; read a key that a message names;
//! read everything again every 2 s and after every reconnect.
//!
//! A key that has gone, or holds what is not valid, leaves the last good copy in place.

use crate::Gateway;
use crate::awake::{Awake, BEAT};
use crate::entry::Entry;
use crate::metrics::Metrics;
use crate::mirror::Mirror;
use crate::source::{Message, Reading, Source, Value, Wanted};
use crate::today::Today;
use anyhow::bail;
use fred::error::{Error, ErrorKind};
use fred::interfaces::EventInterface;
use fred::types::config::Server;
use futures_util::FutureExt;
use futures_util::future::{Fuse, FusedFuture};
use prometheus_client::metrics::counter::Counter;
use shared::catalog::Snapshot;
use shared::redis::Connection;
use std::collections::HashMap;
use std::mem;
use std::pin::pin;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing::{debug, warn};
use xxhash_rust::xxh3::xxh3_64;

/// Between two lines about messages that are not valid, however many come.
const QUIET: Duration = Duration::from_secs(60);
/// How long a snapshot that is older than what is shown is passed over. The worker looks every 2 s, and after a fail-over a
/// standby is active within 6 s; what still stands after that is meant.
const PATIENCE: Duration = Duration::from_secs(10);

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
    let mut reread = interval(gateway.config.limits.reread);
    reread.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut beat = interval(BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);

    let mut follower = Follower::new(mirror, &gateway.metrics);
    // One reading at a time, so that an old value never comes after a new one.
    let mut reading = pin!(Fuse::terminated());
    let mut wanted = Wanted::default();
    loop {
        if reading.is_terminated() && !wanted.is_empty() {
            follower.crossed = false;
            reading.set(source.read(mem::take(&mut wanted)).fuse());
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
                        Message::Unknown => drop(follower.refused.inc()),
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
                follower.breaking = false;
                wanted.round = true;
            }
            event = losses.recv() => {
                if matches!(event, Err(RecvError::Closed)) {
                    bail!("the Redis client tells no more of its losses");
                }
                mirror.set_connected(false);
            }
            read = &mut reading => match read {
                Ok(read) => {
                    follower.trouble.clear();
                    // After a gap a message that crossed it may be an old one, which is not shown: only the next reading
                    // tells the present count.
                    wanted.round |= follower.awake.caught_up(read.asked) && follower.crossed;
                    follower.take_reading(read);
                    // Who is told that this gateway is ready finds everything here.
                    mirror.set_connected(true);
                }
                Err(e) => {
                    follower.say_once(&e);
                    mirror.set_connected(false);
                    if *e.kind() == ErrorKind::Timeout {
                        follower.break_connection(&connection);
                    }
                }
            },
            _ = beat.tick() => wanted.round |= follower.awake.turn(Instant::now()),
            _ = reread.tick() => wanted.round = true,
        }
    }
}

/// What the following task remembers between two steps.
struct Follower<'a> {
    mirror: &'a Mirror,
    received: &'a Counter,
    refused: &'a Counter,
    /// Whether it stood still, so that a message may be older than it seems.
    awake: Awake,
    /// Which server the last valid count came from.
    speaker: Option<Server>,
    /// A valid count came by message since the reading began, and is at least as new as what will be read.
    crossed: bool,
    /// The client has been told to make a new connection, and has not made it yet.
    breaking: bool,
    /// Why the last reading failed, once it has been said.
    trouble: String,
    /// When a bad message was last spoken of.
    warned: Option<Instant>,
    /// Since when what stands in Redis is older than what is shown.
    older: HashMap<Snapshot, Instant>,
    /// The last value of each key that was complained about, so that each is complained about once.
    bad: HashMap<Option<Snapshot>, u64>,
}

impl<'a> Follower<'a> {
    fn new(mirror: &'a Mirror, metrics: &'a Metrics) -> Self {
        Self {
            mirror,
            received: &metrics.counts_received,
            refused: &metrics.messages_refused,
            awake: Awake::new(Instant::now()),
            speaker: None,
            crossed: false,
            breaking: false,
            trouble: String::new(),
            warned: None,
            older: HashMap::new(),
            bad: HashMap::new(),
        }
    }

    /// Says why Redis cannot be read, when it is another reason than before.
    fn say_once(&mut self, error: &Error) {
        let text = error.to_string();
        if self.trouble != text {
            warn!(error = text, "Redis cannot be read: {text}");
            self.trouble = text;
        }
    }

    fn take_message(&mut self, bytes: &[u8], server: &Server) {
        match Today::received(bytes, self.awake.received()) {
            Ok(today) => {
                self.received.inc();
                // When a cluster has moved the slot, we listen at two servers, and one of them may be late.
                if self.speaker.as_ref() != Some(server) && self.mirror.shows_newer(&today) {
                    return;
                }
                self.speaker = Some(server.clone());
                self.crossed = true;
                self.take_today(today);
            }
            Err(e) => {
                self.refused.inc();
                let now = Instant::now();
                if self.warned.is_none_or(|warned| now - warned >= QUIET) {
                    self.warned = Some(now);
                    let refused = self.refused.get();
                    warn!(error = %e, refused, "messages that are not counts are not passed on, {refused} so far");
                }
            }
        }
    }

    fn take_reading(&mut self, reading: Reading) {
        for (snapshot, value) in reading.snapshots {
            match value {
                Value::None => {}
                Value::Unusable(why) => self.complain(Some(snapshot), why.as_bytes(), &why),
                Value::Bytes(bytes) => {
                    self.take_snapshot(snapshot, &bytes, reading.named.contains(&snapshot));
                }
            }
        }
        match reading.today {
            Some((Value::Unusable(why), _)) => self.complain(None, why.as_bytes(), &why),
            Some((Value::Bytes(bytes), remaining)) if !self.crossed => {
                match Today::stored(&bytes, reading.asked, remaining) {
                    // Of a replica, promoted a moment ago, that has missed the newest.
                    Ok(today) if self.mirror.shows_newer(&today) => {}
                    Ok(today) => self.take_today(today),
                    Err(e) => self.complain(None, &bytes, &e),
                }
            }
            _ => {}
        }
    }

    fn take_snapshot(&mut self, snapshot: Snapshot, bytes: &[u8], is_named: bool) {
        let holdings = self.mirror.holdings();
        let present = holdings.snapshot(snapshot);
        if present.is_some_and(|entry| entry.body == bytes) {
            self.older.remove(&snapshot);
            return;
        }
        match Entry::stored(snapshot, bytes) {
            Ok(entry) => {
                let is_older = present.is_some_and(|shown| shown.generated_at > entry.generated_at);
                if is_older && !is_named && self.passes_over(snapshot) {
                    return;
                }
                self.older.remove(&snapshot);
                debug!(%snapshot, generated_at = %entry.generated_at, "a new {snapshot}");
                self.mirror.put(snapshot, entry);
            }
            Err(e) => self.complain(Some(snapshot), bytes, &e),
        }
    }

    /// Whether an older one than the one that is shown is of a replica, promoted a moment ago, that has missed the newest: the
    /// worker stores that again. Otherwise its clock was set back.
    fn passes_over(&mut self, snapshot: Snapshot) -> bool {
        let since = *self.older.entry(snapshot).or_insert_with(Instant::now);
        since.elapsed() < PATIENCE
    }

    /// The same bytes again are the same count: neither relayed again nor shown for longer. What is over is none: the same
    /// bytes may follow by a reading that knows how long they live.
    fn take_today(&self, today: Today) {
        let is_new = !self.mirror.holdings().has_count(&today.message);
        if is_new && today.is_shown(Instant::now()) {
            self.mirror.put_today(today);
        }
    }

    fn complain(&mut self, key: Option<Snapshot>, bytes: &[u8], error: &dyn std::fmt::Display) {
        let hash = xxh3_64(bytes);
        if self.bad.insert(key, hash) != Some(hash) {
            self.refused.inc();
            let name = key.map_or("today's count".to_owned(), Snapshot::name);
            warn!(key = name, %error, "the value under a key is not valid: {name}");
        }
    }

    /// Leaves a connection that does not answer, once.
    fn break_connection(&mut self, connection: &Connection) {
        if !mem::replace(&mut self.breaking, true) {
            connection.leave();
        }
    }
}
