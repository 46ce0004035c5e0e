//! Reads the snapshots that Redis holds.

use crate::publish::cached_snapshot::{CachedSnapshot, Recency};
use crate::publish::fence::{COMMAND_LIMIT, commands};
use crate::publish::publisher::Publisher;
use crate::publish::redis_errors::is_permission_error;
use anyhow::{Context, Result};
use bytes::Bytes;
use fred::interfaces::{HashesInterface, KeysInterface};
use fred::types::{Key, Value};
use futures_util::future::{join, join_all};
use shared::catalog::Snapshot;
use shared::snapshot::Envelope;
use std::collections::HashMap;
use std::sync::PoisonError;
use tracing::warn;

impl Publisher {
    /// Reads every snapshot from Redis; `None` when its key is missing or its value is not usable.
    ///
    /// # Errors
    /// If nothing can be read. A single key that cannot be read has its own error in the list.
    pub(super) async fn read_all(&self) -> Result<Vec<(Snapshot, Result<Option<CachedSnapshot>>)>> {
        let redis = commands(&self.redis, COMMAND_LIMIT);
        // One by one: an array of these futures is larger than a thread's stack in an unoptimised build.
        let values = Snapshot::ALL.iter().map(|&snapshot| {
            let (key, redis) = (self.keys.snapshot(snapshot), &redis);
            async move { redis.get::<Option<Bytes>, _>(key).await }
        });
        let made = redis.hgetall::<HashMap<Key, Value>, _>(self.keys.made());
        let (values, made) = Box::pin(join(join_all(values), made)).await;
        let made = self.forgive_type(&self.keys.made(), made);
        let made =
            made.context("reading from Redis the settings under which the snapshots were made")?;
        let mut all = Vec::with_capacity(values.len());
        for (snapshot, value) in Snapshot::ALL.into_iter().zip(values) {
            let value = self.forgive_type(&self.keys.snapshot(snapshot), value);
            let value = value.with_context(|| format!("reading {snapshot}"));
            let theirs = value.map(|bytes| self.parse(snapshot, &bytes?, &made));
            all.push((snapshot, theirs));
        }
        let all_failed = all.iter().all(|(_, theirs)| theirs.is_err());
        match all.iter().position(|(_, theirs)| {
            let error = theirs.as_ref().err();
            error.is_some_and(|error| all_failed || !is_permission_error(error))
        }) {
            Some(index) => all.swap_remove(index).1.map(|_| Vec::new()),
            None => Ok(all),
        }
    }

    /// Parses a stored snapshot; `None` when it is not valid. `made` maps each snapshot to the settings it was made
    /// under.
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
            // Settings that this version cannot read count as different.
            by_our_settings: settings.and_then(Value::as_bytes) == Some(self.settings.as_bytes()),
            recency: Recency::MaybeOutdated,
            // A slice would keep the client's whole read buffer alive.
            bytes: Bytes::copy_from_slice(bytes),
            stored: true,
        })
    }

    /// Treats a key of the wrong type as missing, because this worker may overwrite it. Logs that once.
    fn forgive_type<T: Default>(
        &self,
        key: &str,
        read: Result<T, fred::error::Error>,
    ) -> Result<T, fred::error::Error> {
        let is_wrong_type = |error: &fred::error::Error| error.details().starts_with("WRONGTYPE");
        let wrong = read.as_ref().is_err_and(is_wrong_type);
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
                "{key} has a value of another type: the active worker replaces it"
            );
        }
        Ok(T::default())
    }
}
