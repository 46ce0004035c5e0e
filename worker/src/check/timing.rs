//! Measures how long today's count takes in each mode.

use crate::check::STATEMENT_LIMIT;
use crate::check::tables::Tables;
use crate::config::CountMode;
use crate::mysql::connection::{Database, Session};
use crate::mysql::error::{ErrorKind, kind_of};
use crate::mysql::scan::ScanKey;
use crate::mysql::schema::TableSchema;
use crate::mysql::visits;
use anyhow::Result;
use chrono::NaiveDate;
use std::time::Duration;

/// The time limit of a whole count. Without an index it reads the whole table, as the mode `direct` does at each tick.
pub(super) const COUNT_LIMIT: Duration = Duration::from_secs(1);
/// A count that takes longer is not measured a second time.
const SECOND_RUN_LIMIT: Duration = Duration::from_millis(100);
/// The number of visits that a tick of `delta` reads in its first minute.
const LATEST: i64 = 1_000;

/// The measured times of the server, without round trips.
pub(super) struct Cost {
    /// Whether an index begins with the date.
    pub(super) is_indexed: bool,
    /// The number of today's visits; `None` if they were not counted.
    pub(super) total: Option<u64>,
    /// The time of a whole count; `None` if it was not made or exceeded its limit.
    pub(super) direct: Option<Duration>,
    /// The time of a tick of `delta`.
    pub(super) delta: Option<Duration>,
    /// What a count with an index would take, if there is none: the number of today's rows (1,000 if unknown) and the
    /// time to read as many rows by the primary key. `None` if there is an index.
    pub(super) indexed_estimate: Option<(u64, Duration)>,
}

impl Cost {
    /// Counts the visits of `day` in several ways.
    ///
    /// # Errors
    /// If a statement fails for another reason than its time limit.
    pub(super) async fn measure(
        mode: CountMode,
        database: &Database,
        tables: &Tables,
        day: NaiveDate,
    ) -> Result<Self> {
        let table = visits::TABLE;
        let mut session = database.session(COUNT_LIMIT).await?;
        let schema = TableSchema::of(&mut session, table).await?;
        let mut cost = Self {
            is_indexed: schema.by("checkin_date").is_some(),
            total: None,
            direct: None,
            delta: None,
            indexed_estimate: None,
        };
        if cost.is_indexed || mode != CountMode::Delta {
            cost.measure_direct(&mut session, day).await?;
        }
        session.allow(STATEMENT_LIMIT).await?;
        let key = visits::key(&schema);
        if schema.by_key(key.column).is_some() && tables.can_read(table, &[key.column]) {
            cost.measure_alternatives(&mut session, key, day).await?;
        }
        Ok(cost)
    }

    /// Counts as `direct` does, twice if it is quick, so that the server's cache is warm.
    async fn measure_direct(&mut self, session: &mut Session, day: NaiveDate) -> Result<()> {
        for _ in 0..2 {
            let before = session.time_spent();
            match visits::count(session, day).await {
                Err(error) if kind_of(&error) == Some(ErrorKind::TooLong) => return Ok(()),
                total => self.total = Some(total?),
            }
            let spent = session.time_spent() - before;
            let took = spent.server_time(session.round_trip());
            self.direct = Some(self.direct.map_or(took, |first| first.min(took)));
            if took > SECOND_RUN_LIMIT {
                break;
            }
        }
        Ok(())
    }

    /// Measures a tick of `delta`, and a count as quick as one with an index.
    async fn measure_alternatives(
        &mut self,
        session: &mut Session,
        key: ScanKey,
        day: NaiveDate,
    ) -> Result<()> {
        let last = visits::greatest_id(session, key).await?;
        let tick = async |session: &mut Session| {
            let after = visits::count_after(session, key, day, last - LATEST, last);
            after.await.map(drop)
        };
        self.delta = Some(measure_twice(session, tick).await?);
        if self.is_indexed {
            return Ok(());
        }
        let total = self.total.and_then(|total| i64::try_from(total).ok());
        let rows = total.unwrap_or(LATEST).max(1);
        let range = async |session: &mut Session| {
            let between = visits::count_between(session, key, day, last - rows + 1, last);
            between.await.map(drop)
        };
        self.indexed_estimate = Some((rows.unsigned_abs(), measure_twice(session, range).await?));
        Ok(())
    }
}

/// Runs it twice, and returns the shorter time of the server.
async fn measure_twice(
    session: &mut Session,
    run: impl AsyncFn(&mut Session) -> Result<()>,
) -> Result<Duration> {
    let mut shortest = Duration::MAX;
    for _ in 0..2 {
        let before = session.time_spent();
        run(session).await?;
        let spent = session.time_spent() - before;
        shortest = shortest.min(spent.server_time(session.round_trip()));
    }
    Ok(shortest)
}
