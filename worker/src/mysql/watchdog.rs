//! What is done on a short connection of its own about another one that does not answer: asking whether the server still
//! runs its statement, and ending it there. No privilege is needed for connections of one's own account.
//!
//! A count that takes long is told from an answer that is lost by this alone: a network that has forgotten a connection
//! says nothing for minutes, and one that has lost packets sends them again only after as long as it was away.

use crate::backoff::Backoff;
use anyhow::{Context, Result, ensure};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::task::TaskTracker;
use tracing::debug;

/// To connect and ask: a server in reach takes milliseconds, and a lost packet is sent again after one second.
const LIMIT: Duration = Duration::from_secs(2);
/// From look to look. An answer that the server has given is here before the second.
const LOOK: Duration = Duration::from_millis(500);
/// A goodbye is one packet; where rows are still under way to us, they have this long.
const GOODBYE: Duration = Duration::from_millis(500);
/// Both start times are rounded to seconds.
const ROUNDING: u64 = 2;

/// A connection as its server knows it.
#[derive(Clone, Debug)]
pub(super) struct ServerConnId {
    id: u32,
    server: String,
    opened: Instant,
}

impl ServerConnId {
    /// Asks. `None` when a proxy answers that has ids of its own.
    pub(super) async fn of(conn: &mut Conn) -> mysql_async::Result<Option<Self>> {
        let sql = "SELECT ID, CONCAT(@@hostname, ':', @@port) FROM information_schema.PROCESSLIST \
                   WHERE ID = CONNECTION_ID()";
        let known: Option<(u64, String)> = match conn.query_first(sql).await {
            // It may be forbidden one day; all else goes without it.
            Err(mysql_async::Error::Server(_)) => None,
            known => known?,
        };
        let id = conn.id();
        let known = known.filter(|(asked, _)| *asked == u64::from(id));
        Ok(known.map(|(_, server)| Self {
            id,
            server,
            opened: Instant::now(),
        }))
    }
}

/// Opens the short connections, one at a time: beyond the limit of connections there is never more than one.
pub(super) struct Watchdog {
    options: Opts,
    turn: Semaphore,
    given_up: TaskTracker,
}

impl Watchdog {
    pub(super) fn new(options: Opts) -> Self {
        Self {
            options,
            turn: Semaphore::new(1),
            given_up: TaskTracker::new(),
        }
    }

    /// Waits until the statement on `known` surely gets no answer any more: twice in a row the server ran none there, and
    /// nothing has `arrived` in between. For ever when that cannot be told, or the server is not in reach.
    pub(super) async fn wait_until_lost(
        &self,
        known: Option<&ServerConnId>,
        watchdog_delay: Duration,
        arrived: &AtomicU64,
    ) {
        let Some(known) = known else {
            return std::future::pending().await;
        };
        sleep(watchdog_delay).await;
        let mut backoff = Backoff::SHORT;
        let mut idle = None;
        loop {
            let now = arrived.load(Ordering::Relaxed);
            match Box::pin(self.runs(known)).await {
                Ok(false) if idle == Some(now) => return,
                Ok(runs) => {
                    idle = (!runs).then_some(now);
                    backoff.reset();
                    sleep(LOOK).await;
                }
                // A server that stands still would take many such looks for an attack (max_connect_errors).
                Err(error) => {
                    debug!(
                        error = format!("{error:#}"),
                        "not told whether a statement runs"
                    );
                    idle = None;
                    sleep(backoff.next_wait()).await;
                }
            }
        }
    }

    /// Leaves `conn` with a statement on it, which is ended on the server. Does not wait for that. The number of such
    /// connections is bounded, for each lasts seconds, and who gave it up waits before the next.
    pub(super) fn abandon(self: &Arc<Self>, conn: Conn, known: Option<ServerConnId>) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let watchdog = self.clone();
        let end = async move {
            if let Some(known) = known
                && let Err(error) = watchdog.end(&known).await
            {
                let error = format!("{error:#}");
                debug!(
                    error,
                    "a statement that was given up has its limit on the server alone"
                );
            }
            // Not dropped as it is: the driver would wait for the rest of the answer, for ever.
            drop(timeout(GOODBYE, conn.disconnect()).await);
        };
        self.given_up.spawn_on(end, &runtime);
    }

    /// Waits until all that was given up has been ended.
    pub(super) async fn close(&self) {
        self.given_up.close();
        self.given_up.wait().await;
    }

    /// Whether the server runs a statement on `known`.
    async fn runs(&self, known: &ServerConnId) -> Result<bool> {
        let sql = format!(
            "SELECT COMMAND FROM information_schema.PROCESSLIST WHERE ID = {}",
            known.id
        );
        self.within_limit(async {
            let Some(mut conn) = self.reach(known).await? else {
                return Ok(false);
            };
            let command: Option<String> = conn.query_first(sql).await?;
            conn.disconnect().await?;
            Ok(command.is_some_and(|command| command != "Sleep"))
        })
        .await
    }

    /// Ends the statement and the connection, which the server might keep for hours when it does not hear of its end.
    async fn end(&self, known: &ServerConnId) -> Result<()> {
        self.within_limit(async {
            let Some(mut conn) = self.reach(known).await? else {
                return Ok(());
            };
            conn.query_drop(format!("KILL {}", known.id)).await?;
            Ok(conn.disconnect().await?)
        })
        .await
    }

    async fn within_limit<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let work = async {
            let _turn = self.turn.acquire().await?;
            work.await
        };
        let ended = timeout(LIMIT, Box::pin(work)).await;
        ended.with_context(|| format!("no answer within {} s", LIMIT.as_secs()))?
    }

    /// A connection to the server that knows `known`; `None` when it has started anew since, for then the id may be
    /// another's.
    async fn reach(&self, known: &ServerConnId) -> Result<Option<Conn>> {
        let mut conn = Conn::new(self.options.clone()).await?;
        let server: Option<String> = conn
            .query_first("SELECT CONCAT(@@hostname, ':', @@port)")
            .await?;
        ensure!(
            server.as_ref() == Some(&known.server),
            "another server answers"
        );
        let uptime: Option<(String, u64)> =
            conn.query_first("SHOW GLOBAL STATUS LIKE 'Uptime'").await?;
        let (_, uptime) = uptime.context("the server does not tell since when it runs")?;
        Ok((uptime + ROUNDING >= known.opened.elapsed().as_secs()).then_some(conn))
    }
}
