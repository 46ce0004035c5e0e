//! Reads `visitor_count`: one row is one visit.

use crate::mysql::column::TextColumn;
use crate::mysql::connection::Session;
use crate::mysql::error::is_unreadable;
use crate::mysql::row::{DailyTotals, WallTime};
use crate::mysql::scan::ScanKey;
use crate::mysql::schema::TableSchema;
use crate::mysql::{IN_LIST_SIZE, in_window, params, placeholders};
use crate::window::Window;
use anyhow::Result;
use chrono::{NaiveDate, NaiveDateTime};
use mysql_async::{Params, Value};
use std::collections::HashMap;
use std::ops::RangeInclusive;
use tracing::warn;

/// The visitor as recorded in the visit itself.
#[derive(Clone, Debug)]
pub struct VisitorDetails {
    /// The name, as typed or copied at the check-in.
    pub name: Option<String>,
    /// The institution, likewise.
    pub institution: Option<String>,
}

/// The table.
pub const TABLE: &str = "visitor_count";

/// The key along which visits are scanned: `visitor_id`, or `id` in databases that have renamed it.
pub fn key(schema: &TableSchema) -> ScanKey {
    let is_renamed = !schema.has("visitor_id") && schema.has("id");
    ScanKey {
        table: TABLE,
        column: if is_renamed { "id" } else { "visitor_id" },
    }
}

/// One visit. What was not requested is empty.
#[derive(Clone, Copy, Debug)]
pub struct Visit<'a> {
    /// The id of the row; 0 in a table without a key.
    pub id: i64,
    /// When it happened, which may be a zero date.
    pub time: WallTime,
    /// The member's id as stored; empty for a guest.
    pub member_id: &'a [u8],
    /// The institution as typed or copied at the check-in.
    pub institution: &'a [u8],
    /// The code of the room.
    pub room: &'a [u8],
}

/// What to read of each visit besides its id and date. Older visits are sent without, which would be most of the bytes.
#[derive(Clone, Copy, Debug)]
pub struct VisitColumns {
    /// The window in which to read the member's id.
    pub members: Option<Window>,
    /// The window in which to read the institution.
    pub institutions: Option<Window>,
    /// The window in which to read the room.
    pub rooms: Option<Window>,
}

/// The visits that one statement reads: a time span, optionally limited to a range of ids.
#[derive(Clone, Debug)]
pub struct VisitQuery<'a> {
    /// The key of the table.
    pub key: ScanKey,
    /// The index hint, as [`TableSchema::by`] returns it; may be empty.
    pub hint: &'a str,
    /// From the first time up to, but not including, the second.
    pub times: [NaiveDateTime; 2],
    /// The range of ids; `None` for all.
    pub ids: Option<RangeInclusive<i64>>,
}

