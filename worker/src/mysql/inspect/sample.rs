//! Reads a sample of a table as a scan would: to estimate how long a scan takes, and to check the dates of the rows.

use crate::mysql::connection::Session;
use crate::mysql::params;
use crate::mysql::scan::ScanKey;
use crate::mysql::scan_plan::ScanPlan;
use anyhow::Result;
use chrono::NaiveDateTime;
use mysql_async::Params;
use std::collections::HashSet;
use std::time::Duration;

/// Rows per statement, which takes some 10 ms. Writers on MyISAM wait that long.
const ROWS: u64 = 5_000;
/// The times of this many of the latest rows are kept.
const LATEST: usize = 100;

/// The table to sample, and how.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    /// The table, and the key that numbers its rows.
    pub key: ScanKey,
    /// The hint to read along the key, if the key leads an index.
    pub by_key: Option<String>,
    /// The column with the date of a row, if there is one.
    pub date: Option<&'static str>,
    /// Further columns to read of each row.
    pub columns: &'a str,
    /// How a scan reads the table.
    pub plan: &'a ScanPlan,
}

impl Subject<'_> {
    fn date(&self) -> &'static str {
        self.date.unwrap_or("NULL")
    }
}

/// The result of sampling a table.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// Number of distinct rows in the sample.
    pub rows: u64,
    /// Whether the sample is the whole table.
    pub is_whole: bool,
    /// Rows without a valid date, such as `0000-00-00` and `2026-00-00`.
    pub zero_dates: u64,
    /// The valid dates of the rows that were written last, the last first. Empty without a key.
    pub latest: Vec<NaiveDateTime>,
    /// Rows that were read as a scan reads them, and how long the server worked for them.
    timed_rows: u64,
    worked: Duration,
    seen_ids: HashSet<i64>,
}

impl Sample {
    /// Reads up to 5,000 rows each from the start, the middle and the end of the table.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn of(session: &mut Session, subject: &Subject<'_>) -> Result<Self> {
        let mut sample = Self::default();
        let ScanKey { table, column } = subject.key;
        let first = match subject.plan {
            ScanPlan::FullScan => format!("FROM {table}"),
            ScanPlan::ByKey(hint) => format!("FROM {table} {hint} ORDER BY {column}"),
            ScanPlan::ByDate(hint) => format!("FROM {table} {hint} ORDER BY {}", subject.date()),
        };
        let read = sample
            .read(session, subject, &first, Params::Empty, true)
            .await?;
        sample.is_whole = read < ROWS;
        let Some(hint) = &subject.by_key else {
            // Without a key there is no telling which rows were written last.
            sample.latest.clear();
            return Ok(sample);
        };
        let is_by_key = matches!(subject.plan, ScanPlan::ByKey(_)) && !sample.is_whole;
        if !sample.is_whole {
            let middle = middle_id(session, subject.key).await?;
            let from = format!("FROM {table} {hint} WHERE {column} >= ? ORDER BY {column}");
            let values = params([middle]);
            sample
                .read(session, subject, &from, values, is_by_key)
                .await?;
        }
        sample.latest.clear();
        let last = format!("FROM {table} {hint} ORDER BY {column} DESC");
        sample
            .read(session, subject, &last, Params::Empty, is_by_key)
            .await?;
        Ok(sample)
    }

    /// The estimated time for which the server works to read `rows` of this table.
    pub fn cost_of(&self, rows: u64) -> Duration {
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let factor = rows as f64 / self.timed_rows.max(1) as f64;
        self.worked.mul_f64(factor)
    }

    async fn read(
        &mut self,
        session: &mut Session,
        subject: &Subject<'_>,
        from: &str,
        values: Params,
        is_timed: bool,
    ) -> Result<u64> {
        let Subject { key, columns, .. } = subject;
        let (id, date) = (key.column, subject.date());
        let sql = format!("SELECT {id}, {date}, {columns} {from} LIMIT {ROWS}");
        let (mut read, before) = (0, session.time_spent());
        let rows = session.each(key.table, &sql, values, |row| {
            read += 1;
            let id = row.integer(0).ok().flatten();
            if id.is_none_or(|id| self.seen_ids.insert(id)) {
                self.rows += 1;
                let is_zero = subject.date.is_some() && row.time(1)?.date().is_none();
                self.zero_dates += u64::from(is_zero);
            }
            if self.latest.len() < LATEST {
                self.latest.extend(row.time(1)?.date_time());
            }
            Ok(())
        });
        rows.await?;
        if is_timed {
            self.timed_rows += read;
            let spent = session.time_spent() - before;
            self.worked += spent.server_time(session.round_trip());
        }
        Ok(read)
    }
}

/// The middle between the smallest and the greatest id.
async fn middle_id(session: &mut Session, key: ScanKey) -> Result<i64> {
    let ScanKey { table, column } = key;
    let sql = format!("SELECT MIN({column}), MAX({column}) FROM {table}");
    let bounds = session.first("the range of the ids", &sql, Params::Empty, |row| {
        Ok(row.integer(0)?.zip(row.integer(1)?))
    });
    let (least, greatest) = bounds.await?.flatten().unwrap_or_default();
    Ok(least / 2 + greatest / 2)
}
