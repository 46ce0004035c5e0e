//! The only writer of Redis: snapshots that are held here and kept there, and today's count.

use anyhow::{Context, Result};
use bytes::Bytes;
use fred::clients::{Client, WithOptions};
use fred::interfaces::{ClientLike, EventInterface, KeysInterface, PubsubInterface};
use fred::types::config::Options;
use fred::types::{Expiration, Value};
use futures_util::future::{try_join, try_join_all};
use serde_json::value::RawValue;
use shared::catalog::Snapshot;
use shared::keys::Keys;
use shared::snapshot::Envelope;
use shared::time::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::sync::broadcast::error::RecvError;
use tracing::{info, warn};

/// Redis answers within a millisecond; what takes this long is away.
pub const COMMAND_LIMIT: Duration = Duration::from_secs(2);
/// A snapshot whose key has gone is to be back within 5 s.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// Whoever raises the counter of a day needs it no longer than this.
const INCREMENTS_TTL_SECONDS: i64 = 48 * 3600;

/// Redis, and what the worker holds for it.
pub struct Store {
    redis: Client,
    keys: Keys,
    held: Mutex<BTreeMap<Snapshot, Held>>,
    changed: Notify,
}

/// A snapshot as it is stored.
#[derive(Clone, Debug)]
pub struct Held {
    /// When its figures were read.
    pub generated_at: Timestamp,
    /// How long it counts as fresh.
    pub ttl_seconds: u32,
    bytes: Bytes,
    /// Whether Redis has confirmed these bytes.
    stored: bool,
}

