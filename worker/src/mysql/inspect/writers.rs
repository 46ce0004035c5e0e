//! Reads the rows that were written last, to see who writes them.

use crate::mysql::connection::Session;
use crate::mysql::params;
use crate::mysql::scan::ScanKey;
use anyhow::Result;
use chrono::{NaiveDate, NaiveDateTime};
use mysql_async::Params;

/// The latest check-ins that are read: some days of a small library, some hours of a large one.
const CHECK_INS: u32 = 1_000;
/// The latest loans that are read, among which some may be dated back or have a zero date.
const LOANS: u32 = 100;

/// A visit with a valid time.
#[derive(Clone, Debug)]
pub struct CheckIn {
    /// The id of the row.
    pub id: i64,
    /// When it was made, by the clock of the machine that wrote it.
    pub time: NaiveDateTime,
    /// The member's id; empty for guests, and if it was not requested.
    pub member: Vec<u8>,
}

/// The latest check-ins, in the order of their key. `hint` names the index on the id; `with_members` requests the ids of
/// members.
///
/// # Errors
/// If the database does not answer.
pub async fn latest_check_ins(
    session: &mut Session,
    ScanKey { table, column }: ScanKey,
    hint: &str,
    with_members: bool,
) -> Result<Vec<CheckIn>> {
    let member = if with_members { "member_id" } else { "NULL" };
    let sql = format!(
        "SELECT {column}, checkin_date, {member} FROM {table} {hint} ORDER BY {column} DESC LIMIT {CHECK_INS}"
    );
    let mut latest = Vec::new();
    let read = session.each(table, &sql, Params::Empty, |row| {
        if let Some((id, time)) = row.integer(0)?.zip(row.time(1)?.date_time()) {
            let member = row.bytes(2).to_vec();
            latest.push(CheckIn { id, time, member });
        }
        Ok(())
    });
    read.await?;
    latest.reverse();
    Ok(latest)
}

/// The latest date up to `today` among the last rows of `table`, which is `loan` or `loan_history` and has an index on
/// its id; `None` if there is none.
///
/// # Errors
/// If the database does not answer.
pub async fn last_loan(
    session: &mut Session,
    table: &str,
    today: NaiveDate,
) -> Result<Option<NaiveDate>> {
    let sql = format!(
        "SELECT MAX(loan_date) FROM (SELECT loan_date FROM {table} ORDER BY loan_id DESC LIMIT {LOANS}) AS latest \
         WHERE loan_date <= ?"
    );
    let values = params([today.to_string()]);
    let last = session.first(table, &sql, values, |row| Ok(row.time(0)?.date()));
    Ok(last.await?.flatten())
}
