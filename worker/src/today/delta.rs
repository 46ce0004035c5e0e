//! Counts today's visitors as a base up to a watermark id plus the rows above it. The cost of a tick does not depend on
//! the size of the day or of the table.
//!
//! Ids are assigned at INSERT and become visible at COMMIT, so a smaller id may appear after a greater one. The
//! watermark therefore lags: it moves only past ids that were seen a while ago, in the same statement that counts them.
//! Rows that are deleted or edited below the watermark are corrected by a recount in the background, during which the
//! watermark stands still.
//!
//! Each day begins with a recount before its first count is shown: rows of the new day may already be below the
//! watermark, from a client whose time zone is ahead, dated ahead, or with small ids. A count after a long break begins
//! likewise.

use crate::mysql::connection::{Database, RENEW_ROUND_TRIP, Session};
use crate::mysql::scan::ScanKey;
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

/// How many of the greatest ids may be assigned but not committed when the worker starts. A check-in is one short
/// transaction, and no library has a thousand of them at once.
const UNSETTLED_AT_START: i64 = 1_000;
/// The time-out of a statement of a recount, far above the time that it takes.
const RECOUNT_LIMIT: Duration = Duration::from_secs(30);
/// How many ids a statement of a recount without a date index reads: some 50 ms, the longest wait of a check-in on
/// MyISAM.
const RECOUNT_CHUNK: i64 = 100_000;
/// A background recount pauses for this many times the server's time for a chunk, so that it uses 5 % of the time.
const RECOUNT_PAUSE: u32 = 19;
/// The same for a recount that must end before a count is shown.
const AWAITED_PAUSE: u32 = 1;

/// When to recount, and when an id counts as settled.
#[derive(Clone, Copy, Debug)]
pub struct RecountSchedule {
    /// The time after which all transactions with smaller ids have ended.
    pub settle: Duration,
    /// The time between two recounts, with an index on the date.
    pub recount_indexed: Duration,
    /// The same without an index, over the ids of the day.
    pub recount: Duration,
    /// The same without an index, over all ids.
    pub recount_fully: Duration,
}

impl RecountSchedule {
    /// The schedule in production.
    pub const USUAL: Self = Self {
        settle: Duration::from_secs(60),
        recount_indexed: Duration::from_secs(60),
        recount: Duration::from_secs(300),
        recount_fully: Duration::from_secs(900),
    };
}

/// The strategy `delta`, with its state between two ticks.
pub struct Delta {
    database: Arc<Database>,
    status: Arc<Status>,
    schedule: RecountSchedule,
    base: Option<Base>,
}

struct Base {
    key: ScanKey,
    day: NaiveDate,
    /// The visits with ids up to this one are counted in `below`.
    watermark: i64,
    /// Visits of the day up to the watermark.
    below: u64,
    /// The smallest id of a visit of the day, as of the last full recount.
    first_id: i64,
    /// The greatest id at each tick at which it rose, the oldest first.
    greatest_ids: VecDeque<(Instant, i64)>,
    indexed: bool,
    /// When the last count ended. If that is long ago, after a time as a standby or an outage of the database, rows
    /// below the watermark may have changed.
    counted_at: Instant,
    /// When the last recount ended, successful or not.
    recounted_at: Instant,
    /// When the last successful full recount ended.
    recounted_fully_at: Instant,
    recount: Option<Recount>,
    /// How many recounts in a row corrected the count.
    drifts: u32,
}

/// A running recount of the visits below the watermark, in the background.
struct Recount {
    task: JoinHandle<Result<RecountResult>>,
}

/// The result of a recount.
struct RecountResult {
    /// Visits of the day up to the watermark.
    below: u64,
    /// The smallest of their ids.
    first_id: Option<i64>,
    /// Whether it read all ids.
    full: bool,
    /// Whether an index begins with the date. An administrator may add or drop it at any time.
    indexed: bool,
}

