//! Looks at some rows of a table, in the way in which all are read later: how long that takes, and what dates they hold.

use crate::mysql::connection::Session;
use crate::mysql::params;
use crate::mysql::scan::ScanKey;
use crate::mysql::scan_plan::ScanPlan;
use anyhow::Result;
use chrono::NaiveDateTime;
use mysql_async::Params;
use std::collections::HashSet;
use std::time::Duration;

/// Rows of one statement: some 10 ms, also for who waits on MyISAM.
const ROWS: u64 = 5_000;
/// Of so many of the latest rows the times are kept.
const LATEST: usize = 100;

/// What is looked at.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    /// Where, and by which number the rows were written.
    pub key: ScanKey,
    /// The hint to read by that number, if it leads an index.
    pub by_key: Option<String>,
    /// The column with its date, if it has one.
    pub date: Option<&'static str>,
    /// What else is read of each row.
    pub columns: &'a str,
    /// How all are read.
    pub way: &'a ScanPlan,
}

impl Subject<'_> {
    fn date(&self) -> &'static str {
        self.date.unwrap_or("NULL")
    }
}

/// What was seen.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// Rows, each counted once.
    pub rows: u64,
    /// Whether those are all there are.
    pub is_whole: bool,
    /// Those of them whose date is none, such as `0000-00-00` and `2026-00-00`.
    pub zero_dates: u64,
    /// Of the rows that were written last the real dates, the last first; none without a key.
    pub latest: Vec<NaiveDateTime>,
    /// Rows that were read in the way of all, and how long the server worked for that.
    read: u64,
    took: Duration,
    seen: HashSet<i64>,
}

impl Sample {
    /// Reads up to three times 5,000 rows: the first, some in the middle, and the last.
    ///
    /// # Errors
    /// As the database says.
    pub async fn of(session: &mut Session, subject: &Subject<'_>) -> Result<Self> {
        let mut sample = Self::default();
        let ScanKey { table, column } = subject.key;
        let first = match subject.way {
            ScanPlan::FullScan => format!("FROM {table}"),
            ScanPlan::ByKey(hint) => format!("FROM {table} {hint} ORDER BY {column}"),
            ScanPlan::ByDate(hint) => format!("FROM {table} {hint} ORDER BY {}", subject.date()),
        };
        let read = sample
            .read(session, subject, &first, Params::Empty, true)
            .await?;
        sample.is_whole = read < ROWS;
        let Some(hint) = &subject.by_key else {
            // Nobody knows which rows were written last.
            sample.latest.clear();
            return Ok(sample);
        };
        let is_the_way = matches!(subject.way, ScanPlan::ByKey(_)) && !sample.is_whole;
        if !sample.is_whole {
            let middle = middle(session, subject.key).await?;
            let from = format!("FROM {table} {hint} WHERE {column} >= ? ORDER BY {column}");
            let values = params([middle]);
            sample
                .read(session, subject, &from, values, is_the_way)
                .await?;
        }
        sample.latest.clear();
        let last = format!("FROM {table} {hint} ORDER BY {column} DESC");
        sample
            .read(session, subject, &last, Params::Empty, is_the_way)
            .await?;
        Ok(sample)
    }

    /// How long `rows` of the kind take.
    pub fn cost_of(&self, rows: u64) -> Duration {
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let factor = rows as f64 / self.read.max(1) as f64;
        self.took.mul_f64(factor)
    }

    async fn read(
        &mut self,
        session: &mut Session,
        subject: &Subject<'_>,
        from: &str,
        values: Params,
        is_the_way: bool,
    ) -> Result<u64> {
        let Subject { key, columns, .. } = subject;
        let (id, date) = (key.column, subject.date());
        let sql = format!("SELECT {id}, {date}, {columns} {from} LIMIT {ROWS}");
        let (mut read, before) = (0, session.time_spent());
        let rows = session.each(key.table, &sql, values, |cells| {
            read += 1;
            let id = cells.integer(0).ok().flatten();
            if id.is_none_or(|id| self.seen.insert(id)) {
                self.rows += 1;
                let is_zero = subject.date.is_some() && cells.time(1)?.date().is_none();
                self.zero_dates += u64::from(is_zero);
            }
            if self.latest.len() < LATEST {
                self.latest.extend(cells.time(1)?.date_time());
            }
            Ok(())
        });
        rows.await?;
        if is_the_way {
            self.read += read;
            let spent = session.time_spent() - before;
            self.took += spent.server_time(session.round_trip());
        }
        Ok(read)
    }
}

/// Between the least and the greatest id.
async fn middle(session: &mut Session, key: ScanKey) -> Result<i64> {
    let ScanKey { table, column } = key;
    let sql = format!("SELECT MIN({column}), MAX({column}) FROM {table}");
    let ends = session.first("the range of the ids", &sql, Params::Empty, |cells| {
        Ok(cells.integer(0)?.zip(cells.integer(1)?))
    });
    let (least, greatest) = ends.await?.flatten().unwrap_or_default();
    Ok(least / 2 + greatest / 2)
}
