//! What the server itself says of the statements of an account: rows read, and each one's time out of the slow log.

use crate::library::kept::Kept;
use anyhow::{Context as _, Result};
use mysql_async::prelude::Queryable as _;
use std::collections::HashMap;

/// A statement that has been answered.
#[derive(Clone, Copy, Debug)]
pub struct Statement {
    /// The connection's.
    pub thread: u64,
    /// Seconds since the epoch, at its start.
    pub at: f64,
    /// Seconds within the server.
    pub took: f64,
}

/// Rows that the engines have handed to the server since it began (`Handler_read_%`).
///
/// # Errors
/// As the server says.
pub async fn rows_read(library: &Kept) -> Result<u64> {
    let sum = "SELECT CAST(SUM(variable_value) AS UNSIGNED) FROM information_schema.global_status \
         WHERE variable_name LIKE 'HANDLER\\_READ\\_%'";
    library.number(sum).await
}

/// Logs every statement of the connections that begin from now on. It costs a line each; no other instrument that is
/// compiled into a common server keeps single statements for less.
///
/// # Errors
/// As the server says.
pub async fn log_all(library: &Kept, wanted: bool) -> Result<()> {
    library.run("SET GLOBAL slow_query_log = OFF").await?;
    if wanted {
        library.run("SET GLOBAL log_output = 'TABLE'").await?;
        library.run("TRUNCATE mysql.slow_log").await?;
        // The filter names kinds of plans to log; empty means all.
        library.run("SET GLOBAL log_slow_filter = ''").await?;
        library.run("SET GLOBAL long_query_time = 0").await?;
        library.run("SET GLOBAL slow_query_log = ON").await?;
    } else {
        library.run("SET GLOBAL long_query_time = DEFAULT").await?;
    }
    Ok(())
}

/// Forgets what was logged so far.
///
/// # Errors
/// As the server says.
pub async fn forget(library: &Kept) -> Result<()> {
    library.run("SET GLOBAL slow_query_log = OFF").await?;
    library.run("TRUNCATE mysql.slow_log").await?;
    library.run("SET GLOBAL slow_query_log = ON").await
}

/// What `account` has done since, in order of time.
///
/// # Errors
/// As the server says.
pub async fn of(library: &Kept, account: &str) -> Result<Vec<Statement>> {
    let mut conn = library.conn().await?;
    let sql = "SELECT thread_id, CAST(UNIX_TIMESTAMP(start_time) AS DOUBLE), CAST(TIME_TO_SEC(query_time) AS DOUBLE) \
         FROM mysql.slow_log WHERE user_host LIKE CONCAT(?, '[%') ORDER BY start_time";
    let rows: Vec<(u64, f64, f64)> = conn
        .exec(sql, (account,))
        .await
        .context("reading the slow log")?;
    conn.disconnect().await.context("leaving the database")?;
    let statements = rows
        .into_iter()
        .map(|(thread, at, took)| Statement { thread, at, took });
    Ok(statements.collect())
}

/// Those of the connection with the most: beside the fast loop's there are others that wake up now and then.
pub fn busiest(statements: Vec<Statement>) -> Vec<Statement> {
    let mut counts: HashMap<u64, usize> = HashMap::new();
    for statement in &statements {
        *counts.entry(statement.thread).or_default() += 1;
    }
    let busiest = counts.into_iter().max_by_key(|(_, count)| *count);
    let of_busiest =
        |statement: &Statement| busiest.is_some_and(|(thread, _)| thread == statement.thread);
    statements.into_iter().filter(of_busiest).collect()
}
