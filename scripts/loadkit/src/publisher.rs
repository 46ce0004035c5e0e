//! Plays the part of the worker: writes snapshots and counts to Redis, and publishes them.

use crate::redis_connection::RedisConnection;
use crate::sample_snapshots::{TTL_SECONDS, sample};
use anyhow::{Context as _, Result};
use shared::catalog::Snapshot;
use shared::keys::Keys;
use shared::time::Clock;
use shared::today::TodayCount;
use std::time::Duration;

/// The lifetime of a count: longer than a run, so that none expires while it is measured.
const COUNT_LIFETIME: Duration = Duration::from_secs(20 * 3600);

/// Writes to Redis what the gateway reads.
#[derive(Debug)]
pub(crate) struct Publisher {
    redis: RedisConnection,
    keys: Keys,
    clock: Clock,
}

impl Publisher {
    /// Connects to the Redis on `port`, and uses keys without a prefix.
    pub(crate) fn connect(port: u16) -> Result<Self> {
        Ok(Self {
            redis: RedisConnection::open(port)?,
            keys: Keys::default(),
            clock: Clock::system(),
        })
    }

    /// Writes every snapshot, and a count of 1.
    pub(crate) fn publish_all(&mut self) -> Result<()> {
        for snapshot in Snapshot::ALL {
            let value = sample(snapshot, self.clock.now())?;
            let (key, channel) = (self.keys.snapshot(snapshot), self.keys.snapshots_channel());
            let ttl = TTL_SECONDS.to_string();
            self.redis.pipeline(&[
                &[b"SET", key.as_bytes(), &value, b"EX", ttl.as_bytes()],
                &[b"PUBLISH", channel.as_bytes(), key.as_bytes()],
            ])?;
        }
        self.publish_count(1)
    }

    /// Writes and publishes a count of `total`, as the worker does.
    pub(crate) fn publish_count(&mut self, total: u64) -> Result<()> {
        let generated_at = self.clock.now();
        let count = TodayCount {
            total,
            generated_at,
            date: generated_at.utc().date_naive(),
            expires_at: generated_at.plus(COUNT_LIFETIME),
        };
        let count = serde_json::to_vec(&count).context("writing a count as JSON")?;
        let (key, channel) = (self.keys.today_count(), self.keys.today_channel());
        let lifetime = COUNT_LIFETIME.as_millis().to_string();
        self.redis.pipeline(&[
            &[b"SET", key.as_bytes(), &count, b"PX", lifetime.as_bytes()],
            &[b"PUBLISH", channel.as_bytes(), &count],
        ])?;
        Ok(())
    }
}
