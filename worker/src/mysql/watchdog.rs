//! Checks on statements that do not answer, over a second, short connection: asks whether the server still runs the
//! statement, and KILLs an abandoned one. An account needs no privilege for that on its own connections. It also closes
//! connections in the background, abandoned ones and those that are no longer needed.
//!
//! Nothing else distinguishes a slow statement from a lost response. A network that has dropped a connection stays
//! silent for minutes, and TCP resends lost packets only after a pause as long as the outage.

use crate::backoff::Backoff;
use crate::mysql::error::catch_panic;
use anyhow::{Context, Result, ensure};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::task::TaskTracker;
use tracing::debug;

/// Time limit to connect and query: a reachable server takes milliseconds, and a lost packet is resent after one
/// second.
const CHECK_LIMIT: Duration = Duration::from_secs(2);
/// Time between two checks. A response that the server has sent arrives before the second one.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);
/// Time limit to disconnect. That takes one packet, but rows may still be arriving.
const DISCONNECT_LIMIT: Duration = Duration::from_millis(500);
/// Tolerance, in seconds, when comparing uptimes: both start times are rounded to seconds.
const UPTIME_TOLERANCE: u64 = 2;

/// Where servers list their connections. MySQL has the first since 8.0.22, if its performance schema is on, and then
/// warns of the second, which all others have. Each server skips the other's comment.
const PROCESS_LISTS: [&str; 2] = [
    "/*!80022 performance_schema.processlist */ /*M! information_schema.PROCESSLIST */",
    "information_schema.PROCESSLIST",
];

/// The server's id of a connection, and which server that is.
#[derive(Clone, Debug)]
pub(super) struct ServerConnId {
    id: u32,
    server: String,
    /// The one of [`PROCESS_LISTS`] that has the connection.
    process_list: &'static str,
    opened: Instant,
}

impl ServerConnId {
    /// Queries the id of `conn`. `None` if a proxy in between uses ids of its own, or the query is refused.
    pub(super) async fn query(conn: &mut Conn) -> mysql_async::Result<Option<Self>> {
        for process_list in PROCESS_LISTS {
            let sql = format!(
                "SELECT ID, CONCAT(@@hostname, ':', @@port) FROM {process_list} WHERE ID = CONNECTION_ID()"
            );
            let found: Option<(u64, String)> = match conn.query_first(sql).await {
                // A server may refuse it; only the watchdog needs it.
                Err(mysql_async::Error::Server(_)) => None,
                found => found?,
            };
            let id = conn.id();
            if let Some((server_id, server)) = found {
                return Ok((server_id == u64::from(id)).then(|| Self {
                    id,
                    server,
                    process_list,
                    opened: Instant::now(),
                }));
            }
        }
        Ok(None)
    }
}

/// Opens the short connections, one at a time, so that `MYSQL_POOL_LIMIT` is exceeded by at most one.
pub(super) struct Watchdog {
    options: Opts,
    connection_permit: Semaphore,
    /// Connections that are being closed.
    closing: TaskTracker,
}

impl Watchdog {
    pub(super) fn new(options: Opts) -> Self {
        Self {
            options,
            connection_permit: Semaphore::new(1),
            closing: TaskTracker::new(),
        }
    }

    /// Waits until the response of the statement on `server_id` is certainly lost: in two checks in a row the server
    /// ran no statement there, and no row has `arrived` in between. Waits for ever if `server_id` is `None` or the
    /// server cannot be reached.
    pub(super) async fn wait_until_lost(
        &self,
        server_id: Option<&ServerConnId>,
        watchdog_delay: Duration,
        arrived: &AtomicU64,
    ) {
        let Some(server_id) = server_id else {
            return std::future::pending().await;
        };
        sleep(watchdog_delay).await;
        let mut backoff = Backoff::SHORT;
        let mut rows_when_idle = None;
        loop {
            let rows = arrived.load(Ordering::Relaxed);
            match Box::pin(self.is_running(server_id)).await {
                Ok(false) if rows_when_idle == Some(rows) => return,
                Ok(is_running) => {
                    rows_when_idle = (!is_running).then_some(rows);
                    backoff.reset();
                    sleep(CHECK_INTERVAL).await;
                }
                // A frozen server would later take many such connections for an attack (max_connect_errors).
                Err(error) => {
                    debug!(
                        error = format!("{error:#}"),
                        "cannot check whether a statement still runs"
                    );
                    rows_when_idle = None;
                    sleep(backoff.next_wait()).await;
                }
            }
        }
    }

