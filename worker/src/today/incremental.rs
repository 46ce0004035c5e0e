//! Today's count as a base from the database and what a counter in Redis has risen since.
//!
//! Whoever writes the visits raises the counter. A writer that forgets, or does it twice, is put right by the next base.

use crate::mysql::connection::Session;
use crate::mysql::visits;
use crate::publish::publisher::Publisher;
use anyhow::Result;
use chrono::NaiveDate;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tracing::debug;

/// How long a base is trusted.
const REBASE: Duration = Duration::from_secs(60);
/// A base that was counted while the counter rose may hold a visit twice; this often it is counted again.
const ATTEMPTS: usize = 3;

/// What is remembered between two ticks.
pub struct Incremental {
    store: Arc<Publisher>,
    rebase: Duration,
    base: Option<Base>,
}

struct Base {
    day: NaiveDate,
    total: u64,
    /// The counter as the base was counted.
    counter: i64,
    counted: Instant,
}

impl Incremental {
    /// Knows nothing yet.
    pub fn new(store: Arc<Publisher>) -> Self {
        Self::with_rebase(store, REBASE)
    }

    /// The same with another time to trust a base.
    pub fn with_rebase(store: Arc<Publisher>, rebase: Duration) -> Self {
        Self {
            store,
            rebase,
            base: None,
        }
    }

    /// Visits of `day` so far.
    ///
    /// # Errors
    /// As the database or Redis say.
    pub async fn count(&mut self, session: &mut Session, day: NaiveDate) -> Result<u64> {
        let counter = match self.store.increments(day).await {
            Ok(counter) => counter,
            // The database is right without the counter, only dearer.
            Err(error) if self.store.is_connected() => {
                // The store has logged it once, and /health says it.
                debug!(
                    error = format!("{error:#}"),
                    "today's visitors are counted without the counter"
                );
                self.base = None;
                return visits::count(session, day).await;
            }
            Err(error) => return Err(error),
        };
        let usable = |base: &&Base| {
            // A counter below what it was has been lost with its Redis.
            base.day == day && base.counted.elapsed() < self.rebase && base.counter <= counter
        };
        if let Some(base) = self.base.as_ref().filter(usable) {
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
            let after = self.store.increments(day).await?;
            if after == counter || attempt == ATTEMPTS {
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
