//! Reads `loan` and `loan_history`. One row of `loan` with `is_lent = 1` is one loan.

use crate::mysql::column::TextColumn;
use crate::mysql::connection::{FULL_SCAN_LIMIT, Session};
use crate::mysql::error::is_unreadable;
use crate::mysql::row::WallTime;
use crate::mysql::scan::{ChunkedScan, ScanKey};
use crate::mysql::scan_settings::ScanSettings;
use crate::mysql::schema::TableSchema;
use crate::mysql::throttle::Throttle;
use crate::mysql::{IN_LIST_SIZE, in_window, params, placeholders};
use crate::window::Window;
use anyhow::Result;
use chrono::NaiveDate;
use mysql_async::Value;
use std::collections::HashMap;
use tracing::warn;

/// The key along which loans are scanned.
pub const KEY: ScanKey = ScanKey {
    table: "loan",
    column: "loan_id",
};

/// The table in which triggers keep each loan with its title and its borrower.
pub const HISTORY: &str = "loan_history";

/// One loan. What was not requested is empty.
#[derive(Clone, Copy, Debug)]
pub struct Loan<'a> {
    /// The loan's id.
    pub id: i64,
    /// The loan date, which may be a zero date.
    pub time: WallTime,
    /// The item code as stored.
    pub item_code: &'a [u8],
    /// The member's id as stored; empty also outside the requested window.
    pub member_id: &'a [u8],
    /// Whether the copy is on loan, or was lent or returned on the requested day or later.
    pub is_current: bool,
}

/// What to read of each loan besides its id and date.
#[derive(Clone, Copy, Debug)]
pub struct LoanColumns {
    /// Whether to read the item code.
    pub item_code: bool,
    /// The window in which to read the member's id.
    pub members: Option<Window>,
    /// The day for which to find out what is current.
    pub current: Option<NaiveDate>,
}

/// A scan over all loans, chunk by chunk, so that the caller can process each chunk before the next.
pub struct LoanScan {
    sql: String,
    values: Vec<Value>,
    /// `None` for a full scan.
    scan: Option<ChunkedScan>,
    /// Whether a full scan is still to be done.
    is_pending: bool,
    throttle: Throttle,
}

impl LoanScan {
    /// Starts a scan over the loans of all dates.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn begin(
        session: &mut Session,
        settings: &ScanSettings,
        schema: &TableSchema,
        columns: LoanColumns,
    ) -> Result<Self> {
        let mut values = Vec::new();
        let code = match columns.item_code {
            true => schema.as_text("item_code"),
            false => "NULL".into(),
        };
        // Older loans are sent without the member's id, which would be most of the bytes.
        let member = match columns.members {
            Some(window) => {
                values.extend(bounds(window));
                let member_id = schema.as_text("member_id");
                format!(
                    concat!("CASE WHEN ", in_window!("loan_date"), " THEN {} END"),
                    member_id
                )
            }
            None => "NULL".to_owned(),
        };
        let current = match columns.current {
            Some(day) => {
                values.extend([date(day), date(day)]);
                "CASE WHEN is_return = 0 OR loan_date >= ? OR return_date >= ? THEN 1 END"
            }
            None => "NULL",
        };
        let hint = schema.by_key(KEY.column);
        let (hint, id_range) = match &hint {
            Some(hint) => (hint.as_str(), " AND loan_id >= ? AND loan_id <= ?"),
            None => ("", ""),
        };
        let sql = format!(
            "SELECT loan_id, loan_date, {code}, {member}, {current} FROM loan {hint} WHERE is_lent = 1{id_range}"
        );
        let is_full_scan = id_range.is_empty();
        let scan = if is_full_scan {
            session.allow(FULL_SCAN_LIMIT).await?;
            None
        } else {
            Some(ChunkedScan::over("loans", session, KEY, settings).await?)
        };
        Ok(Self {
            sql,
            values,
            scan,
            is_pending: is_full_scan,
            throttle: Throttle::new(settings),
        })
    }

    /// Calls `on_loan` for each loan of the next chunk; returns false at the end. Without an index on the ids the whole
    /// table is one chunk.
    ///
    /// # Errors
    /// If the database does not answer, or the callback fails.
    pub async fn read_chunk(
        &mut self,
        session: &mut Session,
        mut on_loan: impl FnMut(Loan<'_>) -> Result<()>,
    ) -> Result<bool> {
        let ids = match &mut self.scan {
            Some(scan) => scan.next_chunk(session),
            None => std::mem::take(&mut self.is_pending).then_some(0..=0),
        };
        let Some(ids) = ids else { return Ok(false) };
        let mut values = self.values.clone();
        if self.scan.is_some() {
            values.extend([Value::from(*ids.start()), Value::from(*ids.end())]);
        }
        let mut found = false;
        session
            .each("loans", &self.sql, params(values), |row| {
                found = true;
                on_loan(Loan {
                    id: row.integer(0)?.unwrap_or(0),
                    time: row.time(1)?,
                    item_code: row.bytes(2),
                    member_id: row.bytes(3),
                    is_current: row.integer(4)?.is_some(),
                })
            })
            .await?;
        if let Some(scan) = &mut self.scan {
            if !found {
                scan.skip_gap(session, KEY).await?;
            }
            scan.pause(session, &mut self.throttle).await?;
        }
        Ok(true)
    }
}