    /// Abandons `conn` with a statement on it, and kills the statement on the server in the background. The number of
    /// abandoned connections is bounded: each lasts seconds, and callers back off before they open the next.
    pub(super) fn abandon(self: &Arc<Self>, conn: Conn, server_id: Option<ServerConnId>) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let watchdog = self.clone();
        let cleanup = async move {
            if let Some(server_id) = server_id
                && let Err(error) = watchdog.kill(&server_id).await
            {
                let error = format!("{error:#}");
                debug!(
                    error,
                    "an abandoned statement could not be killed: only its limit on the server ends it"
                );
            }
            // Dropping it without this would make the driver wait for the rest of the response, for ever.
            drop(timeout(DISCONNECT_LIMIT, conn.disconnect()).await);
        };
        self.closing.spawn_on(cleanup, &runtime);
    }

    /// Closes `conn`, on which no statement runs, in the background, and then returns its permit. The driver would close a
    /// dropped connection without `COM_QUIT`, and the server would warn of that in its log.
    pub(super) fn disconnect(&self, conn: Conn, permit: Option<OwnedSemaphorePermit>) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let disconnect = async move {
            drop(timeout(DISCONNECT_LIMIT, conn.disconnect()).await);
            drop(permit);
        };
        self.closing.spawn_on(disconnect, &runtime);
    }

    /// Waits until every abandoned statement has been killed, and every connection closed that is not in use.
    pub(super) async fn close(&self) {
        self.closing.close();
        self.closing.wait().await;
    }

    /// Whether the server runs a statement on `server_id`.
    async fn is_running(&self, server_id: &ServerConnId) -> Result<bool> {
        let sql = format!(
            "SELECT COMMAND FROM {} WHERE ID = {}",
            server_id.process_list, server_id.id
        );
        self.within_limit(async {
            let Some(mut conn) = self.connect_same_server(server_id).await? else {
                return Ok(false);
            };
            let command: Option<String> = conn.query_first(sql).await?;
            conn.disconnect().await?;
            Ok(command.is_some_and(|command| command != "Sleep"))
        })
        .await
    }

    /// Kills the statement and its connection. A server that does not notice the lost connection might keep it for
    /// hours.
    async fn kill(&self, server_id: &ServerConnId) -> Result<()> {
        self.within_limit(async {
            let Some(mut conn) = self.connect_same_server(server_id).await? else {
                return Ok(());
            };
            conn.query_drop(format!("KILL {}", server_id.id)).await?;
            Ok(conn.disconnect().await?)
        })
        .await
    }

    async fn within_limit<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let work = async {
            let _permit = self.connection_permit.acquire().await?;
            work.await
        };
        let done = timeout(CHECK_LIMIT, catch_panic(Box::pin(work))).await;
        done.with_context(|| format!("no answer within {} s", CHECK_LIMIT.as_secs()))??
    }

    /// Connects to the server that has the connection `server_id`. `None` if the server has restarted since, because
    /// the id may then belong to another connection.
    async fn connect_same_server(&self, server_id: &ServerConnId) -> Result<Option<Conn>> {
        let mut conn = Conn::new(self.options.clone()).await?;
        let server: Option<String> = conn
            .query_first("SELECT CONCAT(@@hostname, ':', @@port)")
            .await?;
        ensure!(
            server.as_ref() == Some(&server_id.server),
            "a different server answers"
        );
        let uptime: Option<(String, u64)> =
            conn.query_first("SHOW GLOBAL STATUS LIKE 'Uptime'").await?;
        let (_, uptime) = uptime.context("the server does not report its uptime")?;
        Ok((uptime + UPTIME_TOLERANCE >= server_id.opened.elapsed().as_secs()).then_some(conn))
    }
}
