//! Reads `loan` and `loan_history`: one row with `is_lent = 1` is one loan.

use crate::calendar::Window;
use crate::source::cells::WallTime;
use crate::source::column::TextColumn;
use crate::source::database::{Session, is_lacking};
use crate::source::{BATCH, in_window, marks, params, spellings};
use crate::stats::people::People;
use anyhow::Result;
use chrono::NaiveDate;
use mysql_async::{Params, Value};
use std::collections::HashMap;
use tracing::warn;

/// One loan, as the ranking of titles needs it.
#[derive(Clone, Debug)]
pub struct Loan {
    /// Its id.
    pub id: i64,
    /// When; a zero date is possible.
    pub time: WallTime,
    /// The copy's code; `None` or blank is possible.
    pub item_code: Option<String>,
}

/// What the history of a loan keeps of its title.
#[derive(Clone, Copy, Debug)]
pub struct History {
    /// The title's id, maybe gone from the catalogue.
    pub biblio_id: i64,
    /// Whether it keeps the title's text.
    pub has_title: bool,
}

/// The name that the history of a loan keeps.
#[derive(Clone, Debug)]
pub struct Borrower {
    /// When the loan was.
    pub time: WallTime,
    /// The loan's id.
    pub loan: i64,
    /// The member's id as the loan spells it.
    pub member_id: String,
    /// The name.
    pub name: String,
}

/// Counts the loans of members into `people`.
///
/// # Errors
/// As the database says.
pub async fn by_member(session: &mut Session, people: &mut People) -> Result<()> {
    let sql = concat!(
        "SELECT member_id, loan_date, loan_id FROM loan WHERE is_lent = 1 AND member_id <> '' AND ",
        in_window!("loan_date")
    );
    let window = bounds(people.window());
    session
        .each("loans by member", sql, params(window), |cells| {
            let id = cells.text(0).unwrap_or_default();
            people.add(&id, cells.time(1)?, cells.integer(2)?.unwrap_or(0));
            Ok(())
        })
        .await
}

/// Hands every loan to `each`, of any date.
///
/// # Errors
/// As the database says.
pub async fn all(session: &mut Session, mut each: impl FnMut(Loan)) -> Result<()> {
    let sql = "SELECT loan_id, loan_date, item_code FROM loan WHERE is_lent = 1";
    session
        .each("loans by title", sql, Params::Empty, |cells| {
            each(Loan {
                id: cells.integer(0)?.unwrap_or(0),
                time: cells.time(1)?,
                item_code: cells.text(2),
            });
            Ok(())
        })
        .await
}

/// What the history keeps of these loans. Without a history table, nothing.
///
/// # Errors
/// As the database says.
pub async fn histories(session: &mut Session, loans: &[i64]) -> Result<HashMap<i64, History>> {
    let mut histories = HashMap::new();
    for batch in loans.chunks(BATCH) {
        let marks = marks(batch.len());
        let sql = format!(
            "SELECT loan_id, biblio_id, title IS NOT NULL FROM loan_history WHERE loan_id IN ({marks})"
        );
        let read = session.each(
            "titles of past loans",
            &sql,
            params(batch.iter().copied()),
            |cells| {
                if let Some(biblio_id) = cells.integer(1)? {
                    let has_title = cells.count(2)? > 0;
                    histories.insert(
                        cells.integer(0)?.unwrap_or(0),
                        History {
                            biblio_id,
                            has_title,
                        },
                    );
                }
                Ok(())
            },
        );
        if without_history(read.await)? {
            break;
        }
    }
    Ok(histories)
}

/// The titles that the history keeps of these loans.
///
/// # Errors
/// As the database says.
pub async fn history_titles(session: &mut Session, loans: &[i64]) -> Result<HashMap<i64, String>> {
    let mut titles = HashMap::new();
    for batch in loans.chunks(BATCH) {
        let sql = format!(
            "SELECT loan_id, title FROM loan_history WHERE loan_id IN ({})",
            marks(batch.len())
        );
        session
            .each(
                "titles of past loans",
                &sql,
                params(batch.iter().copied()),
                |cells| {
                    if let (Some(loan), Some(title)) = (cells.integer(0)?, cells.text(1)) {
                        titles.insert(loan, title);
                    }
                    Ok(())
                },
            )
            .await?;
    }
    Ok(titles)
}

/// The names that the history keeps of the borrowers `ids`, on loans of the window; the latest last. Without a history
/// table, nothing.
///
/// # Errors
/// As the database says.
pub async fn history_names(
    session: &mut Session,
    ids: &[&str],
    window: Window,
) -> Result<Vec<Borrower>> {
    let column = TextColumn::of(session, "loan", "member_id").await?;
    let mut borrowers = Vec::new();
    for batch in spellings(ids).chunks(BATCH) {
        let sql = format!(
            concat!(
                "SELECT loan.loan_date, loan.loan_id, loan.member_id, loan_history.member_name \
                 FROM loan JOIN loan_history ON loan_history.loan_id = loan.loan_id \
                 WHERE loan.is_lent = 1 AND loan.member_id IN ({}) AND ",
                in_window!("loan.loan_date")
            ),
            column.marks(batch.len())
        );
        let values = batch
            .iter()
            .map(|id| Value::from(*id))
            .chain(bounds(window));
        let read = session.each("names on past loans", &sql, params(values), |cells| {
            if let Some(name) = cells.text(3) {
                borrowers.push(Borrower {
                    time: cells.time(0)?,
                    loan: cells.integer(1)?.unwrap_or(0),
                    member_id: cells.text(2).unwrap_or_default(),
                    name,
                });
            }
            Ok(())
        });
        if without_history(read.await)? {
            break;
        }
    }
    borrowers.sort_by_key(|borrower| (borrower.time, borrower.loan));
    Ok(borrowers)
}

/// Whether there is no history to read. Its absence costs only what it alone knows.
fn without_history(read: Result<()>) -> Result<bool> {
    match read {
        Ok(()) => Ok(false),
        Err(error) if is_lacking(&error) => {
            warn!(
                error = format!("{error:#}"),
                "there is no loan_history to read: loans of deleted items are in no ranking of titles, \
                 deleted borrowers are named after their visits"
            );
            Ok(true)
        }
        Err(error) => Err(error),
    }
}

fn bounds(window: Window) -> [Value; 2] {
    let date = |day: NaiveDate| Value::from(day.to_string());
    [date(window.from), date(window.to)]
}
