//! Today's count as a base up to a watermark and the rows above it, whatever the size of the day or of the table.
//!
//! Ids are given out at INSERT and seen at COMMIT, so that a smaller id may appear after a greater one. The watermark
//! therefore lags: it moves only past ids that were seen a while ago, in the same statement that counts them.
//! What is deleted or edited below it is put right by a recount beside the ticks, during which it stands still.
//!
//! A day begins with a recount, before its first count is shown: rows of the new day may be below the watermark already,
//! from a writer whose zone is ahead, dated ahead, or with small ids. So does a count after a long break.

use crate::mysql::connection::{Database, RENEW_ROUND_TRIP, Session};
use crate::mysql::visits;
use crate::ops::status::Status;
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
/// A recount beside the ticks rests for this many times as long as the server worked for a chunk: 5 % of the time.
const RECOUNT_REST: u32 = 19;
/// The same where nothing is shown before it ends.
const AWAITED_REST: u32 = 1;

/// How long things are trusted.
#[derive(Clone, Copy, Debug)]
pub struct RecountSchedule {
    /// After this time all transactions with smaller ids have ended.
    pub settle: Duration,
    /// From one recount to the next, with an index on the date.
    pub recount_indexed: Duration,
    /// The same without, over the ids of the day.
    pub recount: Duration,
    /// The same without, over all ids.
    pub recount_fully: Duration,
}

impl RecountSchedule {
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
    cadence: RecountSchedule,
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
    /// When the last count ended. What was counted long ago, before a time as a standby or an outage of the database, may
    /// have changed below the watermark.
    counted: Instant,
    /// When a recount last ended, well or not.
    recounted: Instant,
    /// When a full one last ended well.
    recounted_fully: Instant,
    recount: Option<Recount>,
    /// Recounts that corrected the count, in a row.
    drifts: u32,
}

/// A count of what is below the watermark, going on beside the ticks.
struct Recount {
    task: JoinHandle<Result<Found>>,
}

/// What a recount has found.
struct Found {
    /// Visits of the day up to the watermark.
    below: u64,
    /// The least of their ids.
    first: Option<i64>,
    /// Whether it looked at all ids.
    full: bool,
    /// Whether an index begins with the date: administrators add and drop it at any time.
    indexed: bool,
}

impl Drop for Recount {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Delta {
    /// Knows nothing yet.
    pub fn new(database: Arc<Database>, status: Arc<Status>, cadence: RecountSchedule) -> Self {
        Self {
            database,
            status,
            cadence,
            base: None,
        }
    }

    /// Makes ready to count `day`: at the start with a count of the whole table, in chunks and without rests, since
    /// nothing is known before it has ended; at a change of day and after a long break with a recount.
    ///
    /// # Errors
    /// As the database says.
    pub async fn prepare(&mut self, session: &mut Session, day: NaiveDate) -> Result<()> {
        match &mut self.base {
            Some(base)
                if base.day == day && base.counted.elapsed() < self.cadence.recount_indexed => {}
            Some(base) => base.count_anew(session, day, self.cadence).await?,
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
        base.counted = Instant::now();
        base.begin_recount(&self.database, self.cadence);
        Ok(total)
    }
}

impl Base {
    async fn establish(session: &mut Session, day: NaiveDate) -> Result<Self> {
        let watermark = (visits::greatest_id(session).await? - UNSETTLED_AT_START).max(0);
        let indexed = visits::has_date_index(session).await?;
        let (below, first) = recount(session, day, 0..=watermark, indexed, 0).await?;
        Ok(Self {
            day,
            watermark,
            below,
            first: first.unwrap_or(watermark + 1),
            seen: VecDeque::new(),
            indexed,
            counted: Instant::now(),
            recounted: Instant::now(),
            recounted_fully: Instant::now(),
            recount: None,
            drifts: 0,
        })
    }

    /// Counts what is below the watermark, which stays where it is: what was unsettled is so still.
    async fn count_anew(
        &mut self,
        session: &mut Session,
        day: NaiveDate,
        cadence: RecountSchedule,
    ) -> Result<()> {
        // It is of another day or of long ago.
        self.recount = None;
        let indexed = visits::has_date_index(session).await?;
        let full = indexed || self.day != day || self.is_due_fully(cadence);
        let ids = self.ids(full);
        let (below, first) = recount(session, day, ids, indexed, AWAITED_REST).await?;
        self.day = day;
        self.counted = Instant::now();
        self.drifts = 0;
        self.take(Found {
            below,
            first,
            full,
            indexed,
        });
        Ok(())
    }

    /// Those that a recount looks at.
    fn ids(&self, full: bool) -> RangeInclusive<i64> {
        if full {
            0..=self.watermark
        } else {
            self.first..=self.watermark
        }
    }

    fn is_due_fully(&self, cadence: RecountSchedule) -> bool {
        self.recounted_fully.elapsed() >= cadence.recount_fully
    }

    fn take(&mut self, found: Found) {
        self.below = found.below;
        self.indexed = found.indexed;
        self.recounted = Instant::now();
        if found.full {
            self.recounted_fully = Instant::now();
            self.first = found.first.unwrap_or(self.watermark + 1);
        }
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
    fn begin_recount(&mut self, database: &Arc<Database>, cadence: RecountSchedule) {
        let due_fully = self.is_due_fully(cadence);
        let period = if self.indexed || due_fully {
            cadence.recount_indexed
        } else {
            cadence.recount
        };
        if self.recount.is_some() || self.recounted.elapsed() < period {
            return;
        }
        self.recount = Some(Recount::begin(self, database, due_fully));
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
            Ok(found) => {
                let drift = found.below.abs_diff(self.below);
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
                self.take(found);
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
    fn begin(base: &Base, database: &Arc<Database>, due_fully: bool) -> Self {
        let (day, database) = (base.day, database.clone());
        let (all, of_the_day) = (base.ids(true), base.ids(false));
        let task = tokio::spawn(async move {
            let mut session = database.session(RECOUNT_LIMIT).await?;
            let indexed = visits::has_date_index(&mut session).await?;
            let full = indexed || due_fully;
            let ids = if full { all } else { of_the_day };
            let (below, first) = recount(&mut session, day, ids, indexed, RECOUNT_REST).await?;
            Ok(Found {
                below,
                first,
                full,
                indexed,
            })
        });
        Self { task }
    }
}

/// Counts the visits of `day` among the ids, in chunks with rests between: `rest` times as long as the server worked. With
/// an index on the date all of a day is read at once, whatever the ids. Gives also the least id.
async fn recount(
    session: &mut Session,
    day: NaiveDate,
    ids: RangeInclusive<i64>,
    indexed: bool,
    rest: u32,
) -> Result<(u64, Option<i64>)> {
    let chunk = if indexed { i64::MAX } else { RECOUNT_CHUNK };
    let (mut total, mut least) = (0, None);
    let mut first = *ids.start();
    while first <= *ids.end() {
        let last = first.saturating_add(chunk - 1).min(*ids.end());
        let before = session.time_spent();
        let (count, id) = visits::count_between(session, day, first, last).await?;
        total += count;
        least = least.or(id);
        first = last + 1;
        if first <= *ids.end() {
            let spent = session.time_spent() - before;
            let worked = spent.server_time(session.round_trip());
            let idle = spent.elapsed.saturating_sub(worked);
            sleep((worked * rest).saturating_sub(idle)).await;
            session.renew_round_trip(RENEW_ROUND_TRIP).await?;
        }
    }
    Ok((total, least))
}
