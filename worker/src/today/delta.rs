//! Today's count as a base up to a watermark and the rows above it, whatever the size of the day or of the table.
//!
//! Ids are given out at INSERT and seen at COMMIT, so that a smaller id may appear after a greater one. The watermark
//! therefore lags: it moves only past ids that were seen a while ago, in the same statement that counts them.
//! What is deleted or edited below it is put right by a recount beside the ticks, during which it stands still.

use crate::source::database::{Database, Session};
use crate::source::visits;
use crate::status::Status;
use anyhow::{Result, bail};
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
    /// The greatest id at each tick at which it rose, the oldest first.
    seen: VecDeque<(Instant, i64)>,
    indexed: bool,
    /// When a recount last ended, well or not.
    recounted: Instant,
    /// When a full one last ended well; `None` when this day has had none.
    recounted_fully: Option<Instant>,
    recount: Option<Recount>,
    /// Recounts that corrected the count, in a row.
    drifts: u32,
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

    /// Makes ready to count `day`: at the start with a count of the whole table, in chunks and without rests, since
    /// nothing is known before it has ended; at a change of day at once, with the count of the whole table beside the
    /// ticks. It finds the rows that were dated ahead.
    ///
    /// # Errors
    /// As the database says.
    pub async fn prepare(&mut self, session: &mut Session, day: NaiveDate) -> Result<()> {
        match &mut self.base {
            Some(base) if base.day == day => {}
            Some(base) => {
                // Somebody may have made one.
                base.indexed = visits::has_date_index(session).await?;
                base.begin_day(day, &self.database);
            }
            None => self.base = Some(Base::establish(session, day).await?),
        }
        Ok(())
    }

    /// How many recounts in a row have corrected the count.
    pub fn drifts(&self) -> u32 {
        self.base.as_ref().map_or(0, |base| base.drifts)
    }

    /// Visits of `day` so far.
    ///
    /// # Errors
    /// As the database says.
    pub async fn count(&mut self, session: &mut Session, day: NaiveDate) -> Result<u64> {
        self.prepare(session, day).await?;
        let Some(base) = &mut self.base else {
            bail!("nothing is known of {day}")
        };
        base.finish_recount(&self.status).await;
        let next = base.next_watermark(self.cadence.settle);
        let after = visits::count_after(session, day, base.watermark, next).await?;
        let total = base.below + after.total;
        base.below += after.settled;
        base.watermark = next;
        base.see(after.greatest);
        base.begin_recount(&self.database, self.cadence);
        Ok(total)
    }
}

impl Base {
    async fn establish(session: &mut Session, day: NaiveDate) -> Result<Self> {
        let watermark = (visits::greatest_id(session).await? - UNSETTLED_AT_START).max(0);
        let indexed = visits::has_date_index(session).await?;
        let (below, first) = recount(session, day, 0..=watermark, chunk(indexed), 0).await?;
        Ok(Self {
            day,
            watermark,
            below,
            first: first.unwrap_or(watermark + 1),
            seen: VecDeque::new(),
            indexed,
            recounted: Instant::now(),
            recounted_fully: Some(Instant::now()),
            recount: None,
            drifts: 0,
        })
    }

    /// The watermark stays where it is: what was unsettled is so still.
    fn begin_day(&mut self, day: NaiveDate, database: &Arc<Database>) {
        self.day = day;
        self.below = 0;
        self.first = self.watermark + 1;
        self.recounted_fully = None;
        self.drifts = 0;
        self.recount = Some(Recount::begin(self, database, true));
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
        let due_fully = self
            .recounted_fully
            .is_none_or(|at| at.elapsed() >= cadence.recount_fully);
        let full = self.indexed || due_fully;
        let period = if full {
            cadence.recount_indexed
        } else {
            cadence.recount
        };
        if self.recount.is_some() || self.recounted.elapsed() < period {
            return;
        }
        self.recount = Some(Recount::begin(self, database, full));
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
        match (&mut recount.task)
            .await
            .unwrap_or_else(|ended| Err(ended.into()))
        {
            Ok((below, first)) => {
                let drift = below.abs_diff(self.below);
                if drift > 0 {
                    self.drifts += 1;
                    status.metrics.drifts.inc();
                    status.metrics.drifted_visits.inc_by(drift);
                    info!(
                        drift,
                        "visits were deleted, edited or late: today's count is corrected by {drift}"
                    );
                } else {
                    self.drifts = 0;
                }
                self.below = below;
                if recount.full {
                    self.recounted_fully = Some(Instant::now());
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

impl Recount {
    fn begin(base: &Base, database: &Arc<Database>, full: bool) -> Self {
        let (day, indexed, database) = (base.day, base.indexed, database.clone());
        let first = if full { 0 } else { base.first };
        let ids = first..=base.watermark;
        let task = tokio::spawn(async move {
            let mut session = database.session(RECOUNT_LIMIT).await?;
            recount(&mut session, day, ids, chunk(indexed), RECOUNT_REST).await
        });
        Self { full, task }
    }
}

/// With an index on the date all of a day is read at once, whatever the ids.
fn chunk(indexed: bool) -> i64 {
    if indexed { i64::MAX } else { RECOUNT_CHUNK }
}

/// Counts the visits of `day` among the ids, `chunk` of them at once, with rests between: so many times as long as a
/// chunk took. Gives also the least id.
async fn recount(
    session: &mut Session,
    day: NaiveDate,
    ids: RangeInclusive<i64>,
    chunk: i64,
    rest: u32,
) -> Result<(u64, Option<i64>)> {
    let (mut total, mut least) = (0, None);
    let mut first = *ids.start();
    while first <= *ids.end() {
        let last = first.saturating_add(chunk - 1).min(*ids.end());
        let started = Instant::now();
        let (count, id) = visits::count_between(session, day, first, last).await?;
        total += count;
        least = least.or(id);
        first = last + 1;
        if first <= *ids.end() {
            sleep(started.elapsed() * rest).await;
        }
    }
    Ok((total, least))
}
