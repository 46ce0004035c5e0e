//! Reads the loans that make the circulation, by their ids alone: no index leads the columns that tell which are open.

use crate::mysql::connection::{FULL_SCAN_LIMIT, Session};
use crate::mysql::loans::KEY;
use crate::mysql::row::{RowDecoder, WallTime};
use crate::mysql::schema::TableSchema;
use crate::mysql::{IN_LIST_SIZE, params, placeholders};
use anyhow::Result;
use chrono::NaiveDate;
use mysql_async::Params;

/// The state of one loan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoanState {
    /// The loan's id.
    pub id: i64,
    /// `is_return`: 0 while the copy is on loan, 1 once it is back.
    pub is_return: Option<i64>,
    /// The loan date.
    pub lent: WallTime,
    /// The date by which the copy is due.
    pub due: WallTime,
    /// The return date. A renewal may leave it set while the copy is on loan.
    pub returned: WallTime,
}

/// An SQL hint to read `loan` by its ids; `None` if no index leads them, so that every look-up would read the table.
///
/// # Errors
/// If the database does not answer.
pub async fn key_hint(session: &mut Session) -> Result<Option<String>> {
    Ok(TableSchema::of(session, KEY.table)
        .await?
        .by_key(KEY.column))
}

/// Calls `on_loan` for each loan of `ids` and each loan whose id is above `after`. `hint` names the index on the ids.
///
/// # Errors
/// If the database does not answer.
pub async fn each(
    session: &mut Session,
    hint: &str,
    ids: &[i64],
    after: i64,
    mut on_loan: impl FnMut(LoanState),
) -> Result<()> {
    for batch in ids.chunks(IN_LIST_SIZE) {
        let condition = format!("loan_id IN ({})", placeholders(batch.len()));
        let ids = params(batch.iter().copied());
        read(session, hint, &condition, ids, &mut on_loan).await?;
    }
    read(session, hint, "loan_id > ?", params([after]), &mut on_loan).await
}

/// Calls `on_loan` for each loan that is open, or was lent or returned on `today` or later, in one statement over the
/// table.
///
/// # Errors
/// If the database does not answer.
pub async fn each_current(
    session: &mut Session,
    today: NaiveDate,
    mut on_loan: impl FnMut(LoanState),
) -> Result<()> {
    session.allow(FULL_SCAN_LIMIT).await?;
    let condition = "(is_return = 0 OR loan_date >= ? OR return_date >= ?)";
    let days = params([today.to_string(), today.to_string()]);
    read(session, "", condition, days, &mut on_loan).await
}

async fn read(
    session: &mut Session,
    hint: &str,
    condition: &str,
    values: Params,
    on_loan: &mut impl FnMut(LoanState),
) -> Result<()> {
    let sql = format!(
        "SELECT loan_id, is_return, loan_date, due_date, return_date FROM loan {hint} \
         WHERE is_lent = 1 AND {condition}"
    );
    let on_row = |row: RowDecoder<'_>| {
        on_loan(LoanState {
            id: row.integer(0)?.unwrap_or(0),
            is_return: row.integer(1)?,
            lent: row.time(2)?,
            due: row.time(3)?,
            returned: row.time(4)?,
        });
        Ok(())
    };
    session.each("current loans", &sql, values, on_row).await
}