impl Drop for Recount {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Delta {
    /// Creates the strategy without a base.
    pub fn new(database: Arc<Database>, status: Arc<Status>, schedule: RecountSchedule) -> Self {
        Self {
            database,
            status,
            schedule,
            base: None,
        }
    }

    /// Prepares for counting `day`. At the start it counts the whole table in chunks without pauses, because no count
    /// can be shown before that ends. On a new day and after a long break it recounts.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn prepare(&mut self, session: &mut Session, day: NaiveDate) -> Result<()> {
        match &mut self.base {
            Some(base)
                if base.day == day && base.counted_at.elapsed() < self.schedule.recount_indexed => {
            }
            Some(base) => base.recount(session, day, self.schedule).await?,
            None => self.base = Some(Base::establish(session, day).await?),
        }
        Ok(())
    }

    /// How many recounts in a row have corrected the count.
    pub fn drifts(&self) -> u32 {
        self.base.as_ref().map_or(0, |base| base.drifts)
    }

    /// Counts the visits of `day` so far.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn count(&mut self, session: &mut Session, day: NaiveDate) -> Result<u64> {
        self.prepare(session, day).await?;
        let Some(base) = &mut self.base else {
            bail!("there is no base for {day}")
        };
        base.finish_recount(&self.status).await;
        let next = base.next_watermark(self.schedule.settle);
        let after = visits::count_after(session, base.key, day, base.watermark, next).await?;
        let total = base.below + after.total;
        base.below += after.settled;
        base.watermark = next;
        base.record_greatest(after.greatest);
        base.counted_at = Instant::now();
        base.begin_recount(&self.database, self.schedule);
        Ok(total)
    }
}

impl Base {
    async fn establish(session: &mut Session, day: NaiveDate) -> Result<Self> {
        let key = visits::load_key(session).await?;
        let watermark = (visits::greatest_id(session, key).await? - UNSETTLED_AT_START).max(0);
        let indexed = visits::has_date_index(session).await?;
        let (below, first_id) = recount(session, key, day, 0..=watermark, indexed, 0).await?;
        Ok(Self {
            key,
            day,
            watermark,
            below,
            first_id: first_id.unwrap_or(watermark + 1),
            greatest_ids: VecDeque::new(),
            indexed,
            counted_at: Instant::now(),
            recounted_at: Instant::now(),
            recounted_fully_at: Instant::now(),
            recount: None,
            drifts: 0,
        })
    }

    /// Counts the visits below the watermark again. The watermark does not move, because unsettled ids are still
    /// unsettled.
    async fn recount(
        &mut self,
        session: &mut Session,
        day: NaiveDate,
        schedule: RecountSchedule,
    ) -> Result<()> {
        // A running recount is for another day or too old.
        self.recount = None;
        let indexed = visits::has_date_index(session).await?;
        let full = indexed || self.day != day || self.is_full_recount_due(schedule);
        let ids = self.ids_to_recount(full);
        let (below, first_id) =
            recount(session, self.key, day, ids, indexed, AWAITED_PAUSE).await?;
        self.day = day;
        self.counted_at = Instant::now();
        self.drifts = 0;
        self.apply(RecountResult {
            below,
            first_id,
            full,
            indexed,
        });
        Ok(())
    }

    /// The ids that a recount reads.
    fn ids_to_recount(&self, full: bool) -> RangeInclusive<i64> {
        if full {
            0..=self.watermark
        } else {
            self.first_id..=self.watermark
        }
    }

    fn is_full_recount_due(&self, schedule: RecountSchedule) -> bool {
        self.recounted_fully_at.elapsed() >= schedule.recount_fully
    }

    fn apply(&mut self, result: RecountResult) {
        self.below = result.below;
        self.indexed = result.indexed;
        self.recounted_at = Instant::now();
        if result.full {
            self.recounted_fully_at = Instant::now();
            self.first_id = result.first_id.unwrap_or(self.watermark + 1);
        }
    }

