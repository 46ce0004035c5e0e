//! MariaDB's slow log, which records the duration of every statement.

use super::library::Library;
use anyhow::{Context as _, Result};
use mysql_async::prelude::Queryable as _;

/// Makes a connection record none of its statements.
pub(super) const DO_NOT_LOG: &str = "SET SESSION long_query_time = 3600";

/// Records every statement of the connections that are opened from now on.
pub(super) async fn enable(library: &Library) -> Result<()> {
    for sql in [
        "SET GLOBAL log_output = 'TABLE'",
        // An empty filter records every kind of plan.
        "SET GLOBAL log_slow_filter = ''",
        "SET GLOBAL long_query_time = 0",
    ] {
        library.execute(sql).await?;
    }
    clear(library).await
}

/// Stops recording.
pub(super) async fn disable(library: &Library) -> Result<()> {
    library.execute("SET GLOBAL slow_query_log = OFF").await?;
    library
        .execute("SET GLOBAL long_query_time = DEFAULT")
        .await
}

/// Removes what was recorded so far.
pub(super) async fn clear(library: &Library) -> Result<()> {
    library.execute("SET GLOBAL slow_query_log = OFF").await?;
    library.execute("TRUNCATE mysql.slow_log").await?;
    library.execute("SET GLOBAL slow_query_log = ON").await
}

/// A statement of the worker.
pub(super) struct Statement {
    /// How long the server took, in milliseconds.
    pub(super) ms: f64,
    /// How many rows it read.
    pub(super) rows: f64,
    /// The statement.
    pub(super) sql: String,
}

/// The statements of the worker on `table`, in their order.
pub(super) async fn statements_on(library: &Library, table: &str) -> Result<Vec<Statement>> {
    let mut conn = library.connect().await?;
    let sql = "SELECT CAST(TIME_TO_SEC(query_time) AS DOUBLE), CAST(rows_examined AS DOUBLE), sql_text \
         FROM mysql.slow_log WHERE user_host LIKE CONCAT(?, '[%') AND sql_text LIKE ? ORDER BY start_time";
    let from = format!("% FROM {table} %");
    let recorded: Vec<(f64, f64, String)> = conn
        .exec(sql, (&library.database, from))
        .await
        .context("reading the slow log")?;
    conn.disconnect().await.context("disconnecting")?;
    let statements = recorded.into_iter().map(|(seconds, rows, sql)| Statement {
        ms: seconds * 1e3,
        rows,
        sql,
    });
    Ok(statements.collect())
}