impl Store {
    /// Over a client that connects by itself.
    pub fn new(redis: Client, keys: Keys) -> Self {
        Self {
            redis,
            keys,
            held: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// The client, for what is not a snapshot.
    pub fn redis(&self) -> &Client {
        &self.redis
    }

    /// The names of keys and channels.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Holds a snapshot from now on, in place of an older one; [`Self::keep`] stores it.
    ///
    /// # Errors
    /// What cannot be written as JSON.
    pub fn hold(&self, snapshot: Snapshot, envelope: &Envelope<Box<RawValue>>) -> Result<()> {
        let held = Held {
            generated_at: envelope.generated_at,
            ttl_seconds: envelope.ttl_seconds,
            bytes: serde_json::to_vec(envelope)?.into(),
            stored: false,
        };
        self.lock().insert(snapshot, held);
        self.changed.notify_one();
        Ok(())
    }

    /// What is held of a snapshot.
    pub fn held(&self, snapshot: Snapshot) -> Option<Held> {
        self.lock().get(&snapshot).cloned()
    }

    /// How many snapshots are held.
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    /// Stores what is held and not stored, for ever: at once, after each new connection, and every 2 s what has
    /// gone from Redis in the meantime.
    pub async fn keep(&self) {
        let mut connected = self.redis.reconnect_rx();
        let mut tick = tokio::time::interval(LOOK_AGAIN);
        let (mut away, mut leaving) = (false, false);
        loop {
            tokio::select! {
                () = self.changed.notified() => {}
                event = connected.recv() => match event {
                    Err(RecvError::Closed) => return,
                    _ => leaving = false,
                },
                _ = tick.tick() => {}
            }
            // Before the first connection, and between two, there is nothing to say.
            if !self.is_connected() {
                continue;
            }
            let Err(error) = self.store_missing().await else {
                away = false;
                continue;
            };
            // The connection's own errors are logged where it is made; here one line tells what waits for it.
            if !std::mem::replace(&mut away, true) {
                warn!(
                    error = format!("{error:#}"),
                    "snapshots cannot be stored; they are held until they can"
                );
            }
            if is_timeout(&error) && !std::mem::replace(&mut leaving, true) {
                shared::redis::leave_connection(&self.redis);
            }
        }
    }

    /// Stores every held snapshot that has not been stored, or whose key has gone.
    ///
    /// # Errors
    /// As Redis says; what was not stored stays held.
    pub async fn store_missing(&self) -> Result<()> {
        let held: Vec<(Snapshot, Held)> = self
            .lock()
            .iter()
            .map(|(s, held)| (*s, held.clone()))
            .collect();
        if held.is_empty() {
            return Ok(());
        }
        let redis = self.commands();
        let look = held
            .iter()
            .map(|(snapshot, _)| redis.exists(self.keys.snapshot(*snapshot)));
        let there: Vec<bool> = try_join_all(look)
            .await
            .context("looking for the snapshots in Redis")?;
        let mut first_error = None;
        for ((snapshot, held), there) in held.into_iter().zip(there) {
            if held.stored && there {
                continue;
            }
            if held.stored {
                info!(%snapshot, "the key of {snapshot} had gone: stored again");
            }
            // One that is refused does not keep the others waiting; when nothing answers, none is worth a try.
            let stored = self.store(snapshot, &held).await;
            if let Err(error) = stored.with_context(|| format!("storing {snapshot}")) {
                let hopeless = is_timeout(&error) || !self.is_connected();
                first_error.get_or_insert(error);
                if hopeless {
                    break;
                }
            }
        }
        first_error.map_or(Ok(()), Err)
    }

    async fn store(&self, snapshot: Snapshot, held: &Held) -> Result<()> {
        let key = self.keys.snapshot(snapshot);
        let expire = Expiration::EX(held.ttl_seconds.into());
        let redis = self.commands();
        let _: Value = redis
            .set(&key, held.bytes.clone(), Some(expire), None, false)
            .await?;
        if let Some(now_held) = self.lock().get_mut(&snapshot)
            && now_held.bytes == held.bytes
        {
            now_held.stored = true;
        }
        let _: Value = redis.publish(self.keys.snapshots_channel(), key).await?;
        Ok(())
    }

    /// Stores today's count for `lifetime` and publishes the same bytes.
    ///
    /// # Errors
    /// As Redis says.
    pub async fn publish_today(&self, message: Vec<u8>, lifetime: Duration) -> Result<()> {
        let message = Bytes::from(message);
        let expire = Expiration::PX(i64::try_from(lifetime.as_millis()).unwrap_or(i64::MAX));
        let redis = self.commands();
        let set = redis.set::<Value, _, _>(
            self.keys.today_count(),
            message.clone(),
            Some(expire),
            None,
            false,
        );
        let publish = redis.publish::<Value, _, _>(self.keys.today_channel(), message);
        // Boxed, since the client's futures are large. Sent in this order, in one go.
        Box::pin(try_join(set, publish))
            .await
            .context("publishing today's count")?;
        Ok(())
    }

    /// The counter that the writer of visits raises, 0 when there is none. Sees to it that it expires one day.
    ///
    /// # Errors
    /// As Redis says, or that it holds no number.
    pub async fn increments(&self, day: chrono::NaiveDate) -> Result<i64> {
        let key = self.keys.today_increments(day);
        let redis = self.commands();
        let both = try_join(redis.get(&key), redis.ttl(&key));
        let (count, ttl): (Option<String>, i64) = Box::pin(both)
            .await
            .with_context(|| format!("reading {key}"))?;
        if ttl == -1 {
            let _: Value = redis.expire(&key, INCREMENTS_TTL_SECONDS, None).await?;
        }
        let count = count.map_or(Ok(0), |text| text.parse());
        count.with_context(|| format!("{key} does not hold a whole number"))
    }

    /// Whether there is a connection now.
    pub fn is_connected(&self) -> bool {
        self.redis.is_connected()
    }

    /// A command fails at once when there is no connection: nothing is queued for later. (In a pipeline it would be.)
    fn commands(&self) -> WithOptions<Client> {
        self.redis.with_options(&Options {
            fail_fast: true,
            timeout: Some(COMMAND_LIMIT),
            ..Options::default()
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Snapshot, Held>> {
        // A panic elsewhere leaves the map whole: no change to it has steps.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_timeout(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<fred::error::Error>();
    error.is_some_and(|error| *error.kind() == fred::error::ErrorKind::Timeout)
}
