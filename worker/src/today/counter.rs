//! Counts today's visitors with one of three strategies, and chooses between them (`TODAY_COUNT_MODE`).

use crate::config::CountMode;
use crate::mysql::connection::{Database, Session};
use crate::mysql::visits;
use crate::ops::status::Status;
use crate::publish::publisher::Publisher;
use crate::today::delta::{Delta, RecountSchedule};
use crate::today::incremental::Incremental;
use crate::today::pace::Pace;
use anyhow::Result;
use chrono::NaiveDate;
use std::sync::Arc;
use std::time::Duration;
use tracing::{info, warn};

/// After this many corrections in a row the running count is not reliable: rows keep changing, or are written in an
/// unexpected way.
const MAX_DRIFTS: u32 = 3;
/// After this many slow counts in a row, direct counting is too slow. A single slow count is ignored.
const MAX_SLOW: u32 = 3;

/// A way to count, with its state between two ticks.
enum CountStrategy {
    /// Counts the whole day at each tick.
    Direct,
    /// A base plus a counter in Redis.
    Incremental(Incremental),
    /// A base plus the rows above a watermark.
    Delta(Delta),
}

/// Counts today's visitors as the mode says; `auto` chooses the strategy.
pub struct Counter {
    mode: CountMode,
    strategy: CountStrategy,
    day: Option<NaiveDate>,
    /// How many direct counts in a row were too slow.
    slow_counts: u32,
    /// The server time of the last count.
    last_time: Duration,
    /// The longest server time of a direct count that keeps the pace.
    quick: Duration,
    schedule: RecountSchedule,
    database: Arc<Database>,
    status: Arc<Status>,
}

impl Counter {
    /// Creates a counter for `mode`.
    pub fn new(
        mode: CountMode,
        pace: Pace,
        schedule: RecountSchedule,
        database: &Arc<Database>,
        publisher: &Arc<Publisher>,
        status: &Arc<Status>,
    ) -> Self {
        Self {
            mode,
            strategy: match mode {
                CountMode::Incremental => {
                    CountStrategy::Incremental(Incremental::new(publisher.clone()))
                }
                _ => CountStrategy::Direct,
            },
            day: None,
            slow_counts: 0,
            last_time: Duration::MAX,
            quick: pace.quick(),
            schedule,
            database: database.clone(),
            status: status.clone(),
        }
    }

    /// Prepares for counting `day`. This may take longer than a count, and does not count for the pace.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn prepare(&mut self, session: &mut Session, day: NaiveDate) -> Result<()> {
        if self.day != Some(day) {
            self.choose_strategy(session, day).await?;
            self.day = Some(day);
        }
        match &mut self.strategy {
            CountStrategy::Direct | CountStrategy::Incremental(_) => Ok(()),
            CountStrategy::Delta(delta) => delta.prepare(session, day).await,
        }
    }

    /// Counts the visits of `day` so far.
    ///
    /// # Errors
    /// If the database or Redis does not answer.
    pub async fn count(&mut self, session: &mut Session, day: NaiveDate) -> Result<u64> {
        match &mut self.strategy {
            CountStrategy::Direct => {
                let before = session.time_spent();
                let total = visits::count(session, day).await?;
                let took = session.server_time_since(before, self.quick).await?;
                self.record_direct(took);
                Ok(total)
            }
            CountStrategy::Incremental(incremental) => incremental.count(session, day).await,
            CountStrategy::Delta(delta) => {
                let total = delta.count(session, day).await?;
                if delta.drifts() >= MAX_DRIFTS {
                    warn!(
                        "today's count was corrected {MAX_DRIFTS} times in a row: \
                         counting the whole day at each tick until tomorrow"
                    );
                    self.switch_to(CountStrategy::Direct);
                }
                Ok(total)
            }
        }
    }

    /// The server time to use for the pace after a count that took `took`: the shorter of the last two. A single slow
    /// count has waited for a lock or the network, and must not delay the next one by a minute.
    pub fn smoothed(&mut self, took: Duration) -> Duration {
        took.min(std::mem::replace(&mut self.last_time, took))
    }

    /// Chooses the strategy for a new day.
    async fn choose_strategy(&mut self, session: &mut Session, day: NaiveDate) -> Result<()> {
        let is_delta = matches!(self.strategy, CountStrategy::Delta(_));
        match self.mode {
            CountMode::Direct | CountMode::Incremental => {}
            CountMode::Delta if is_delta => {}
            CountMode::Delta => self.switch_to_delta(),
            // Only the day has changed: a count of the whole table would give the same result.
            CountMode::Auto if is_delta && !visits::has_date_index(session).await? => {}
            CountMode::Auto => {
                let before = session.time_spent();
                visits::count(session, day).await?;
                let took = session.server_time_since(before, self.quick).await?;
                if took < self.quick {
                    info!(
                        ?took,
                        "a count of today takes {took:.1?}: counting the whole day at each tick (direct)"
                    );
                    self.switch_to(CountStrategy::Direct);
                } else {
                    info!(
                        ?took,
                        "a count of today takes {took:.1?}, too long for each tick: counting only new rows (delta)"
                    );
                    self.switch_to_delta();
                }
            }
        }
        self.report_strategy();
        Ok(())
    }

    /// Switches to `delta` after several slow direct counts: without an index the time grows with the table.
    fn record_direct(&mut self, took: Duration) {
        self.slow_counts = if took >= self.quick {
            self.slow_counts + 1
        } else {
            0
        };
        if self.mode == CountMode::Auto && self.slow_counts == MAX_SLOW {
            info!(
                ?took,
                "a count of today took {took:.1?}, too long for each tick: counting only new rows (delta)"
            );
            self.switch_to_delta();
        }
    }

    fn switch_to_delta(&mut self) {
        if !matches!(self.strategy, CountStrategy::Delta(_)) {
            let (database, status) = (self.database.clone(), self.status.clone());
            self.switch_to(CountStrategy::Delta(Delta::new(
                database,
                status,
                self.schedule,
            )));
        }
    }

    fn switch_to(&mut self, strategy: CountStrategy) {
        self.strategy = strategy;
        self.slow_counts = 0;
        self.report_strategy();
    }

    fn report_strategy(&self) {
        let mode = match self.strategy {
            CountStrategy::Direct => CountMode::Direct,
            CountStrategy::Incremental(_) => CountMode::Incremental,
            CountStrategy::Delta(_) => CountMode::Delta,
        };
        self.status.update(|status| status.counted_by = mode);
    }
}
