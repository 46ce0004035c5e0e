//! The worker's part, played: snapshots, and counts of today.

use crate::browser::SOON;
use crate::figures;
use anyhow::{Context as _, Result};
use chrono::NaiveDate;
use fred::clients::Client;
use fred::interfaces::{ClientLike, KeysInterface, PubsubInterface};
use fred::types::Expiration;
use shared::catalog::Snapshot;
use shared::keys::Keys;
use shared::redis::RedisUrl;
use shared::snapshot::Envelope;
use shared::time::{Clock, Timestamp};
use shared::today::TodayCount;
use std::time::Duration;

/// Longer than any test.
pub const LONG: Duration = Duration::from_secs(3600);

/// Who writes what the gateway reads.
#[derive(Clone, Debug)]
pub struct Worker {
    redis: Client,
    keys: Keys,
    clock: Clock,
}

impl Worker {
    /// Writes to the Redis at `url`, under a prefix.
    ///
    /// # Errors
    /// When it is not there.
    pub async fn on(url: &str, prefix: &str) -> Result<Self> {
        let url = RedisUrl::parse(url).map_err(anyhow::Error::msg)?;
        let redis = url.client(SOON).context("preparing a client of Redis")?;
        redis.init().await.context("connecting to Redis")?;
        Ok(Self {
            redis,
            keys: Keys::new(prefix),
            clock: Clock::system(),
        })
    }

    /// The present moment.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Stores every snapshot as it is in [`figures`], read just now.
    ///
    /// # Errors
    /// When Redis refuses.
    pub async fn store_all(&self) -> Result<()> {
        for snapshot in Snapshot::ALL {
            self.store(snapshot, figures::data(snapshot)?).await?;
        }
        Ok(())
    }

    /// Stores a snapshot with that `data`, read just now.
    ///
    /// # Errors
    /// When Redis refuses.
    pub async fn store(&self, snapshot: Snapshot, data: serde_json::Value) -> Result<()> {
        let envelope = Envelope {
            generated_at: self.now(),
            ttl_seconds: figures::TTL_SECONDS,
            period: figures::period(snapshot),
            data,
        };
        self.store_envelope(snapshot, &envelope).await
    }

    /// As the worker does: SET, then name the key.
    ///
    /// # Errors
    /// When Redis refuses.
    pub async fn store_envelope(
        &self,
        snapshot: Snapshot,
        envelope: &Envelope<serde_json::Value>,
    ) -> Result<()> {
        let (key, channel) = (self.keys.snapshot(snapshot), self.keys.snapshots_channel());
        let text = serde_json::to_string(envelope).context("writing a snapshot")?;
        self.set(&key, &text, LONG).await?;
        self.publish(channel, &key).await
    }

    /// Counts `total` of `date`, which may be shown for `life`: the key with its TTL, then the message.
    ///
    /// # Errors
    /// When Redis refuses.
    pub async fn count(&self, total: u64, date: NaiveDate, life: Duration) -> Result<()> {
        let generated_at = self.now();
        let count = TodayCount {
            total,
            generated_at,
            date,
            expires_at: generated_at.after(life),
        };
        let text = serde_json::to_string(&count).context("writing a count")?;
        self.set(&self.keys.today_count(), &text, life).await?;
        self.publish(self.keys.today_channel(), &text).await
    }

    async fn set(&self, key: &str, text: &str, life: Duration) -> Result<()> {
        let life = i64::try_from(life.as_millis()).context("a life that fits")?;
        let life = Some(Expiration::PX(life));
        let set = self.redis.set::<(), _, _>(key, text, life, None, false);
        set.await.with_context(|| format!("storing {key}"))
    }

    async fn publish(&self, channel: String, text: &str) -> Result<()> {
        let published = self.redis.publish::<i64, _, _>(channel, text).await;
        published.map(drop).context("publishing")
    }
}
