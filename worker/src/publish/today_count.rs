//! Writes today's count, and reads the counter of the check-in software.

use crate::publish::fence::{COMMAND_LIMIT, FencedWrite, WriteRefused, commands};
use crate::publish::publisher::Publisher;
use crate::publish::redis_errors::RedisTask;
use anyhow::{Context, Result, bail};
use bytes::Bytes;
use fred::interfaces::KeysInterface;
use futures_util::future::try_join;
use std::time::Duration;
use tokio::time::Instant;

/// The TTL of a day's increment counter. The program that increments it never needs it for longer.
const INCREMENTS_TTL_SECONDS: u32 = 48 * 3600;

impl Publisher {
    /// Writes today's count, which expires `lifetime` after `counted`, and publishes the same bytes.
    ///
    /// # Errors
    /// If Redis does not accept the write, or if another worker is active.
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
            max_ttl: lifetime,
            expires_by: counted + lifetime,
            channel: self.keys.today_channel(),
            message,
            snapshot: None,
        };
        let written = self.fence.write(&lease, write).await;
        match &written {
            Err(error) if error.is::<WriteRefused>() => self.lease.on_write_error(error),
            _ => self.errors.record(RedisTask::Today, &written),
        }
        written.context("publishing today's count")
    }

    /// Reads the counter that the check-in software increments; 0 when the key is missing. Sets a TTL if it has none.
    ///
    /// # Errors
    /// If Redis does not answer, or if the value is not a whole number.
    pub async fn increments(&self, day: chrono::NaiveDate) -> Result<i64> {
        let counter = self.read_increments(day).await;
        if self.is_connected() {
            self.errors.record(RedisTask::Increments, &counter);
        }
        counter
    }

    async fn read_increments(&self, day: chrono::NaiveDate) -> Result<i64> {
        let key = self.keys.today_increments(day);
        let redis = commands(&self.redis, COMMAND_LIMIT);
        let both = try_join(redis.get(&key), redis.ttl(&key));
        let (count, ttl): (Option<String>, i64) = Box::pin(both).await.with_context(|| {
            format!(
                "reading {key}, the counter of the check-in software; visits are counted without it"
            )
        })?;
        if let Some(lease) = self.lease.current().filter(|_| ttl == -1) {
            let seconds = INCREMENTS_TTL_SECONDS;
            self.fence.expire(&lease, key.clone(), seconds).await?;
        }
        let count = count.map_or(Ok(0), |text| text.parse());
        count.with_context(|| {
            format!("{key} is not a whole number: correct the check-in software; visits are counted without it")
        })
    }
}
