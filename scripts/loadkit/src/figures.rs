//! The worker's part, played: it writes snapshots, and counts whose total is a mark.

use crate::redis::Connection;
use crate::snapshots::{self, TTL_SECONDS};
use anyhow::{Context as _, Result};
use shared::catalog::Snapshot;
use shared::keys::Keys;
use shared::time::Clock;
use shared::today::TodayCount;
use std::time::Duration;

/// Longer than any run, so that no count expires while it is measured.
const COUNT_LIFE: Duration = Duration::from_secs(20 * 3600);

/// Who writes to Redis what the gateway reads.
#[derive(Debug)]
pub struct Figures {
    redis: Connection,
    keys: Keys,
    clock: Clock,
}

impl Figures {
    /// Writes to the Redis on `port`, without a prefix.
    pub fn new(port: u16) -> Result<Self> {
        Ok(Self {
            redis: Connection::open(port)?,
            keys: Keys::default(),
            clock: Clock::system(),
        })
    }

    /// Stores every snapshot and a count of 1.
    pub fn store_all(&mut self) -> Result<()> {
        for snapshot in Snapshot::ALL {
            let value = snapshots::value(snapshot, 312, self.clock.now())?;
            self.store(snapshot, &value)?;
        }
        self.publish(1)
    }

    /// A weekly snapshot that differs in its `total`.
    pub fn weekly(&self, total: u64) -> Result<Vec<u8>> {
        snapshots::value(Snapshot::Weekly, total, self.clock.now())
    }

    /// As the worker does: SET, then name the key.
    pub fn store(&mut self, snapshot: Snapshot, value: &[u8]) -> Result<()> {
        let key = self.keys.snapshot(snapshot);
        let channel = self.keys.snapshots_channel();
        let life = TTL_SECONDS.to_string();
        let set: [&[u8]; 5] = [b"SET", key.as_bytes(), value, b"EX", life.as_bytes()];
        let publish: [&[u8]; 3] = [b"PUBLISH", channel.as_bytes(), key.as_bytes()];
        self.redis.pipeline(&[&set, &publish])
    }

    /// SET alone, as if the message had been lost.
    pub fn store_unsaid(&mut self, snapshot: Snapshot, value: &[u8]) -> Result<()> {
        let (key, life) = (self.keys.snapshot(snapshot), TTL_SECONDS.to_string());
        let set: [&[u8]; 5] = [b"SET", key.as_bytes(), value, b"EX", life.as_bytes()];
        self.redis.pipeline(&[&set])
    }

    /// As the worker does: stores a count whose total is `mark`, and publishes it, in one go.
    ///
    /// Were it published alone, the gateway would find the older one under the key and relay that in turn.
    pub fn publish(&mut self, mark: u64) -> Result<()> {
        let (key, channel) = (self.keys.today_count(), self.keys.today_channel());
        let life = COUNT_LIFE.as_millis().to_string();
        let count = self.count(mark)?;
        let set: [&[u8]; 5] = [b"SET", key.as_bytes(), &count, b"PX", life.as_bytes()];
        let publish: [&[u8]; 3] = [b"PUBLISH", channel.as_bytes(), &count];
        self.redis.pipeline(&[&set, &publish])
    }

    fn count(&self, mark: u64) -> Result<Vec<u8>> {
        let generated_at = self.clock.now();
        let count = TodayCount {
            total: mark,
            generated_at,
            date: generated_at.utc().date_naive(),
            expires_at: generated_at.after(COUNT_LIFE),
        };
        serde_json::to_vec(&count).context("writing a count")
    }
}
