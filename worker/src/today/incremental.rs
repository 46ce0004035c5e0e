//! Counts today's visitors as a base from the database plus the increments of a counter in Redis since then.
//!
//! The check-in software increments the counter. If it forgets an increment or sends one twice, the next base corrects
//! that.

use crate::mysql::connection::Session;
use crate::mysql::visits;
use crate::publish::publisher::Publisher;
use anyhow::Result;
use chrono::NaiveDate;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tracing::debug;

/// How long a base is used before it is counted again.
const REBASE: Duration = Duration::from_secs(60);
/// A base that was counted while the counter rose may include a visit twice. It is counted again, up to this many
/// times.
const MAX_ATTEMPTS: usize = 3;

/// The strategy `incremental`, with its state between two ticks.
pub struct Incremental {
    publisher: Arc<Publisher>,
    rebase: Duration,
    base: Option<Base>,
}

struct Base {
    day: NaiveDate,
    total: u64,
    /// The value of the counter when the base was counted.
    counter: i64,
    counted: Instant,
}

impl Incremental {
    /// Creates the strategy without a base.
    pub fn new(publisher: Arc<Publisher>) -> Self {
        Self::with_rebase(publisher, REBASE)
    }

    /// Like [`Self::new`], with another lifetime of a base.
    pub fn with_rebase(publisher: Arc<Publisher>, rebase: Duration) -> Self {
        Self {
            publisher,
            rebase,
            base: None,
        }
    }

    /// Counts the visits of `day` so far. Without a usable counter, counts the whole day in the database.
    ///
    /// # Errors
    /// If the database cannot be read, or if Redis is disconnected.
    pub async fn count(&mut self, session: &mut Session, day: NaiveDate) -> Result<u64> {
        let counter = match self.publisher.increments(day).await {
            Ok(counter) => counter,
            // The database gives the right count without the counter, at a higher cost.
            Err(error) if self.publisher.is_connected() => {
                // The publisher has logged it once, and `/health` reports it.
                debug!(
                    error = format!("{error:#}"),
                    "counting today's visitors without the counter"
                );
                self.base = None;
                return visits::count(session, day).await;
            }
            Err(error) => return Err(error),
        };
        let is_usable = |base: &&Base| {
            // A counter that has fallen was lost with the data of Redis.
            base.day == day && base.counted.elapsed() < self.rebase && base.counter <= counter
        };
        if let Some(base) = self.base.as_ref().filter(is_usable) {
            return Ok(base.total + counter.abs_diff(base.counter));
        }
        let base = self.count_base(session, day, counter).await?;
        let total = base.total;
        self.base = Some(base);
        Ok(total)
    }

    async fn count_base(
        &self,
        session: &mut Session,
        day: NaiveDate,
        mut counter: i64,
    ) -> Result<Base> {
        for attempt in 1.. {
            let counted = Instant::now();
            let total = visits::count(session, day).await?;
            let after = self.publisher.increments(day).await?;
            if after == counter || attempt == MAX_ATTEMPTS {
                return Ok(Base {
                    day,
                    total,
                    counter: after,
                    counted,
                });
            }
            counter = after;
        }
        unreachable!("the loop ends at the last attempt")
    }
}
