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
/// How long the server keeps our connection while we send nothing or read slowly. The pauses of a scan and the ticks of
/// the fast loop are at most a minute apart; hosts set 3 to 30 s for web pages.
const IDLE_SECONDS: u32 = 3600;
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

/// Whether the server has forgotten a prepared statement, for example because a table was altered
/// (`ER_NEED_REPREPARE`).
pub(super) fn must_be_prepared_again(error: &mysql_async::Error) -> bool {
    matches!(error, mysql_async::Error::Server(error) if error.code == 1615)
}

/// Puts a session into a known state, whatever the server's global variables and `init_connect` are.
///
/// - Each statement sees all committed rows and only those (`autocommit`, the isolation level).
/// - No row is left out or refused (`sql_select_limit`, `sql_big_selects`), and `IS NULL` means that
///   (`sql_auto_is_null`).
/// - SQL and values mean the same on every server (`sql_mode`; `old_mode` of MariaDB); texts arrive in UTF-8 and are
///   sorted whole (`max_sort_length`).
/// - The server does not close the connection while a scan pauses or reads slowly (`wait_timeout`,
///   `net_write_timeout`), and ends a statement after `limit`: MariaDB counts seconds, MySQL milliseconds.
/// - MySQL does not cache table statistics.
///
/// Each server skips the other's comments.
pub(super) fn session_state(limit: Duration) -> String {
    let (seconds, millis) = (limit.as_secs_f32(), limit.as_millis());
    format!(
        "SET SESSION autocommit = 1, sql_mode = '', sql_select_limit = 18446744073709551615, sql_big_selects = 1, \
         sql_auto_is_null = 0, max_sort_length = 1024, wait_timeout = {IDLE_SECONDS}, \
         net_write_timeout = {IDLE_SECONDS}, character_set_client = 'utf8mb4', \
         character_set_connection = 'utf8mb4', character_set_results = 'utf8mb4' \
         /*M!100101 , max_statement_time = {seconds}, tx_isolation = 'REPEATABLE-READ', old_mode = '' */ \
         /*!50720 , max_execution_time = {millis}, transaction_isolation = 'REPEATABLE-READ' */ \
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
