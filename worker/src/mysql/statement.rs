//! What a statement needs besides its connection: session limits, abandonment when it is dropped, progress logs, and
//! errors with a readable text.

use crate::mysql::watchdog::{ServerConnId, Watchdog};
use mysql_async::{Conn, IoError};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;
use tracing::info;

/// Interval between progress logs of a long statement.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);
/// The clock is read once per this many rows.
const PROGRESS_ROWS: u64 = 10_000;

/// A connection on which a statement runs. If it is dropped before the response is complete, for whatever reason, the
/// watchdog abandons the connection.
pub(super) struct InFlight<'a> {
    pub(super) conn: Option<Conn>,
    pub(super) server_id: Option<ServerConnId>,
    pub(super) watchdog: &'a Arc<Watchdog>,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if let Some(conn) = self.conn.take() {
            self.watchdog.abandon(conn, self.server_id.take());
        }
    }
}

/// Unwraps the cause of a driver error, whose own text would repeat the text of the cause.
pub(super) fn into_anyhow(error: mysql_async::Error) -> anyhow::Error {
    match error {
        mysql_async::Error::Server(server) => server.into(),
        mysql_async::Error::Io(IoError::Io(io)) => io.into(),
        other => other.into(),
    }
}

/// Session variables that must not depend on the server's defaults: each statement sees all committed rows, texts
/// arrive in UTF-8, and MySQL does not cache table statistics. The statement limit is in seconds on MariaDB and in
/// milliseconds on MySQL; each server skips the other's comment.
pub(super) fn session_limits(limit: Duration) -> String {
    let (seconds, millis) = (limit.as_secs_f32(), limit.as_millis());
    format!(
        "SET SESSION autocommit = 1, character_set_client = 'utf8mb4', \
         character_set_connection = 'utf8mb4', character_set_results = 'utf8mb4', sql_big_selects = 1 \
         /*M!100101 , max_statement_time = {seconds} */ /*!50708 , max_execution_time = {millis} */ \
         /*!80000 , information_schema_stats_expiry = 0 */"
    )
}

/// Logs the progress of a long read now and then.
pub(super) struct Progress<'a> {
    what: &'a str,
    rows: &'a AtomicU64,
    last_report: Instant,
}

impl<'a> Progress<'a> {
    pub(super) fn new(what: &'a str, rows: &'a AtomicU64) -> Self {
        Self {
            what,
            rows,
            last_report: Instant::now(),
        }
    }

    pub(super) fn count_row(&mut self) {
        let rows = self.rows.fetch_add(1, Ordering::Relaxed) + 1;
        if rows.is_multiple_of(PROGRESS_ROWS) && self.last_report.elapsed() >= PROGRESS_INTERVAL {
            self.last_report = Instant::now();
            info!(rows, "reading {}: {rows} rows so far", self.what);
        }
    }
}
