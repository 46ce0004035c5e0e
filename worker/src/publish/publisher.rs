//! The only writer of Redis: snapshots that are held here and kept there, and today's count. Every write is fenced
//! ([`Fence`]): who is not the active worker holds what the active one has stored, and writes nothing.

use crate::publish::cached_snapshot::{Action, CachedSnapshot, step};
use crate::publish::fence::{
    COMMAND_LIMIT, Fence, FencedWrite, Rights, SnapshotMeta, WriteRefused, commands,
};
use crate::publish::lease::Lease;
use crate::publish::redis_errors::{RedisErrors, RedisPart, is_of_this_account};
use crate::snapshots::freshness::{AHEAD, FreshnessPolicy};
use anyhow::{Context, Result, bail};
use bytes::Bytes;
use fred::clients::Client;
use fred::interfaces::{ClientLike, EventInterface, HashesInterface, KeysInterface};
use fred::types::{Key, Value};
use futures_util::future::{join, join_all, try_join};
use serde_json::value::RawValue;
use shared::catalog::Snapshot;
use shared::keys::Keys;
use shared::snapshot::Envelope;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;
use tracing::{info, warn};

/// A snapshot whose key has gone is to be back within 5 s.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// Whoever raises the counter of a day needs it no longer than this.
const INCREMENTS_TTL_SECONDS: u32 = 48 * 3600;

/// Redis, and what the worker holds for it.
pub struct Publisher {
    redis: Client,
    keys: Keys,
    fence: Arc<Fence>,
    lease: Arc<Lease>,
    due: FreshnessPolicy,
    /// What decides how the snapshots of this worker look.
    settings: String,
    held: Mutex<BTreeMap<Snapshot, CachedSnapshot>>,
    errors: Arc<RedisErrors>,
    /// Keys of ours that were seen to be of another type, and have been logged.
    wrong_types: Mutex<BTreeSet<String>>,
    changed: Notify,
}

