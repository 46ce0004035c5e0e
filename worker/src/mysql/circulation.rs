//! Reads the loans that make the circulation, by their ids alone: no index leads the columns that tell which are open.

use crate::mysql::connection::Session;
use crate::mysql::loans::KEY;
use crate::mysql::row::{RowDecoder, WallTime};
use crate::mysql::schema::TableSchema;
use crate::mysql::{IN_LIST_SIZE, params, placeholders};
use anyhow::Result;

/// The state of one loan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoanState {
    /// The loan's id.
    pub id: i64,
    /// `is_return`: 0 while the copy is on loan, 1 once it is back.
    pub is_return: i64,
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

/// Calls `on_loan` for each loan of `ids` and each loan whose id is above `after`.
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
    let mut on_row = |row: RowDecoder<'_>| {
        on_loan(LoanState {
            id: row.integer(0)?.unwrap_or(0),
            is_return: row.integer(1)?.unwrap_or(0),
            lent: row.time(2)?,
            due: row.time(3)?,
            returned: row.time(4)?,
        });
        Ok(())
    };
    let sql = |condition: &str| {
        format!(
            "SELECT loan_id, is_return, loan_date, due_date, return_date FROM loan {hint} \
             WHERE is_lent = 1 AND {condition}"
        )
    };
    for batch in ids.chunks(IN_LIST_SIZE) {
        let sql = sql(&format!("loan_id IN ({})", placeholders(batch.len())));
        let ids = params(batch.iter().copied());
        session.each("open loans", &sql, ids, &mut on_row).await?;
    }
    let sql = sql("loan_id > ?");
    session
        .each("new loans", &sql, params([after]), on_row)
        .await
}
