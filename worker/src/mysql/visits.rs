//! Reads `visitor_count`: one row is one visit.

use crate::calendar::Window;
use crate::mysql::column::TextColumn;
use crate::mysql::connection::Session;
use crate::mysql::scan::ScanKey;
use crate::mysql::schema::TableSchema;
use crate::mysql::{BATCH, in_window, marks, params, spellings};
use crate::snapshots::row_batch::EventRow;
use crate::snapshots::series::Days;
use anyhow::Result;
use chrono::{NaiveDate, NaiveDateTime};
use mysql_async::{Params, Value};
use std::collections::HashMap;
use std::ops::RangeInclusive;

/// Who came, as the visit itself says.
#[derive(Clone, Debug)]
pub struct VisitorDetails {
    /// The name as typed or copied at the check-in.
    pub name: Option<String>,
    /// The same of the institution.
    pub institution: Option<String>,
}

/// The key along which visits are walked.
pub const KEY: ScanKey = ScanKey {
    table: "visitor_count",
    column: "visitor_id",
};

/// What one statement reads: the visits of some time, among some ids or all.
#[derive(Clone, Debug)]
pub struct VisitQuery<'a> {
    /// By which index, as [`Plan::by`](crate::mysql::schema::Plan::by) has it; may be empty.
    pub hint: &'a str,
    /// From the first moment to the second, which is no longer in it.
    pub times: [NaiveDateTime; 2],
    /// These ids alone.
    pub ids: Option<RangeInclusive<i64>>,
}

impl VisitQuery<'_> {
    fn sql(&self, columns: &str, rest: &str) -> String {
        let (hint, window) = (self.hint, in_window!("checkin_date"));
        let ids = match self.ids {
            Some(_) => " AND visitor_id >= ? AND visitor_id <= ?",
            None => "",
        };
        format!("SELECT {columns} FROM visitor_count {hint} WHERE {window}{ids}{rest}")
    }

    fn values(&self) -> Vec<Value> {
        let times = self.times.map(|time| Value::from(time.to_string()));
        let ids = self.ids.iter().flat_map(|ids| [*ids.start(), *ids.end()]);
        times.into_iter().chain(ids.map(Value::from)).collect()
    }
}

/// Counts visits by day.
///
/// # Errors
/// As the database says.
pub async fn by_day(session: &mut Session, part: &VisitQuery<'_>) -> Result<Days> {
    // A chunk is sorted in memory by what it groups; a temporary table would be looked into for each row.
    let columns = "SQL_BIG_RESULT DATE(checkin_date), COUNT(*)";
    let sql = part.sql(columns, " GROUP BY DATE(checkin_date)");
    let mut days = Days::new();
    session
        .each("visits by day", &sql, params(part.values()), |cells| {
            if let Some(day) = cells.time(0)?.date() {
                days.insert(day, cells.count(1)?);
            }
            Ok(())
        })
        .await?;
    Ok(days)
}