impl Publisher {
    /// Over a client that connects by itself.
    pub fn new(
        redis: Client,
        keys: Keys,
        due: FreshnessPolicy,
        settings: String,
        name: String,
    ) -> Self {
        let fence = Arc::new(Fence::new(redis.clone(), keys.clone()));
        let errors = Arc::new(RedisErrors::default());
        Self {
            lease: Arc::new(Lease::new(fence.clone(), name, errors.clone())),
            errors,
            wrong_types: Mutex::default(),
            redis,
            keys,
            fence,
            due,
            settings,
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

    /// What is to be made anew.
    pub fn due(&self) -> &FreshnessPolicy {
        &self.due
    }

    /// Which worker is active.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// The errors of every part that uses Redis.
    pub fn errors(&self) -> &RedisErrors {
        &self.errors
    }

    /// Holds a snapshot from now on, in place of an older one; [`Self::keep`] stores it.
    ///
    /// # Errors
    /// What cannot be written as JSON.
    pub fn cache(&self, snapshot: Snapshot, envelope: &Envelope<Box<RawValue>>) -> Result<()> {
        let held = CachedSnapshot {
            generated_at: envelope.generated_at,
            ttl_seconds: envelope.ttl_seconds,
            by_our_settings: true,
            is_final: true,
            bytes: serde_json::to_vec(envelope)?.into(),
            stored: false,
        };
        self.lock().insert(snapshot, held);
        self.changed.notify_one();
        Ok(())
    }

    /// What is held of a snapshot.
    pub fn held(&self, snapshot: Snapshot) -> Option<CachedSnapshot> {
        self.lock().get(&snapshot).cloned()
    }

    /// How many snapshots are held.
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    /// Sees to it that Redis holds what is held here, or the other way round, for ever: at once when something is made,
    /// after each new connection, and every 2 s.
    pub async fn run_reconciler(&self) {
        let mut connected = self.redis.reconnect_rx();
        let mut failed = self.redis.error_rx();
        let mut tick = tokio::time::interval(LOOK_AGAIN);
        loop {
            tokio::select! {
                () = self.changed.notified() => {}
                event = connected.recv() => if matches!(event, Err(RecvError::Closed)) {
                    return;
                },
                error = failed.recv() => {
                    if let Ok((error, _)) = error {
                        self.errors.set(RedisPart::Connection, &error.into());
                    }
                    continue;
                },
                _ = tick.tick() => {}
            }
            // Before the first connection, and between two, there is nothing to say.
            if !self.is_connected() {
                continue;
            }
            self.errors.clear(RedisPart::Connection);
            self.check_rights().await;
            let looked = self.sync().await;
            if let Err(error) = &looked {
                self.lease.on_write_error(error);
                // Without the lease nothing is written, which is no error.
                if error.is::<WriteRefused>() {
                    continue;
                }
            }
            self.errors.note(RedisPart::Snapshots, &looked);
        }
    }

    /// Notes which commands the account may not send.
    pub async fn check_rights(&self) {
        let rights = self.fence.rights().await;
        self.errors.set_rights_known(matches!(
            rights,
            Ok(Rights::Complete | Rights::WriteRefused(_))
        ));
        let complete = match rights {
            Ok(Rights::Unknown | Rights::Complete) => Ok(()),
            Ok(Rights::WriteRefused(commands)) => Err(anyhow::Error::new(fred::error::Error::new(
                fred::error::ErrorKind::Auth,
                format!("the account lacks the right to {commands} (deploy/rights/redis.acl)"),
            ))),
            Err(error) => Err(error),
        };
        self.errors.note(RedisPart::Rights, &complete);
    }

    /// Lets [`Self::keep`] look at once.
    pub fn wake(&self) {
        self.changed.notify_one();
    }

    /// Those of `snapshots` that are held are the best that can be had, if they are not new: they could not be made.
    pub fn mark_final(&self, snapshots: &BTreeSet<Snapshot>) {
        let mut held = self.lock();
        for (_, held) in held.iter_mut().filter(|(one, _)| snapshots.contains(one)) {
            held.is_final = true;
        }
        drop(held);
        self.wake();
    }

    /// Takes over what is newer in Redis, before this worker is the active one.
    ///
    /// # Errors
    /// As Redis says, when nothing can be read; a snapshot that alone cannot be read does not keep this worker from work.
    pub async fn take_over(&self) -> Result<()> {
        let mut there = self.read_all().await?;
        there.retain(|(_, theirs)| theirs.is_ok());
        self.reconcile(there).await
    }

    /// Compares what Redis holds with what is held here: takes over what is newer there; the active worker stores what is
    /// missing, older or broken there.
    ///
    /// # Errors
    /// As Redis says; what was not stored stays held.
    pub async fn sync(&self) -> Result<()> {
        let there = self.read_all().await?;
        self.reconcile(there).await
    }

    async fn reconcile(
        &self,
        there: Vec<(Snapshot, Result<Option<CachedSnapshot>>)>,
    ) -> Result<()> {
        let lease = self.lease.current();
        if lease.is_none() {
            // Whoever is active may make better ones at any time.
            self.lock()
                .values_mut()
                .for_each(|held| held.is_final = false);
        }
        let latest = self.due.clock.now().after(AHEAD);
        let mut first_error = None;
        for (snapshot, theirs) in there {
            let ours = self.held(snapshot);
            let theirs = match theirs {
                Ok(theirs) => theirs,
                Err(error) => {
                    first_error.get_or_insert(error);
                    // What is there is not known; what was made is stored nevertheless.
                    if ours.as_ref().is_none_or(|ours| ours.stored) {
                        continue;
                    }
                    None
                }
            };
            let theirs_is_there = theirs.is_some();
            match step(ours.as_ref(), theirs.as_ref(), lease.is_some(), latest) {
                Action::Nothing => {}
                Action::TakeOver => drop(theirs.map(|theirs| self.lock().insert(snapshot, theirs))),
                Action::Publisher => {
                    let (Some(held), Some(lease)) = (ours, &lease) else {
                        continue;
                    };
                    // In a Redis that has lost everything: another worker may have made a newer one in vain, which
                    // gateways still show, and a new one is being made.
                    if !held.is_final && self.due.is_due(snapshot, &held) {
                        continue;
                    }
                    if held.stored {
                        let how = if theirs_is_there { "changed" } else { "gone" };
                        info!(%snapshot, "the key of {snapshot} was {how}: stored again");
                    }
                    // One that is refused does not keep the others waiting; when nothing answers, none is worth a try.
                    let stored = self.store(lease, snapshot, &held, false).await;
                    if let Err(error) = stored.with_context(|| format!("storing {snapshot}")) {
                        let hopeless = is_timeout(&error) || !self.is_connected();
                        let hopeless = hopeless || error.is::<WriteRefused>();
                        first_error.get_or_insert(error);
                        if hopeless {
                            break;
                        }
                    }
                }
            }
        }
        first_error.map_or(Ok(()), Err)
    }

    /// Stores once what is held and not stored: as the active worker, or beside it what is not older than what it stored.
    ///
    /// # Errors
    /// The first that could not be stored.
    pub async fn flush_once(&self) -> Result<()> {
        let (lease, beside) = self.lease.acquire_or_borrow().await?;
        let mut first_error = None;
        for snapshot in self.dirty() {
            let Some(held) = self.held(snapshot) else {
                continue;
            };
            let stored = self.store(&lease, snapshot, &held, beside).await;
            if let Err(error) = stored.with_context(|| format!("storing {snapshot}")) {
                first_error.get_or_insert(error);
            }
        }
        if !beside {
            // Where that fails, it ends by itself.
            drop(self.fence.release(&lease).await);
        }
        first_error.map_or(Ok(()), Err)
    }

    /// What is held and not stored.
    pub fn dirty(&self) -> Vec<Snapshot> {
        let held = self.lock();
        let dirty = held.iter().filter(|(_, held)| !held.stored);
        dirty.map(|(snapshot, _)| *snapshot).collect()
    }

    /// What Redis holds of each snapshot; `None` is nothing, or nothing usable.
    ///
    /// # Errors
    /// As Redis says, when nothing can be read. A key that alone cannot be read has an error of its own.
    async fn read_all(&self) -> Result<Vec<(Snapshot, Result<Option<CachedSnapshot>>)>> {
        let redis = commands(&self.redis, COMMAND_LIMIT);
        let values = Snapshot::ALL.map(|snapshot| {
            let (key, redis) = (self.keys.snapshot(snapshot), &redis);
            async move { redis.get::<Option<Bytes>, _>(key).await }
        });
        let made = redis.hgetall::<HashMap<Key, Value>, _>(self.keys.made());
        let (values, made) = Box::pin(join(join_all(values), made)).await;
        let made = self.forgive_type(&self.keys.made(), made);
        let made = made.context("reading in Redis how the snapshots were made")?;
        let mut all = Vec::with_capacity(values.len());
        for (snapshot, value) in Snapshot::ALL.into_iter().zip(values) {
            let value = self.forgive_type(&self.keys.snapshot(snapshot), value);
            let value = value.with_context(|| format!("reading {snapshot}"));
            let theirs = value.map(|bytes| self.parse(snapshot, &bytes?, &made));
            all.push((snapshot, theirs));
        }
        let nothing_is_read = all.iter().all(|(_, theirs)| theirs.is_err());
        match all.iter().position(|(_, theirs)| {
            let fails = theirs.as_ref().err();
            fails.is_some_and(|error| nothing_is_read || !is_of_this_account(error))
        }) {
            Some(index) => all.swap_remove(index).1.map(|_| Vec::new()),
            None => Ok(all),
        }
    }

    /// A snapshot of these bytes; `None` when they are none. `made` says under which settings each was made.
    fn parse(
        &self,
        snapshot: Snapshot,
        bytes: &Bytes,
        made: &HashMap<Key, Value>,
    ) -> Option<CachedSnapshot> {
        let envelope = Envelope::parse(bytes).ok()?;
        let settings = made.get(&Key::from(snapshot.name()));
        Some(CachedSnapshot {
            generated_at: envelope.generated_at,
            ttl_seconds: envelope.ttl_seconds,
            // A text that this version cannot read is one of other settings.
            by_our_settings: settings.and_then(Value::as_bytes) == Some(self.settings.as_bytes()),
            is_final: false,
            // A slice of the client's buffer would keep all of it.
            bytes: Bytes::copy_from_slice(bytes),
            stored: true,
        })
    }

    /// Takes a key of another type for one that is not there: it is ours to write. Logs that once.
    fn forgive_type<T: Default>(
        &self,
        key: &str,
        read: Result<T, fred::error::Error>,
    ) -> Result<T, fred::error::Error> {
        let is_wrong = |error: &fred::error::Error| error.details().starts_with("WRONGTYPE");
        let wrong = read.as_ref().is_err_and(is_wrong);
        let mut wrong_types = self
            .wrong_types
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if !wrong {
            wrong_types.remove(key);
            return read;
        }
        if wrong_types.insert(key.to_owned()) {
            warn!(
                key,
                "{key} is of another type: the active worker writes it anew"
            );
        }
        Ok(T::default())
    }

    async fn store(
        &self,
        lease: &str,
        snapshot: Snapshot,
        held: &CachedSnapshot,
        unless_newer: bool,
    ) -> Result<()> {
        let key = self.keys.snapshot(snapshot);
        let life = Duration::from_secs(held.ttl_seconds.into());
        let write = FencedWrite {
            key: key.clone(),
            value: held.bytes.clone(),
            life,
            ends: Instant::now() + life,
            channel: self.keys.snapshots_channel(),
            message: key.into(),
            snapshot: Some(SnapshotMeta {
                name: snapshot.name(),
                settings: match held.by_our_settings {
                    true => self.settings.clone(),
                    false => String::new(),
                },
                unless_newer: unless_newer.then(|| held.generated_at.to_string()),
            }),
        };
        let written = self.fence.write(lease, write).await;
        // What the active worker has made since is as good.
        if written.as_ref().err().and_then(anyhow::Error::downcast_ref)
            != Some(&WriteRefused::Older)
        {
            written?;
        }
        if let Some(now_held) = self.lock().get_mut(&snapshot)
            && now_held.bytes == held.bytes
        {
            now_held.stored = true;
        }
        Ok(())
    }

    /// Stores today's count for `lifetime` from `counted` on and publishes the same bytes.
    ///
    /// # Errors
    /// As Redis says, or that another worker is active.
    pub async fn publish_today(
        &self,
        message: Vec<u8>,
        counted: Instant,
        lifetime: Duration,
    ) -> Result<()> {
        let Some(lease) = self.lease.current() else {
            bail!(WriteRefused::Lost)
        };
        let message = Bytes::from(message);
        let write = FencedWrite {
            key: self.keys.today_count(),
            value: message.clone(),
            life: lifetime,
            ends: counted + lifetime,
            channel: self.keys.today_channel(),
            message,
            snapshot: None,
        };
        let written = self.fence.write(&lease, write).await;
        match &written {
            Err(error) if error.is::<WriteRefused>() => self.lease.on_write_error(error),
            _ => self.errors.note(RedisPart::Today, &written),
        }
        written.context("publishing today's count")
    }

    /// The counter that the writer of visits raises, 0 when there is none. Sees to it that it expires one day.
    ///
    /// # Errors
    /// As Redis says, or that it holds no number.
    pub async fn increments(&self, day: chrono::NaiveDate) -> Result<i64> {
        let counter = self.read_increments(day).await;
        if self.is_connected() {
            self.errors.note(RedisPart::Increments, &counter);
        }
        counter
    }

    async fn read_increments(&self, day: chrono::NaiveDate) -> Result<i64> {
        let key = self.keys.today_increments(day);
        let redis = commands(&self.redis, COMMAND_LIMIT);
        let both = try_join(redis.get(&key), redis.ttl(&key));
        let (count, ttl): (Option<String>, i64) = Box::pin(both).await.with_context(|| {
            format!("reading {key}, the counter of who writes visits; they are counted without it")
        })?;
        if let Some(lease) = self.lease.current().filter(|_| ttl == -1) {
            let seconds = INCREMENTS_TTL_SECONDS;
            self.fence.expire(&lease, key.clone(), seconds).await?;
        }
        let count = count.map_or(Ok(0), |text| text.parse());
        count.with_context(|| {
            format!("{key} holds no whole number: whoever writes visits must mend it; they are counted without it")
        })
    }

    /// Whether there is a connection now.
    pub fn is_connected(&self) -> bool {
        self.redis.is_connected()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Snapshot, CachedSnapshot>> {
        // A panic elsewhere leaves the map whole: no change to it has steps.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_timeout(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<fred::error::Error>();
    error.is_some_and(|error| *error.kind() == fred::error::ErrorKind::Timeout)
}
