//! Writes the snapshots and today's count to Redis. Every write is fenced ([`Fence`]): only the active worker writes. A
//! standby caches what the active worker has written.

use crate::publish::cache::Cache;
use crate::publish::cached_snapshot::{Action, CachedSnapshot, Recency, decide};
use crate::publish::fence::{Fence, FencedWrite, Rights, SnapshotMeta, WriteRefused};
use crate::publish::lease::Lease;
use crate::publish::redis_errors::{RedisErrors, RedisTask};
use crate::snapshots::freshness::{FreshnessPolicy, MAX_CLOCK_SKEW};
use anyhow::{Context, Result};
use fred::clients::Client;
use fred::interfaces::{ClientLike, EventInterface};
use serde_json::value::RawValue;
use shared::catalog::Snapshot;
use shared::keys::Keys;
use shared::redis::plain_error;
use shared::snapshot::Envelope;
use shared::time::every;
use shared::unavailable::Reasons;
use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;
use tracing::info;

/// How often Redis is compared with the cache. A snapshot whose key has been deleted must be back within 5 s.
const SYNC_INTERVAL: Duration = Duration::from_secs(2);

/// Caches every snapshot and writes it to Redis.
pub struct Publisher {
    pub(super) redis: Client,
    pub(super) keys: Keys,
    pub(super) fence: Arc<Fence>,
    pub(super) lease: Arc<Lease>,
    freshness: FreshnessPolicy,
    /// Identifies the settings that affect the content of this worker's snapshots.
    pub(super) settings: String,
    cache: Mutex<Cache>,
    pub(super) errors: Arc<RedisErrors>,
    /// Keys of ours whose value has the wrong type, and for which that has been logged.
    pub(super) wrong_types: Mutex<BTreeSet<String>>,
    /// Why some snapshots cannot be computed.
    pub(super) unavailable: Mutex<Reasons>,
    /// Whether this worker has written once that every snapshot can be computed.
    pub(super) has_cleared_reasons: AtomicBool,
    changed: Notify,
}