impl VisitQuery<'_> {
    fn sql(&self, columns: &str, suffix: &str) -> String {
        let (hint, window) = (self.hint, in_window!("checkin_date"));
        let key = self.key.column;
        let ids = match self.ids {
            Some(_) => format!(" AND {key} >= ? AND {key} <= ?"),
            None => String::new(),
        };
        format!("SELECT {columns} FROM visitor_count {hint} WHERE {window}{ids}{suffix}")
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
/// If the database does not answer.
pub async fn by_day(session: &mut Session, query: &VisitQuery<'_>) -> Result<DailyTotals> {
    // SQL_BIG_RESULT sorts the chunk in memory; without it, each row would be looked up in a temporary table.
    let columns = "SQL_BIG_RESULT DATE(checkin_date), COUNT(*)";
    let sql = query.sql(columns, " GROUP BY DATE(checkin_date)");
    let mut days = DailyTotals::new();
    session
        .each("visits by day", &sql, params(query.values()), |row| {
            if let Some(day) = row.time(0)?.date() {
                days.insert(day, row.count(1)?);
            }
            Ok(())
        })
        .await?;
    Ok(days)
}

/// Calls `on_visit` for each visit, in any order.
///
/// # Errors
/// If the database does not answer, or the callback fails.
pub async fn each(
    session: &mut Session,
    schema: &TableSchema,
    query: &VisitQuery<'_>,
    columns: VisitColumns,
    mut on_visit: impl FnMut(Visit<'_>) -> Result<()>,
) -> Result<()> {
    let mut values = Vec::new();
    let mut within = |window: Option<Window>, column: &str| match window {
        Some(Window { from, to }) => {
            values.extend([midnight(from), midnight(to)]);
            format!(
                concat!("CASE WHEN ", in_window!("checkin_date"), " THEN {} END"),
                column
            )
        }
        None => "NULL".to_owned(),
    };
    let columns = [
        schema.or_null(query.key.column).to_owned(),
        "checkin_date".to_owned(),
        within(columns.members, &schema.as_text("member_id")),
        within(columns.institutions, schema.or_null("institution")),
        within(columns.rooms, &schema.as_text("room_code")),
    ];
    let sql = query.sql(&columns.join(", "), "");
    values.extend(query.values());
    session
        .each("visits", &sql, params(values), |row| {
            on_visit(Visit {
                id: row.integer(0)?.unwrap_or(0),
                time: row.time(1)?,
                member_id: row.bytes(2),
                institution: row.bytes(3),
                room: row.bytes(4),
            })
        })
        .await
}

/// The rooms, each with its code and its name. Empty without `mst_visitor_room`.
///
/// # Errors
/// If the database does not answer.
pub async fn rooms(session: &mut Session) -> Result<Vec<(String, String)>> {
    let mut rooms = Vec::new();
    // Of two codes that are equal the one with the smaller id counts.
    let sql = "SELECT unique_code, name FROM mst_visitor_room ORDER BY id DESC";
    let read = session.each("rooms", sql, Params::Empty, |row| {
        rooms.extend(row.owned_text(0).zip(row.owned_text(1)));
        Ok(())
    });
    match read.await {
        Err(error) if is_unreadable(&error) => {
            warn!(
                error = format!("{error:#}"),
                "mst_visitor_room cannot be read: rooms have no names"
            );
            Ok(Vec::new())
        }
        read => read.map(|()| rooms),
    }
}

/// The visitors as recorded in the visits `ids`, by visit id. Empty if the table has no key.
///
/// # Errors
/// If the database does not answer.
pub async fn visitor_details(
    session: &mut Session,
    ids: &[i64],
) -> Result<HashMap<i64, VisitorDetails>> {
    let schema = TableSchema::of(session, TABLE).await?;
    let key = key(&schema).column;
    let mut details = HashMap::with_capacity(ids.len());
    if !schema.has(key) {
        return Ok(details);
    }
    for batch in ids.chunks(IN_LIST_SIZE) {
        let placeholders = placeholders(batch.len());
        let sql = format!(
            "SELECT {key}, member_name, institution FROM visitor_count WHERE {key} IN ({placeholders})"
        );
        session
            .each(
                "visits of former members",
                &sql,
                params(batch.iter().copied()),
                |row| {
                    let visitor = VisitorDetails {
                        name: row.owned_text(1),
                        institution: row.owned_text(2),
                    };
                    details.insert(row.integer(0)?.unwrap_or(0), visitor);
                    Ok(())
                },
            )
            .await?;
    }
    Ok(details)
}

/// The names recorded in the visits of these member `ids`, up to the end of today.
///
/// Returns pairs of the member's id as spelled in the visit and the name, the latest visit last. Visits with an invalid
/// date come first.
///
/// # Errors
/// If the database does not answer.
pub async fn names_until(
    session: &mut Session,
    ids: &[&str],
    today: NaiveDate,
) -> Result<Vec<(String, String)>> {
    let schema = TableSchema::of(session, TABLE).await?;
    let needed = ["member_id", "member_name", "checkin_date"];
    if let Some(missing) = needed.into_iter().find(|column| !schema.has(column)) {
        warn!(
            "column visitor_count.{missing} does not exist: borrowers who were deleted and are in no loan_history have no name"
        );
        return Ok(Vec::new());
    }
    let column = TextColumn::load(session, TABLE, "member_id").await?;
    let (id, hint) = (
        schema.or_null(key(&schema).column),
        schema.by("member_id").unwrap_or_default(),
    );
    let mut names = Vec::new();
    for batch in ids.chunks(IN_LIST_SIZE) {
        let (condition, values) = column.is_one_of("member_id", batch);
        let sql = format!(
            "SELECT checkin_date, {id}, member_id, member_name FROM visitor_count {hint} WHERE {condition}"
        );
        session
            .each("visits of former borrowers", &sql, params(values), |row| {
                let (time, visit) = (row.time(0)?, row.integer(1)?);
                if time.date().is_none_or(|day| day <= today) {
                    let (id, name) = (
                        row.owned_text(2).unwrap_or_default(),
                        row.owned_text(3).unwrap_or_default(),
                    );
                    names.push(((time.date().is_some(), time, visit), (id, name)));
                }
                Ok(())
            })
            .await?;
    }
    names.sort();
    Ok(names.into_iter().map(|(_, name)| name).collect())
}

/// Reads which key the table has.
///
/// # Errors
/// If the database does not answer.
pub async fn load_key(session: &mut Session) -> Result<ScanKey> {
    Ok(key(&TableSchema::of(session, TABLE).await?))
}

/// Counts the visits of one day.
///
/// # Errors
/// If the database does not answer.
pub async fn count(session: &mut Session, day: NaiveDate) -> Result<u64> {
    let sql = concat!(
        "SELECT COUNT(*) FROM visitor_count WHERE ",
        in_window!("checkin_date")
    );
    let count = session.first("today's visits", sql, bounds(Window::today(day)), |row| {
        row.count(0)
    });
    Ok(count.await?.unwrap_or(0))
}

/// The visits above a watermark, from one consistent read.
#[derive(Clone, Copy, Debug, Default)]
pub struct After {
    /// Visits of the day whose id is above the watermark.
    pub total: u64,
    /// Those of them whose id is at most the next watermark.
    pub settled: u64,
    /// The greatest id above the watermark, of any day. Without it the watermark would stay below a thousand back-dated
    /// rows, and every tick would read them again.
    pub greatest: Option<i64>,
}

/// Counts the visits of `day` whose id is above `watermark`, and those of them whose id is at most `next`.
///
/// # Errors
/// If the database does not answer.
pub async fn count_after(
    session: &mut Session,
    ScanKey { column: key, .. }: ScanKey,
    day: NaiveDate,
    watermark: i64,
    next: i64,
) -> Result<After> {
    // The day is not in WHERE, so that the server does not use an index on it: fewer rows are above the watermark.
    let sql = format!(
        concat!(
            "SELECT COUNT(CASE WHEN ",
            in_window!("checkin_date"),
            " THEN 1 END), COUNT(CASE WHEN {key} <= ? AND ",
            in_window!("checkin_date"),
            " THEN 1 END), MAX({key}) FROM visitor_count WHERE {key} > ?"
        ),
        key = key
    );
    let Window { from, to } = Window::today(day);
    let day = [midnight(from), midnight(to)];
    let values = day.clone().into_iter().chain([next.into()]);
    let values = values.chain(day).chain([watermark.into()]);
    let after = session.first("today's latest visits", &sql, params(values), |row| {
        Ok(After {
            total: row.count(0)?,
            settled: row.count(1)?,
            greatest: row.integer(2)?,
        })
    });
    Ok(after.await?.unwrap_or_default())
}

/// Counts the visits of `day` with ids from `first` to `last`, and returns the smallest of their ids.
///
/// # Errors
/// If the database does not answer.
pub async fn count_between(
    session: &mut Session,
    ScanKey { column: key, .. }: ScanKey,
    day: NaiveDate,
    first: i64,
    last: i64,
) -> Result<(u64, Option<i64>)> {
    let sql = format!(
        concat!(
            "SELECT COUNT(*), MIN({key}) FROM visitor_count WHERE {key} >= ? AND {key} <= ? AND ",
            in_window!("checkin_date")
        ),
        key = key
    );
    let found = session.first(
        "today's earlier visits",
        &sql,
        with_ids([first, last], day),
        |row| Ok((row.count(0)?, row.integer(1)?)),
    );
    Ok(found.await?.unwrap_or_default())
}

/// The greatest id of any visit; 0 if there is none.
///
/// # Errors
/// If the database does not answer.
pub async fn greatest_id(
    session: &mut Session,
    ScanKey { column: key, .. }: ScanKey,
) -> Result<i64> {
    let sql = format!("SELECT MAX({key}) FROM visitor_count");
    let greatest = session.first("the latest visit", &sql, Params::Empty, |row| {
        row.integer(0)
    });
    Ok(greatest.await?.flatten().unwrap_or(0))
}

/// Whether the server can read by an index that begins with `checkin_date`.
///
/// # Errors
/// If the database does not answer.
pub async fn has_date_index(session: &mut Session) -> Result<bool> {
    let schema = TableSchema::of(session, TABLE).await?;
    Ok(schema.by("checkin_date").is_some())
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