    /// The new watermark: the greatest id that was seen at least `settle` ago. It stands still during a recount.
    fn next_watermark(&mut self, settle: Duration) -> i64 {
        if self.recount.is_some() {
            return self.watermark;
        }
        let mut next = self.watermark;
        while let Some((seen_at, id)) = self.greatest_ids.front().copied()
            && seen_at.elapsed() >= settle
        {
            next = next.max(id);
            self.greatest_ids.pop_front();
        }
        next
    }

    fn record_greatest(&mut self, greatest: Option<i64>) {
        let previous = self
            .greatest_ids
            .back()
            .map_or(self.watermark, |(_, id)| *id);
        if let Some(id) = greatest.filter(|id| *id > previous) {
            self.greatest_ids.push_back((Instant::now(), id));
        }
    }

    /// Starts a background recount if one is due.
    fn begin_recount(&mut self, database: &Arc<Database>, schedule: RecountSchedule) {
        let full = self.is_full_recount_due(schedule);
        let period = if self.indexed || full {
            schedule.recount_indexed
        } else {
            schedule.recount
        };
        if self.recount.is_some() || self.recounted_at.elapsed() < period {
            return;
        }
        self.recount = Some(Recount::begin(self, database, full));
    }

    /// Applies the result of a background recount that has ended.
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
        self.recounted_at = Instant::now();
        match (&mut recount.task)
            .await
            .unwrap_or_else(|ended| Err(ended.into()))
        {
            Ok(result) => {
                let drift = result.below.abs_diff(self.below);
                if drift > 0 {
                    self.drifts += 1;
                    status.metrics.drifts.inc();
                    status.metrics.drifted_visits.inc_by(drift);
                    info!(
                        drift,
                        "visits were deleted, edited or committed late: corrected today's count by {drift}"
                    );
                } else {
                    self.drifts = 0;
                }
                self.apply(result);
            }
            Err(error) => {
                warn!(
                    error = format!("{error:#}"),
                    "cannot recount today's visits: trying again at the next recount"
                );
            }
        }
    }
}

impl Recount {
    fn begin(base: &Base, database: &Arc<Database>, force_full: bool) -> Self {
        let (key, day, database) = (base.key, base.day, database.clone());
        let (all_ids, ids_of_day) = (base.ids_to_recount(true), base.ids_to_recount(false));
        let task = tokio::spawn(async move {
            let mut session = database.session(RECOUNT_LIMIT).await?;
            let indexed = visits::has_date_index(&mut session).await?;
            let full = indexed || force_full;
            let ids = if full { all_ids } else { ids_of_day };
            let (below, first_id) =
                recount(&mut session, key, day, ids, indexed, RECOUNT_PAUSE).await?;
            Ok(RecountResult {
                below,
                first_id,
                full,
                indexed,
            })
        });
        Self { task }
    }
}

/// Counts the visits of `day` among `ids`, and returns the total and the smallest id. Reads in chunks, with a pause
/// after each of `pause` times the server's time. With an index on the date it reads the whole day at once.
async fn recount(
    session: &mut Session,
    key: ScanKey,
    day: NaiveDate,
    ids: RangeInclusive<i64>,
    indexed: bool,
    pause: u32,
) -> Result<(u64, Option<i64>)> {
    let chunk = if indexed { i64::MAX } else { RECOUNT_CHUNK };
    let (mut total, mut first_id) = (0, None);
    let mut first = *ids.start();
    while first <= *ids.end() {
        let last = first.saturating_add(chunk - 1).min(*ids.end());
        let before = session.time_spent();
        let (count, id) = visits::count_between(session, key, day, first, last).await?;
        total += count;
        first_id = first_id.or(id);
        first = last + 1;
        if first <= *ids.end() {
            let spent = session.time_spent() - before;
            let worked = spent.server_time(session.round_trip());
            let idle = spent.elapsed.saturating_sub(worked);
            sleep((worked * pause).saturating_sub(idle)).await;
            session.renew_round_trip(RENEW_ROUND_TRIP).await?;
        }
    }
    Ok((total, first_id))
}