impl Publisher {
    /// Creates a publisher over `redis`, which connects by itself. `settings` is stored with every snapshot, and `name`
    /// identifies this worker in the lease.
    pub fn new(
        redis: Client,
        keys: Keys,
        freshness: FreshnessPolicy,
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
            freshness,
            settings,
            cache: Mutex::default(),
            unavailable: Mutex::default(),
            has_cleared_reasons: AtomicBool::new(false),
            changed: Notify::new(),
        }
    }

    /// The Redis client, for everything that is not a snapshot.
    pub fn redis(&self) -> &Client {
        &self.redis
    }

    /// The names of keys and channels.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Decides when a snapshot is due.
    pub fn freshness(&self) -> &FreshnessPolicy {
        &self.freshness
    }

    /// The lease, which says which worker is active.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// The current errors of all tasks that use Redis.
    pub fn errors(&self) -> &RedisErrors {
        &self.errors
    }

    /// Caches a snapshot that this worker has computed since `began`, in place of an older one. [`Self::run_reconciler`]
    /// writes it to Redis.
    ///
    /// # Errors
    /// If the envelope cannot be serialized.
    pub fn cache(
        &self,
        snapshot: Snapshot,
        envelope: &Envelope<Box<RawValue>>,
        began: Instant,
    ) -> Result<()> {
        let bytes = serde_json::to_vec(envelope)?.into();
        let mut cache = self.lock();
        let computed = CachedSnapshot {
            generated_at: envelope.generated_at,
            ttl_seconds: envelope.ttl_seconds,
            by_our_settings: true,
            recency: cache.recency_of(began),
            bytes,
            stored: false,
        };
        cache.snapshots.insert(snapshot, computed);
        drop(cache);
        self.changed.notify_one();
        Ok(())
    }

    /// Returns the cached copy of a snapshot.
    pub fn get(&self, snapshot: Snapshot) -> Option<CachedSnapshot> {
        self.lock().snapshots.get(&snapshot).cloned()
    }

    /// How many snapshots are cached.
    pub fn count(&self) -> usize {
        self.lock().snapshots.len()
    }

    /// Runs [`Self::sync`] for ever: as soon as a snapshot is cached, after each reconnect, and every 2 s.
    pub async fn run_reconciler(&self) {
        let mut connected = self.redis.reconnect_rx();
        let mut failed = self.redis.error_rx();
        let mut tick = every(SYNC_INTERVAL);
        loop {
            tokio::select! {
                () = self.changed.notified() => {}
                event = connected.recv() => if matches!(event, Err(RecvError::Closed)) {
                    return;
                },
                error = failed.recv() => {
                    if let Ok((error, _)) = error {
                        let error = plain_error(error);
                        self.errors.set(RedisTask::Connection, &error.into());
                    }
                    continue;
                },
                _ = tick.tick() => {}
            }
            // Not connected yet, or the connection is lost.
            if !self.is_connected() {
                continue;
            }
            self.errors.clear(RedisTask::Connection);
            self.check_rights().await;
            let synced = self.sync().await;
            if let Err(error) = &synced {
                self.lease.on_write_error(error);
                // Another worker holds the lease: this is a normal state, not an error.
                if error.is::<WriteRefused>() {
                    continue;
                }
            }
            self.errors.record(RedisTask::Snapshots, &synced);
        }
    }

    /// Checks which commands this Redis account may not use, and records them as an error.
    pub async fn check_rights(&self) {
        let rights = self.fence.rights().await;
        self.errors
            .set_rights_known(matches!(rights, Ok(Rights::Complete | Rights::Missing(_))));
        let complete = match rights {
            Ok(Rights::Unknown | Rights::Complete) => Ok(()),
            Ok(Rights::Missing(commands)) => Err(anyhow::Error::new(fred::error::Error::new(
                fred::error::ErrorKind::Auth,
                format!("the account may not use {commands} (see deploy/rights/redis.acl)"),
            ))),
            Err(error) => Err(error),
        };
        self.errors.record(RedisTask::Rights, &complete);
    }

    /// Makes [`Self::run_reconciler`] sync at once.
    pub fn wake(&self) {
        self.changed.notify_one();
    }

    /// Marks the cached copies of `snapshots` as the newest ones, even if they are due: this worker has tried to compute
    /// them since `began`.
    pub fn mark_newest(&self, snapshots: &BTreeSet<Snapshot>, began: Instant) {
        self.lock().mark_newest(snapshots, began);
        self.wake();
    }

    /// Marks the cached copy of each snapshot as one that another worker may have replaced.
    pub(super) fn mark_maybe_outdated(&self) {
        self.lock().mark_maybe_outdated();
    }

    /// Marks a snapshot that the active worker has found in Redis as the newest one, because nobody else writes. One
    /// that is due is about to be computed again.
    fn confirm(&self, snapshot: Snapshot, is_current: bool) {
        let cached = self.get(snapshot).filter(|_| is_current);
        if cached.is_some_and(|cached| !self.freshness.is_due(snapshot, &cached)) {
            self.lock().set_recency(snapshot, Recency::Newest);
        }
    }

    /// Caches every snapshot that is newer in Redis, before this worker becomes active.
    ///
    /// # Errors
    /// If nothing can be read from Redis. A single unreadable snapshot is skipped.
    pub async fn load_newer(&self) -> Result<()> {
        let mut stored = self.read_all().await?;
        stored.retain(|(_, theirs)| theirs.is_ok());
        self.reconcile(stored).await
    }

    /// Compares Redis with the cache: caches what is newer in Redis. The active worker also writes what is missing,
    /// older or broken in Redis.
    ///
    /// # Errors
    /// The first read or write that failed. A snapshot that was not written stays cached and dirty.
    pub async fn sync(&self) -> Result<()> {
        let stored = self.read_all().await?;
        self.reconcile(stored).await
    }

    async fn reconcile(
        &self,
        stored: Vec<(Snapshot, Result<Option<CachedSnapshot>>)>,
    ) -> Result<()> {
        let lease = self.lease.current();
        if self.lease.is_standby() {
            // The active worker may write a newer one at any time.
            self.mark_maybe_outdated();
        }
        let latest = self.freshness.clock.now().plus(MAX_CLOCK_SKEW);
        let mut first_error = None;
        for (snapshot, theirs) in stored {
            let ours = self.get(snapshot);
            let theirs = match theirs {
                Ok(theirs) => theirs,
                Err(error) => {
                    first_error.get_or_insert(error);
                    // The value in Redis is unknown. A new snapshot is written all the same.
                    if ours.as_ref().is_none_or(|ours| ours.stored) {
                        continue;
                    }
                    None
                }
            };
            let exists_in_redis = theirs.is_some();
            match decide(ours.as_ref(), theirs.as_ref(), lease.is_some(), latest) {
                Action::Nothing => self.confirm(snapshot, exists_in_redis && lease.is_some()),
                Action::Load => {
                    drop(theirs.map(|theirs| self.lock().snapshots.insert(snapshot, theirs)));
                    self.confirm(snapshot, lease.is_some());
                }
                Action::Write => {
                    let (Some(cached), Some(lease)) = (ours, &lease) else {
                        continue;
                    };
                    // Gateways may still show a newer one that another worker computed: compute it again instead.
                    if cached.recency != Recency::Newest {
                        if !exists_in_redis {
                            self.lock().set_recency(snapshot, Recency::Lost);
                        }
                        if !exists_in_redis || self.freshness.is_due(snapshot, &cached) {
                            continue;
                        }
                    }
                    // One that is past its lifetime has expired, and nobody deleted it.
                    let age = self.freshness.clock.now().since(cached.generated_at);
                    if cached.stored && age.as_secs() < cached.ttl_seconds.into() {
                        let how = if exists_in_redis {
                            "changed"
                        } else {
                            "deleted"
                        };
                        info!(%snapshot, "the key of {snapshot} was {how}: writing it again");
                    }
                    // If Redis rejects one snapshot, the others are still written. If it does not answer, or the lease
                    // is lost, trying the others is pointless.
                    let written = self.write(lease, snapshot, &cached, false).await;
                    if let Err(error) = written.with_context(|| format!("writing {snapshot}")) {
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

    /// Writes every dirty snapshot once. If another worker is active, writes under that worker's lease, unless Redis
    /// already has a newer value.
    ///
    /// # Errors
    /// The first write that failed.
    pub async fn flush_once(&self) -> Result<()> {
        let (lease, is_borrowed) = self.lease.acquire_or_borrow().await?;
        let mut first_error = None;
        for snapshot in self.dirty() {
            let Some(cached) = self.get(snapshot) else {
                continue;
            };
            let written = self.write(&lease, snapshot, &cached, is_borrowed).await;
            if let Err(error) = written.with_context(|| format!("writing {snapshot}")) {
                first_error.get_or_insert(error);
            }
        }
        if !is_borrowed {
            // If that fails, the lease expires by itself.
            drop(self.fence.release(&lease).await);
        }
        first_error.map_or(Ok(()), Err)
    }

    /// The cached snapshots that Redis does not have yet.
    pub fn dirty(&self) -> Vec<Snapshot> {
        let cache = self.lock();
        let dirty = cache.snapshots.iter().filter(|(_, cached)| !cached.stored);
        dirty.map(|(snapshot, _)| *snapshot).collect()
    }

    async fn write(
        &self,
        lease: &str,
        snapshot: Snapshot,
        cached: &CachedSnapshot,
        unless_newer: bool,
    ) -> Result<()> {
        let key = self.keys.snapshot(snapshot);
        let max_ttl = Duration::from_secs(cached.ttl_seconds.into());
        let write = FencedWrite {
            key: key.clone(),
            value: cached.bytes.clone(),
            max_ttl,
            expires_by: Instant::now() + max_ttl,
            channel: self.keys.snapshots_channel(),
            message: key.into(),
            snapshot: Some(SnapshotMeta {
                name: snapshot.name(),
                settings: match cached.by_our_settings {
                    true => self.settings.clone(),
                    false => String::new(),
                },
                unless_newer: unless_newer.then(|| cached.generated_at.to_string()),
            }),
        };
        let written = self.fence.write(lease, write).await;
        // If the active worker has written a newer copy meanwhile, that one is as good.
        if written.as_ref().err().and_then(anyhow::Error::downcast_ref)
            != Some(&WriteRefused::Older)
        {
            written?;
        }
        if let Some(current) = self.lock().snapshots.get_mut(&snapshot)
            && current.bytes == cached.bytes
        {
            current.stored = true;
        }
        Ok(())
    }

    /// Whether the client is connected to Redis.
    pub fn is_connected(&self) -> bool {
        self.redis.is_connected()
    }

    fn lock(&self) -> MutexGuard<'_, Cache> {
        // A panic elsewhere cannot leave it half-changed.
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_timeout(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<fred::error::Error>();
    error.is_some_and(|error| *error.kind() == fred::error::ErrorKind::Timeout)
}
