//! Which columns we can read, as the server says when they are asked for. `information_schema` hides what is not for us.

use crate::mysql::connection::Session;
use crate::mysql::error::{ErrorKind, refusal};
use anyhow::Result;
use mysql_async::Params;

/// Those of `columns` that cannot be read of `table`, and why. Costs one statement without a row when all can.
///
/// # Errors
/// As the database says, where it does not say that something is lacking.
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
    match read.as_ref().err().map(refusal) {
        Some(Some(why @ (ErrorKind::NoTable | ErrorKind::NoColumn | ErrorKind::Denied))) => {
            Ok(Some(why))
        }
        _ => read.map(|()| None),
    }
}
