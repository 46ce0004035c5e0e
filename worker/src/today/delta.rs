//! Today's count as a base up to a watermark and the rows above it, whatever the size of the day or of the table.
//!
//! Ids are given out at INSERT and seen at COMMIT, so that a smaller id may appear after a greater one. The watermark
//! therefore lags: it moves only past ids that were seen a while ago, in the same statement that counts them.
//! What is deleted or edited below it is put right by a recount beside the ticks, during which it stands still.

use crate::source::database::{Database, Session};
use crate::source::visits;
use crate::status::Status;
use anyhow::Result;
use chrono::NaiveDate;
use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

/// Ids that may have been given out and not been committed when the worker starts. A check-in is one short
/// transaction; a thousand at once are no library's.
const UNSETTLED_AT_START: i64 = 1_000;
/// One statement of a recount, far above what it takes.
const RECOUNT_LIMIT: Duration = Duration::from_secs(30);
/// Ids that a recount without a date index reads at once: some 50 ms, the longest that a check-in on MyISAM waits for.
const RECOUNT_CHUNK: i64 = 100_000;
/// A recount rests for this many times as long as a chunk took: 5 % of one connection.
const RECOUNT_REST: u32 = 19;

/// How long things are trusted.
#[derive(Clone, Copy, Debug)]
pub struct Cadence {
    /// After this time all transactions with smaller ids have ended.
    pub settle: Duration,
    /// From one recount to the next, with an index on the date.
    pub recount_indexed: Duration,
    /// The same without, over the ids of the day.
    pub recount: Duration,
    /// The same without, over all ids.
    pub recount_fully: Duration,
}

impl Cadence {
    /// As the contract has it.
    pub const USUAL: Self = Self {
        settle: Duration::from_secs(60),
        recount_indexed: Duration::from_secs(60),
        recount: Duration::from_secs(300),
        recount_fully: Duration::from_secs(900),
    };
}

/// What is remembered between two ticks.
pub struct Delta {
    database: Arc<Database>,
    status: Arc<Status>,
    cadence: Cadence,
    base: Option<Base>,
}

struct Base {
    day: NaiveDate,
    /// Ids up to this one are in `below`.
    watermark: i64,
    /// Visits of the day up to the watermark.
    below: u64,
    /// No visit of the day has a smaller id, as far as the last full recount knows.
    first: i64,
    /// The greatest id of the day at each tick at which it rose, the oldest first.
    seen: VecDeque<(Instant, i64)>,
    indexed: bool,
    recounted: Instant,
    recounted_fully: Instant,
    recount: Option<Recount>,
}

/// A count of what is below the watermark, going on beside the ticks.
struct Recount {
    full: bool,
    task: JoinHandle<Result<(u64, Option<i64>)>>,
}

impl Drop for Recount {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Delta {
    /// Knows nothing yet.
    pub fn new(database: Arc<Database>, status: Arc<Status>, cadence: Cadence) -> Self {
        Self {
            database,
            status,
            cadence,
            base: None,
        }
    }

    /// Visits of `day` so far.
    ///
    /// # Errors
    /// As the database says.
    pub async fn count(&mut self, session: &mut Session, day: NaiveDate) -> Result<u64> {
        let mut base = match self.base.take() {
            Some(base) if base.day == day => base,
            before => Base::establish(session, day, before).await?,
        };
        base.finish_recount(&self.status).await;
        let next = base.next_watermark(self.cadence.settle);
        let after = visits::count_after(session, day, base.watermark, next).await;
        let total = after.map(|after| {
            let total = base.below + after.total;
            base.below += after.settled;
            base.watermark = next;
            base.see(after.greatest);
            base.begin_recount(&self.database, self.cadence);
            total
        });
        // Also after a failure: what was counted below the watermark is still true.
        self.base = Some(base);
        total
    }
}

impl Base {
    /// Counts in full. At a change of day the watermark stays where it is: what was unsettled is so still.
    async fn establish(
        session: &mut Session,
        day: NaiveDate,
        before: Option<Self>,
    ) -> Result<Self> {
        let (watermark, seen) = match before {
            Some(before) => (before.watermark, before.seen.clone()),
            None => (
                (visits::greatest_id(session).await? - UNSETTLED_AT_START).max(0),
                VecDeque::new(),
            ),
        };
        let indexed = visits::has_date_index(session).await?;
        let (below, first) = visits::count_between(session, day, 0, watermark).await?;
        Ok(Self {
            day,
            watermark,
            below,
            first: first.unwrap_or(watermark + 1),
            seen,
            indexed,
            recounted: Instant::now(),
            recounted_fully: Instant::now(),
            recount: None,
        })
    }