/// What `loan_history` records about the title of a loan.
#[derive(Clone, Copy, Debug)]
pub struct History {
    /// The title's id; the title may be deleted from the catalogue.
    pub biblio_id: i64,
    /// Whether the history records the title's text.
    pub has_title: bool,
}

/// A borrower's name as `loan_history` records it.
#[derive(Clone, Debug)]
pub struct Borrower {
    /// The loan date.
    pub time: WallTime,
    /// The loan's id.
    pub loan: i64,
    /// The member's id as the loan spells it.
    pub member_id: String,
    /// The borrower's name.
    pub name: String,
}

/// The history of these loans, by loan id. Empty if the history table is missing.
///
/// # Errors
/// If the database does not answer.
pub async fn histories(
    session: &mut Session,
    settings: &ScanSettings,
    loans: &[i64],
) -> Result<HashMap<i64, History>> {
    let mut histories = HashMap::new();
    let mut throttle = Throttle::new(settings);
    for batch in loans.chunks(IN_LIST_SIZE) {
        let before = session.time_spent();
        let placeholders = placeholders(batch.len());
        let sql = format!(
            "SELECT loan_id, biblio_id, title IS NOT NULL FROM loan_history WHERE loan_id IN ({placeholders})"
        );
        let read = session.each(
            "titles in loan_history",
            &sql,
            params(batch.iter().copied()),
            |row| {
                if let Some(biblio_id) = row.integer(1)? {
                    let has_title = row.count(2)? > 0;
                    histories.insert(
                        row.integer(0)?.unwrap_or(0),
                        History {
                            biblio_id,
                            has_title,
                        },
                    );
                }
                Ok(())
            },
        );
        if is_history_missing(read.await)? {
            break;
        }
        throttle.pause_since(session, before).await?;
    }
    session.release_read_slot();
    Ok(histories)
}

/// The titles that the history records for these loans, by loan id.
///
/// # Errors
/// If the database does not answer.
pub async fn history_titles(session: &mut Session, loans: &[i64]) -> Result<HashMap<i64, String>> {
    let mut titles = HashMap::new();
    for batch in loans.chunks(IN_LIST_SIZE) {
        let sql = format!(
            "SELECT loan_id, title FROM loan_history WHERE loan_id IN ({})",
            placeholders(batch.len())
        );
        session
            .each(
                "titles in loan_history",
                &sql,
                params(batch.iter().copied()),
                |row| {
                    if let (Some(loan), Some(title)) = (row.integer(0)?, row.owned_text(1)) {
                        titles.insert(loan, title);
                    }
                    Ok(())
                },
            )
            .await?;
    }
    Ok(titles)
}

/// The names that the history records for the borrowers `ids` on loans in the window, the latest last. Empty if the
/// history table is missing.
///
/// # Errors
/// If the database does not answer.
pub async fn history_names(
    session: &mut Session,
    ids: &[&str],
    window: Window,
) -> Result<Vec<Borrower>> {
    let column = TextColumn::load(session, "loan", "member_id").await?;
    // An index on the date would read the whole year again.
    let schema = TableSchema::of(session, KEY.table).await?;
    let hint = schema.by("member_id").unwrap_or_default();
    let mut borrowers = Vec::new();
    for batch in ids.chunks(IN_LIST_SIZE) {
        let (condition, ids) = column.is_one_of("loan.member_id", batch);
        let sql = format!(
            concat!(
                "SELECT loan.loan_date, loan.loan_id, loan.member_id, loan_history.member_name \
                 FROM loan {} JOIN loan_history ON loan_history.loan_id = loan.loan_id \
                 WHERE loan.is_lent = 1 AND {} AND ",
                in_window!("loan.loan_date")
            ),
            hint, condition
        );
        let values = ids.into_iter().map(Value::from).chain(bounds(window));
        let read = session.each("names in loan_history", &sql, params(values), |row| {
            if let Some(name) = row.owned_text(3) {
                borrowers.push(Borrower {
                    time: row.time(0)?,
                    loan: row.integer(1)?.unwrap_or(0),
                    member_id: row.owned_text(2).unwrap_or_default(),
                    name,
                });
            }
            Ok(())
        });
        if is_history_missing(read.await)? {
            break;
        }
    }
    borrowers.sort_by_key(|borrower| (borrower.time, borrower.loan));
    Ok(borrowers)
}

/// Whether the history table is missing. Then only the data that it alone has is left out.
fn is_history_missing(read: Result<()>) -> Result<bool> {
    match read {
        Ok(()) => Ok(false),
        Err(error) if is_unreadable(&error) => {
            warn!(
                error = format!("{error:#}"),
                "loan_history cannot be read: title rankings leave out loans of deleted items, \
                 and names of deleted borrowers come from their visits"
            );
            Ok(true)
        }
        Err(error) => Err(error),
    }
}

fn bounds(window: Window) -> [Value; 2] {
    [date(window.from), date(window.to)]
}

fn date(day: NaiveDate) -> Value {
    Value::from(day.to_string())
}
