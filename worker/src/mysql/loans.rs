//! Reads `loan` and `loan_history`: one row with `is_lent = 1` is one loan.

use crate::calendar::Window;
use crate::mysql::column::TextColumn;
use crate::mysql::connection::{Session, WHOLE_LIMIT};
use crate::mysql::error::is_missing;
use crate::mysql::row::WallTime;
use crate::mysql::scan::{ChunkedScan, ScanKey, ScanSettings};
use crate::mysql::schema::TableSchema;
use crate::mysql::throttle::Throttle;
use crate::mysql::{BATCH, in_window, marks, params, spellings};
use crate::snapshots::row_batch::EventRow;
use anyhow::Result;
use chrono::NaiveDate;
use mysql_async::Value;
use std::collections::HashMap;
use tracing::warn;

/// The key along which loans are walked.
pub const KEY: ScanKey = ScanKey {
    table: "loan",
    column: "loan_id",
};

/// One loan.
#[derive(Clone, Copy, Debug)]
pub struct Loan<'a> {
    /// Its id.
    pub id: i64,
    /// When; a zero date is possible.
    pub time: WallTime,
    /// The copy's code as it came; empty for none, and where it was not asked for.
    pub item_code: &'a [u8],
    /// The member's id as it came; empty for none, before the window, and where it was not asked for.
    pub member_id: &'a [u8],
}

impl<'a> Loan<'a> {
    /// For counting by the copy.
    pub fn by_code(&self) -> EventRow<'a> {
        EventRow {
            time: self.time,
            row: self.id,
            text: self.item_code,
        }
    }

    /// For counting by the member.
    pub fn by_member(&self) -> EventRow<'a> {
        EventRow {
            text: self.member_id,
            ..self.by_code()
        }
    }
}

/// All loans, read chunk after chunk, since what has been read is to be worked on in between.
pub struct Loans {
    sql: String,
    window: Vec<Value>,
    walk: Option<ChunkedScan>,
    whole: bool,
    rest: Throttle,
}

impl Loans {
    /// Reads those of every date, with their codes when `codes` are wanted, and with who borrowed within `members`.
    ///
    /// # Errors
    /// As the database says.
    pub async fn begin(
        session: &mut Session,
        reading: &ScanSettings,
        plan: &TableSchema,
        codes: bool,
        members: Option<Window>,
    ) -> Result<Self> {
        let code = if codes { "item_code" } else { "NULL" };
        // Older loans send no member: they are most of what there is to send.
        let member = match members {
            Some(_) => concat!("CASE WHEN ", in_window!("loan_date"), " THEN member_id END"),
            None => "NULL",
        };
        let hint = plan.by_key(KEY.column);
        let (hint, ids) = match &hint {
            Some(hint) => (hint.as_str(), " AND loan_id >= ? AND loan_id <= ?"),
            None => ("", ""),
        };
        let sql = format!(
            "SELECT loan_id, loan_date, {code}, {member} FROM loan {hint} WHERE is_lent = 1{ids}"
        );
        let whole = ids.is_empty();
        let walk = if whole {
            session.allow(WHOLE_LIMIT).await?;
            None
        } else {
            Some(ChunkedScan::over("loans", session, KEY, reading).await?)
        };
        Ok(Self {
            sql,
            window: members.into_iter().flat_map(bounds).collect(),
            walk,
            whole,
            rest: Throttle::new(reading),
        })
    }

    /// Hands the loans of the next chunk to `each`; false when there is none. Without a key on the ids the whole table
    /// is one chunk.
    ///
    /// # Errors
    /// As the database says, or `each`.
    pub async fn chunk(
        &mut self,
        session: &mut Session,
        mut each: impl FnMut(Loan<'_>) -> Result<()>,
    ) -> Result<bool> {
        let ids = match &mut self.walk {
            Some(walk) => walk.next_chunk(session),
            None => std::mem::take(&mut self.whole).then_some(0..=0),
        };
        let Some(ids) = ids else { return Ok(false) };
        let mut values = self.window.clone();
        if self.walk.is_some() {
            values.extend([Value::from(*ids.start()), Value::from(*ids.end())]);
        }
        let mut found = false;
        session
            .each("loans", &self.sql, params(values), |cells| {
                found = true;
                each(Loan {
                    id: cells.integer(0)?.unwrap_or(0),
                    time: cells.time(1)?,
                    item_code: cells.bytes(2),
                    member_id: cells.bytes(3),
                })
            })
            .await?;
        if let Some(walk) = &mut self.walk {
            if !found {
                walk.skip_gap(session, KEY).await?;
            }
            walk.rest(session, &mut self.rest).await?;
        }
        Ok(true)
    }
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

/// What the history keeps of these loans. Without a history table, nothing.
///
/// # Errors
/// As the database says.
pub async fn histories(
    session: &mut Session,
    reading: &ScanSettings,
    loans: &[i64],
) -> Result<HashMap<i64, History>> {
    let mut histories = HashMap::new();
    let mut rest = Throttle::new(reading);
    for batch in loans.chunks(BATCH) {
        let before = session.time_spent();
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
        let spent = session.time_spent() - before;
        let took = spent.server_time(session.round_trip());
        rest.after(session, took, spent.elapsed.saturating_sub(took))
            .await?;
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
                    if let (Some(loan), Some(title)) = (cells.integer(0)?, cells.owned_text(1)) {
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
    // Not by the date: that would read the year once more.
    let plan = TableSchema::of(session, KEY.table).await?;
    let hint = plan.by("member_id").unwrap_or_default();
    let mut borrowers = Vec::new();
    for batch in spellings(ids).chunks(BATCH) {
        let sql = format!(
            concat!(
                "SELECT loan.loan_date, loan.loan_id, loan.member_id, loan_history.member_name \
                 FROM loan {} JOIN loan_history ON loan_history.loan_id = loan.loan_id \
                 WHERE loan.is_lent = 1 AND loan.member_id IN ({}) AND ",
                in_window!("loan.loan_date")
            ),
            hint,
            column.marks(batch.len())
        );
        let values = batch
            .iter()
            .map(|id| Value::from(*id))
            .chain(bounds(window));
        let read = session.each("names on past loans", &sql, params(values), |cells| {
            if let Some(name) = cells.owned_text(3) {
                borrowers.push(Borrower {
                    time: cells.time(0)?,
                    loan: cells.integer(1)?.unwrap_or(0),
                    member_id: cells.owned_text(2).unwrap_or_default(),
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
        Err(error) if is_missing(&error) => {
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