    /// The greatest id that was seen long enough ago. While a recount is under way the watermark stands still.
    fn next_watermark(&mut self, settle: Duration) -> i64 {
        if self.recount.is_some() {
            return self.watermark;
        }
        let mut next = self.watermark;
        while let Some((seen, id)) = self.seen.front().copied()
            && seen.elapsed() >= settle
        {
            next = next.max(id);
            self.seen.pop_front();
        }
        next
    }

    fn see(&mut self, greatest: Option<i64>) {
        let before = self.seen.back().map_or(self.watermark, |(_, id)| *id);
        if let Some(id) = greatest.filter(|id| *id > before) {
            self.seen.push_back((Instant::now(), id));
        }
    }

    /// Begins to count what is below the watermark once more, when it is time.
    fn begin_recount(&mut self, database: &Arc<Database>, cadence: Cadence) {
        let full = self.indexed || self.recounted_fully.elapsed() >= cadence.recount_fully;
        let period = if self.indexed {
            cadence.recount_indexed
        } else {
            cadence.recount
        };
        if self.recount.is_some() || !(full && !self.indexed || self.recounted.elapsed() >= period)
        {
            return;
        }
        let (day, last, database) = (self.day, self.watermark, database.clone());
        let first = if full { 0 } else { self.first };
        let chunk = if self.indexed {
            i64::MAX
        } else {
            RECOUNT_CHUNK
        };
        let task = tokio::spawn(recount(database, day, first..=last, chunk));
        self.recount = Some(Recount { full, task });
    }

    /// Takes over what a recount that has ended has found.
    async fn finish_recount(&mut self, status: &Status) {
        if !self
            .recount
            .as_ref()
            .is_some_and(|recount| recount.task.is_finished())
        {
            return;
        }
        let Some(mut recount) = self.recount.take() else {
            return;
        };
        self.recounted = Instant::now();
        if recount.full {
            self.recounted_fully = Instant::now();
        }
        match (&mut recount.task)
            .await
            .unwrap_or_else(|ended| Err(ended.into()))
        {
            Ok((below, first)) => {
                let drift = below.abs_diff(self.below);
                if drift > 0 {
                    info!(
                        drift,
                        "visits were deleted, edited or late: today's count is corrected by {drift}"
                    );
                    status.note(|status| status.drift += drift);
                }
                self.below = below;
                if recount.full {
                    self.first = first.unwrap_or(self.watermark + 1);
                }
            }
            Err(error) => {
                warn!(
                    error = format!("{error:#}"),
                    "today's visits were not recounted: trying again when it is time"
                );
            }
        }
    }
}

/// Counts the visits of `day` among the ids, `chunk` of them at once, with rests between. Gives also the least id.
async fn recount(
    database: Arc<Database>,
    day: NaiveDate,
    ids: RangeInclusive<i64>,
    chunk: i64,
) -> Result<(u64, Option<i64>)> {
    let (mut total, mut least) = (0, None);
    let mut session = database.session(RECOUNT_LIMIT).await?;
    let mut first = *ids.start();
    while first <= *ids.end() {
        let last = first.saturating_add(chunk - 1).min(*ids.end());
        let started = Instant::now();
        let (count, id) = visits::count_between(&mut session, day, first, last).await?;
        total += count;
        least = least.or(id);
        first = last + 1;
        if first <= *ids.end() {
            sleep(started.elapsed() * RECOUNT_REST).await;
        }
    }
    Ok((total, least))
}
