//! Reads `visitor_count`: one row is one visit.

use crate::calendar::Window;
use crate::source::column::TextColumn;
use crate::source::database::Session;
use crate::source::{BATCH, in_window, marks, params, spellings};
use crate::stats::people::People;
use crate::stats::series::Days;
use anyhow::Result;
use chrono::NaiveDate;
use mysql_async::{Params, Value};
use std::collections::HashMap;

/// Who came, as the visit itself says.
#[derive(Clone, Debug)]
pub struct Copy {
    /// The name as typed or copied at the check-in.
    pub name: Option<String>,
    /// The same of the institution.
    pub institution: Option<String>,
}

/// Visits of the window by day.
///
/// # Errors
/// As the database says.
pub async fn by_day(session: &mut Session, window: Window) -> Result<Days> {
    let sql = concat!(
        "SELECT DATE(checkin_date), COUNT(*) FROM visitor_count WHERE ",
        in_window!("checkin_date"),
        " GROUP BY DATE(checkin_date)"
    );
    let mut days = Days::new();
    session
        .each("visits by day", sql, bounds(window), |cells| {
            if let Some(day) = cells.time(0)?.date() {
                *days.entry(day).or_insert(0) += cells.count(1)?;
            }
            Ok(())
        })
        .await?;
    Ok(days)
}

/// Counts the visits of members into `people`.
///
/// # Errors
/// As the database says.
pub async fn by_member(session: &mut Session, people: &mut People) -> Result<()> {
    let sql = concat!(
        "SELECT member_id, checkin_date, visitor_id FROM visitor_count WHERE member_id <> '' AND ",
        in_window!("checkin_date")
    );
    let window = bounds(people.window());
    session
        .each("visits by member", sql, window, |cells| {
            let id = cells.text(0).unwrap_or_default();
            people.add(&id, cells.time(1)?, cells.integer(2)?.unwrap_or(0));
            Ok(())
        })
        .await
}

/// What the visits `ids` say of who came.
///
/// # Errors
/// As the database says.
pub async fn copies(session: &mut Session, ids: &[i64]) -> Result<HashMap<i64, Copy>> {
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
                    let copy = Copy {
                        name: cells.text(1),
                        institution: cells.text(2),
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
    let column = TextColumn::of(session, "visitor_count", "member_id").await?;
    let mut names = Vec::new();
    for batch in spellings(ids).chunks(BATCH) {
        let sql = format!(
            "SELECT checkin_date, visitor_id, member_id, member_name FROM visitor_count WHERE member_id IN ({})",
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
                            cells.text(2).unwrap_or_default(),
                            cells.text(3).unwrap_or_default(),
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
