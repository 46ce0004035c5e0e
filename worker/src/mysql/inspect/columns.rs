//! Finds the columns that cannot be read, by reading them: `information_schema` does not list what the account may not
//! see.

use crate::mysql::connection::Session;
use crate::mysql::error::{ErrorKind, is_unreadable, kind_of};
use anyhow::Result;
use mysql_async::Params;

/// The `columns` of `table` that cannot be read, and why. If all can be read, this costs one statement without rows.
///
/// # Errors
/// If the database does not answer, or fails for another reason than a missing column, table or privilege.
pub async fn lacking(
    session: &mut Session,
    table: &str,
    columns: &[&'static str],
) -> Result<Vec<(&'static str, ErrorKind)>> {
    if probe(session, table, &columns.join(", ")).await?.is_none() {
        return Ok(Vec::new());
    }
    let mut lacking = Vec::new();
    for column in columns {
        if let Some(why) = probe(session, table, column).await? {
            lacking.push((*column, why));
        }
    }
    Ok(lacking)
}

async fn probe(session: &mut Session, table: &str, columns: &str) -> Result<Option<ErrorKind>> {
    let sql = format!("SELECT {columns} FROM {table} LIMIT 0");
    let read = session.each(table, &sql, Params::Empty, |_| Ok(())).await;
    match read {
        Err(error) if is_unreadable(&error) => Ok(kind_of(&error)),
        read => read.map(|()| None),
    }
}
