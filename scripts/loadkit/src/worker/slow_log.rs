//! MariaDB's slow log, which records the duration of every statement.

use super::library::Library;
use crate::samples::Samples;
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

/// How long the server took for each statement of the worker on `visitor_count`, in milliseconds.
pub(super) async fn visit_statements(library: &Library) -> Result<Samples> {
    let mut conn = library.connect().await?;
    let sql = "SELECT CAST(TIME_TO_SEC(query_time) AS DOUBLE) FROM mysql.slow_log \
         WHERE user_host LIKE CONCAT(?, '[%') AND sql_text LIKE '%visitor_count%'";
    let seconds: Vec<f64> = conn
        .exec(sql, (&library.database,))
        .await
        .context("reading the slow log")?;
    conn.disconnect().await.context("disconnecting")?;
    let mut samples = Samples::default();
    for seconds in seconds {
        samples.add(seconds * 1e3);
    }
    Ok(samples)
}
