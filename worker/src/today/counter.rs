//! The ways to count today's visitors (`TODAY_COUNT_MODE`), and the choice between them.

use crate::config::Mode;
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

/// After so many corrections in a row the running count is not to be relied on: rows are changed all the time, or not
/// written as they should be.
const MOST_DRIFTS: u32 = 3;
/// A single slow count is a hiccup.
const MOST_SLOW: u32 = 3;

/// One way to count, with what it remembers between two ticks.
enum CountStrategy {
    /// One count over the day, each time.
    Direct,
    /// A base, and a counter in Redis.
    Incremental(Incremental),
    /// A base, and the rows after a watermark.
    Delta(Delta),
}

/// Counts as its mode says, or as it finds best.
pub struct Counter {
    mode: Mode,
    way: CountStrategy,
    day: Option<NaiveDate>,
    /// Direct counts that took too long, in a row.
    slow: u32,
    /// How long the server took for the last count.
    last: Duration,
    /// A direct count for which the server takes no longer keeps the pace.
    quick: Duration,
    cadence: RecountSchedule,
    database: Arc<Database>,
    status: Arc<Status>,
}

impl Counter {
    /// The way that `mode` names.
    pub fn new(
        mode: Mode,
        pace: Pace,
        cadence: RecountSchedule,
        database: &Arc<Database>,
        store: &Arc<Publisher>,
        status: &Arc<Status>,
    ) -> Self {
        Self {
            mode,
            way: match mode {
                Mode::Incremental => CountStrategy::Incremental(Incremental::new(store.clone())),
                _ => CountStrategy::Direct,
            },
            day: None,
            slow: 0,
            last: Duration::MAX,
            quick: pace.quick(),
            cadence,
            database: database.clone(),
            status: status.clone(),
        }
    }

    /// Makes ready for `day`, where that takes longer than a count: it is no part of the pace.
    ///
    /// # Errors
    /// As the database says.
    pub async fn prepare(&mut self, session: &mut Session, day: NaiveDate) -> Result<()> {
        if self.day != Some(day) {
            self.choose(session, day).await?;
            self.day = Some(day);
        }
        match &mut self.way {
            CountStrategy::Direct | CountStrategy::Incremental(_) => Ok(()),
            CountStrategy::Delta(delta) => delta.prepare(session, day).await,
        }
    }

    /// Visits of `day` so far.
    ///
    /// # Errors
    /// As the database or Redis say.
    pub async fn count(&mut self, session: &mut Session, day: NaiveDate) -> Result<u64> {
        match &mut self.way {
            CountStrategy::Direct => {
                let before = session.time_spent();
                let total = visits::count(session, day).await?;
                let took = session.server_time_since(before, self.quick).await?;
                self.note_direct(took);
                Ok(total)
            }
            CountStrategy::Incremental(incremental) => incremental.count(session, day).await,
            CountStrategy::Delta(delta) => {
                let total = delta.count(session, day).await?;
                if delta.drifts() >= MOST_DRIFTS {
                    warn!(
                        "today's count was corrected {MOST_DRIFTS} times in a row: \
                         each count is over the whole day until tomorrow"
                    );
                    self.go(CountStrategy::Direct);
                }
                Ok(total)
            }
        }
    }

    /// How long counts take, after one that took so long. A single slow one is paced like the one before: it has waited
    /// for a lock, or for a network that was away, and the next one is not to wait for a minute.
    pub fn usual(&mut self, took: Duration) -> Duration {
        took.min(std::mem::replace(&mut self.last, took))
    }

    /// Each day is a new chance.
    async fn choose(&mut self, session: &mut Session, day: NaiveDate) -> Result<()> {
        let runs = matches!(self.way, CountStrategy::Delta(_));
        match self.mode {
            Mode::Direct | Mode::Incremental => {}
            Mode::Delta if runs => {}
            Mode::Delta => self.go_delta(),
            // Nothing has changed but the day: a count of the whole table would tell nothing new.
            Mode::Auto if runs && !visits::has_date_index(session).await? => {}
            Mode::Auto => {
                let before = session.time_spent();
                visits::count(session, day).await?;
                let took = session.server_time_since(before, self.quick).await?;
                if took <= self.quick {
                    info!(
                        ?took,
                        "today is counted in {took:.1?}: each count is over the whole day (direct)"
                    );
                    self.go(CountStrategy::Direct);
                } else {
                    info!(
                        ?took,
                        "today is counted in {took:.1?}, too long for each tick: only the latest rows are (delta)"
                    );
                    self.go_delta();
                }
            }
        }
        self.tell();
        Ok(())
    }

    /// Without an index the count grows with the table.
    fn note_direct(&mut self, took: Duration) {
        self.slow = if took > self.quick { self.slow + 1 } else { 0 };
        if self.mode == Mode::Auto && self.slow == MOST_SLOW {
            info!(
                ?took,
                "today was counted in {took:.1?}, too long for each tick: only the latest rows are (delta)"
            );
            self.go_delta();
        }
    }

    fn go_delta(&mut self) {
        if !matches!(self.way, CountStrategy::Delta(_)) {
            let (database, status) = (self.database.clone(), self.status.clone());
            self.go(CountStrategy::Delta(Delta::new(
                database,
                status,
                self.cadence,
            )));
        }
    }

    fn go(&mut self, way: CountStrategy) {
        self.way = way;
        self.slow = 0;
        self.tell();
    }

    fn tell(&self) {
        let way = match self.way {
            CountStrategy::Direct => Mode::Direct,
            CountStrategy::Incremental(_) => Mode::Incremental,
            CountStrategy::Delta(_) => Mode::Delta,
        };
        self.status.update(|status| status.way = way);
    }
}
