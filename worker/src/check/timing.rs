//! What today's count costs here, by each way to count.

use crate::check::LIMIT;
use crate::check::tables::Tables;
use crate::config::Mode;
use crate::mysql::connection::{Database, Session};
use crate::mysql::error::{ErrorKind, refusal};
use crate::mysql::schema::TableSchema;
use crate::mysql::visits;
use anyhow::Result;
use chrono::NaiveDate;
use std::time::Duration;

/// The count of a table without an index is made once here, as `direct` makes it all the time; but not for longer.
pub(super) const COUNT_LIMIT: Duration = Duration::from_secs(1);
/// What took longer is not measured twice.
const TWICE: Duration = Duration::from_millis(100);
/// Visits that a tick of `delta` looks at in its first minute.
const LATEST: i64 = 1_000;

/// What was measured: times of the server, without the round trips.
pub(super) struct Cost {
    /// Whether an index leads to the day.
    pub(super) is_indexed: bool,
    /// The visits of the day, if they were counted.
    pub(super) total: Option<u64>,
    /// How long the whole count took; `None` when it was not made or took too long.
    pub(super) direct: Option<Duration>,
    /// A tick of `delta`.
    pub(super) delta: Option<Duration>,
    /// Where there is no index: as many rows as the day has, read by their key. An index would not take longer.
    pub(super) with_index: Option<(u64, Duration)>,
}

impl Cost {
    /// Counts `day` in several ways.
    pub(super) async fn measure(
        mode: Mode,
        database: &Database,
        tables: &Tables,
        day: NaiveDate,
    ) -> Result<Self> {
        let table = visits::KEY.table;
        let mut session = database.session(COUNT_LIMIT).await?;
        let plan = TableSchema::of(&mut session, table).await?;
        let mut cost = Self {
            is_indexed: plan.by("checkin_date").is_some(),
            total: None,
            direct: None,
            delta: None,
            with_index: None,
        };
        if cost.is_indexed || mode != Mode::Delta {
            cost.count(&mut session, day).await?;
        }
        session.allow(LIMIT).await?;
        let is_keyed = plan.by_key(visits::KEY.column).is_some();
        if is_keyed && tables.can_read(table, &[visits::KEY.column]) {
            cost.compare(&mut session, day).await?;
        }
        Ok(cost)
    }

    /// As `direct` does, with a warm cache if that is quick.
    async fn count(&mut self, session: &mut Session, day: NaiveDate) -> Result<()> {
        for _ in 0..2 {
            let before = session.time_spent();
            match visits::count(session, day).await {
                Err(error) if refusal(&error) == Some(ErrorKind::TooLong) => return Ok(()),
                total => self.total = Some(total?),
            }
            let spent = session.time_spent() - before;
            let took = spent.server_time(session.round_trip());
            self.direct = Some(self.direct.map_or(took, |before| before.min(took)));
            if took > TWICE {
                break;
            }
        }
        Ok(())
    }

    /// With what could be instead.
    async fn compare(&mut self, session: &mut Session, day: NaiveDate) -> Result<()> {
        let last = visits::greatest_id(session).await?;
        let tick = async |session: &mut Session| {
            let after = visits::count_after(session, day, last - LATEST, last);
            after.await.map(drop)
        };
        self.delta = Some(timed(session, tick).await?);
        if self.is_indexed {
            return Ok(());
        }
        let total = self.total.and_then(|total| i64::try_from(total).ok());
        let rows = total.unwrap_or(LATEST).max(1);
        let range = async |session: &mut Session| {
            let between = visits::count_between(session, day, last - rows + 1, last);
            between.await.map(drop)
        };
        self.with_index = Some((rows.unsigned_abs(), timed(session, range).await?));
        Ok(())
    }
}

/// The better of two times of the server.
async fn timed(
    session: &mut Session,
    run: impl AsyncFn(&mut Session) -> Result<()>,
) -> Result<Duration> {
    let mut least = Duration::MAX;
    for _ in 0..2 {
        let before = session.time_spent();
        run(session).await?;
        let spent = session.time_spent() - before;
        least = least.min(spent.server_time(session.round_trip()));
    }
    Ok(least)
}