/// Hands visits to `each`, in any order: when it was, and of those within `members` also the id and the member's id as it
/// came, which is empty for a guest.
///
/// # Errors
/// As the database says, or `each`.
pub async fn each(
    session: &mut Session,
    part: &VisitQuery<'_>,
    members: Option<Window>,
    mut each: impl FnMut(EventRow<'_>) -> Result<()>,
) -> Result<()> {
    // Older visits send no member: that is most of what there is to send.
    let columns = match members {
        Some(_) => concat!(
            "visitor_id, checkin_date, CASE WHEN ",
            in_window!("checkin_date"),
            " THEN member_id END"
        ),
        None => "visitor_id, checkin_date, NULL",
    };
    let sql = part.sql(columns, "");
    let mut values = part.values();
    if let Some(Window { from, to }) = members {
        values.splice(0..0, [midnight(from), midnight(to)]);
    }
    session
        .each("visits", &sql, params(values), |cells| {
            each(EventRow {
                row: cells.integer(0)?.unwrap_or(0),
                time: cells.time(1)?,
                text: cells.bytes(2),
            })
        })
        .await
}

/// What the visits `ids` say of who came.
///
/// # Errors
/// As the database says.
pub async fn copies(session: &mut Session, ids: &[i64]) -> Result<HashMap<i64, VisitorDetails>> {
    let mut copies = HashMap::with_capacity(ids.len());
    for batch in ids.chunks(BATCH) {
        let marks = marks(batch.len());
        let sql = format!(
            "SELECT visitor_id, member_name, institution FROM visitor_count WHERE visitor_id IN ({marks})"
        );
        session
            .each(
                "visits of former members",
                &sql,
                params(batch.iter().copied()),
                |cells| {
                    let copy = VisitorDetails {
                        name: cells.owned_text(1),
                        institution: cells.owned_text(2),
                    };
                    copies.insert(cells.integer(0)?.unwrap_or(0), copy);
                    Ok(())
                },
            )
            .await?;
    }
    Ok(copies)
}

/// The names on the visits, up to the end of today, of whoever has one of these `ids`.
///
/// Gives pairs of the id as spelled there and the name, the latest last; a visit of a zero date is older than any.
///
/// # Errors
/// As the database says.
pub async fn names_until(
    session: &mut Session,
    ids: &[&str],
    today: NaiveDate,
) -> Result<Vec<(String, String)>> {
    let column = TextColumn::of(session, KEY.table, "member_id").await?;
    let plan = TableSchema::of(session, KEY.table).await?;
    let hint = plan.by("member_id").unwrap_or_default();
    let mut names = Vec::new();
    for batch in spellings(ids).chunks(BATCH) {
        let sql = format!(
            "SELECT checkin_date, visitor_id, member_id, member_name FROM visitor_count {hint} WHERE member_id IN ({})",
            column.marks(batch.len())
        );
        session
            .each(
                "visits of former borrowers",
                &sql,
                params(batch.iter().copied()),
                |cells| {
                    let (time, visit) = (cells.time(0)?, cells.integer(1)?);
                    if time.date().is_none_or(|day| day <= today) {
                        let (id, name) = (
                            cells.owned_text(2).unwrap_or_default(),
                            cells.owned_text(3).unwrap_or_default(),
                        );
                        names.push(((time.date().is_some(), time, visit), (id, name)));
                    }
                    Ok(())
                },
            )
            .await?;
    }
    names.sort();
    Ok(names.into_iter().map(|(_, name)| name).collect())
}

/// Visits of one day.
///
/// # Errors
/// As the database says.
pub async fn count(session: &mut Session, day: NaiveDate) -> Result<u64> {
    let sql = concat!(
        "SELECT COUNT(*) FROM visitor_count WHERE ",
        in_window!("checkin_date")
    );
    let count = session.first("today's visits", sql, bounds(Window::today(day)), |cells| {
        cells.count(0)
    });
    Ok(count.await?.unwrap_or(0))
}

/// The visits after a watermark, in one consistent read.
#[derive(Clone, Copy, Debug, Default)]
pub struct After {
    /// Visits of the day with a greater id than the watermark.
    pub total: u64,
    /// Those of them up to the next watermark.
    pub settled: u64,
    /// The greatest id of all, of whatever day: a watermark that stood still below a thousand back-dated rows would have
    /// them read at each tick.
    pub greatest: Option<i64>,
}

/// Visits of `day` whose id is above `watermark`, and how many of them are up to `next`.
///
/// # Errors
/// As the database says.
pub async fn count_after(
    session: &mut Session,
    day: NaiveDate,
    watermark: i64,
    next: i64,
) -> Result<After> {
    // The day is no condition of the statement, lest an index on it be walked: the rows after the watermark are fewer.
    let sql = concat!(
        "SELECT COUNT(CASE WHEN ",
        in_window!("checkin_date"),
        " THEN 1 END), COUNT(CASE WHEN visitor_id <= ? AND ",
        in_window!("checkin_date"),
        " THEN 1 END), MAX(visitor_id) FROM visitor_count WHERE visitor_id > ?"
    );
    let Window { from, to } = Window::today(day);
    let day = [midnight(from), midnight(to)];
    let values = day.clone().into_iter().chain([next.into()]);
    let values = values.chain(day).chain([watermark.into()]);
    let after = session.first("today's latest visits", sql, params(values), |cells| {
        Ok(After {
            total: cells.count(0)?,
            settled: cells.count(1)?,
            greatest: cells.integer(2)?,
        })
    });
    Ok(after.await?.unwrap_or_default())
}

/// Visits of `day` whose id is from `first` to `last`, and the least of their ids.
///
/// # Errors
/// As the database says.
pub async fn count_between(
    session: &mut Session,
    day: NaiveDate,
    first: i64,
    last: i64,
) -> Result<(u64, Option<i64>)> {
    let sql = concat!(
        "SELECT COUNT(*), MIN(visitor_id) FROM visitor_count WHERE visitor_id >= ? AND visitor_id <= ? AND ",
        in_window!("checkin_date")
    );
    let found = session.first(
        "today's earlier visits",
        sql,
        with_ids([first, last], day),
        |cells| Ok((cells.count(0)?, cells.integer(1)?)),
    );
    Ok(found.await?.unwrap_or_default())
}

/// The greatest id of any visit; 0 when there is none.
///
/// # Errors
/// As the database says.
pub async fn greatest_id(session: &mut Session) -> Result<i64> {
    let sql = "SELECT MAX(visitor_id) FROM visitor_count";
    let greatest = session.first("the latest visit", sql, Params::Empty, |cells| {
        cells.integer(0)
    });
    Ok(greatest.await?.flatten().unwrap_or(0))
}

/// Whether an index begins with `checkin_date`.
///
/// # Errors
/// As the database says.
pub async fn has_date_index(session: &mut Session) -> Result<bool> {
    let sql = "SELECT COUNT(*) FROM information_schema.statistics WHERE table_schema = DATABASE() \
               AND table_name = 'visitor_count' AND column_name = 'checkin_date' AND seq_in_index = 1";
    let indexes = session.first(
        "the indexes of visitor_count",
        sql,
        Params::Empty,
        |cells| cells.count(0),
    );
    Ok(indexes.await?.unwrap_or(0) > 0)
}

fn bounds(window: Window) -> Params {
    params([midnight(window.from), midnight(window.to)])
}

fn with_ids(ids: [i64; 2], day: NaiveDate) -> Params {
    let Window { from, to } = Window::today(day);
    params([ids[0].into(), ids[1].into(), midnight(from), midnight(to)])
}

fn midnight(day: NaiveDate) -> Value {
    Value::from(format!("{day} 00:00:00"))
}
