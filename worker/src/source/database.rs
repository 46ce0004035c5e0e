//! Connections to the database, and the limits that the driver does not have by itself.
//!
//! A statement has a limit on the server, and a later one here. After the one here its connection is dropped: used
//! again it would give the answer of the statement that was given up.

use crate::config::Mysql;
use crate::source::cells::Cells;
use crate::source::tls;
use anyhow::{Context, Result, anyhow};
use mysql_async::ServerError;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, IoError, OptsBuilder, Params, Pool, PoolConstraints, PoolOpts};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};
use tracing::info;

/// A server in reach answers within milliseconds; a lost packet is sent again within 3 s.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// What reads a whole table at once has: millions of rows in seconds.
pub const WHOLE_LIMIT: Duration = Duration::from_secs(600);
/// How much later than the server we give up, so that its own message arrives.
const GRACE: Duration = Duration::from_secs(5);
/// A goodbye is one packet; a connection that is busy does not say it.
const CLOSE_LIMIT: Duration = Duration::from_millis(500);
/// Between two lines about a statement that takes long.
const PROGRESS: Duration = Duration::from_secs(5);
/// Rows between two looks at the clock.
const PROGRESS_ROWS: u64 = 10_000;

/// Where the connections come from.
pub struct Database {
    pool: Pool,
    /// One for each connection but the fast loop's. Whoever waits for one waits for a pass to end, whose statements have
    /// their limits.
    places: Arc<Semaphore>,
    /// One, for those who read much and rest in between.
    turns: Arc<Semaphore>,
    address: String,
}

impl Database {
    /// Opens nothing yet.
    pub fn new(config: &Mysql) -> Self {
        let constraints =
            PoolConstraints::new(0, config.pool_limit).expect("0 is not above the limit");
        let pool = PoolOpts::new()
            .with_constraints(constraints)
            // The session's limits are set at each checkout, so that a reset would only cost a round trip.
            .with_reset_connection(false);
        let options = OptsBuilder::default()
            .ip_or_hostname(config.host.clone())
            .tcp_port(config.port)
            .user(Some(config.user.clone()))
            .pass(Some(config.password.clone()))
            .db_name(Some(config.database.clone()))
            // The address that was configured, not a socket that the server happens to name.
            .prefer_socket(false)
            .tcp_keepalive(Some(Duration::from_secs(30)))
            .ssl_opts(tls::options(config))
            .pool_opts(pool);
        Self {
            pool: Pool::new(options),
            places: Arc::new(Semaphore::new(config.pool_limit - 1)),
            turns: Arc::new(Semaphore::new(1)),
            address: format!("{}:{}/{}", config.host, config.port, config.database),
        }
    }

    /// Host, port and database, for logs.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// A connection whose every statement ends within `limit` on the server.
    ///
    /// # Errors
    /// When there is a place for one, but none within 5 s.
    pub async fn session(&self, limit: Duration) -> Result<Session> {
        let place = self.places.clone().acquire_owned().await?;
        self.open(limit, Some(place)).await
    }

    /// The same for the fast loop, which waits for nobody. There is one such connection at a time.
    ///
    /// # Errors
    /// When there is none within 5 s.
    pub async fn reserved_session(&self, limit: Duration) -> Result<Session> {
        self.open(limit, None).await
    }

    async fn open(&self, limit: Duration, place: Option<OwnedSemaphorePermit>) -> Result<Session> {
        let open = async {
            let mut conn = self.pool.get_conn().await?;
            conn.query_drop(session_limits(limit)).await?;
            Ok::<_, mysql_async::Error>(conn)
        };
        let conn = timeout(CONNECT_LIMIT, open).await;
        let conn = conn.map_err(|_| anyhow!("no connection within {} s", CONNECT_LIMIT.as_secs()));
        let conn = conn.and_then(|opened| opened.map_err(plain).map_err(tls::explain));
        Ok(Session {
            conn: Some(conn.with_context(|| format!("connecting to MySQL at {}", self.address))?),
            limit: limit + GRACE,
            turns: self.turns.clone(),
            turn: None,
            _place: place,
        })
    }

    /// Says goodbye to the server, if that is quick.
    pub async fn close(&self) {
        let closed = timeout(CLOSE_LIMIT, self.pool.clone().disconnect()).await;
        // The process ends anyway; the server closes what a busy connection leaves behind.
        drop(closed);
    }
}

/// One connection. After a failure that may have left an answer unread it is gone, and says so.
pub struct Session {
    conn: Option<Conn>,
    limit: Duration,
    turns: Arc<Semaphore>,
    turn: Option<OwnedSemaphorePermit>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Session {
    /// Waits until no other session has the turn, and has it until it is given away or the session ends. Whoever has it gives
    /// it away after a statement, which has its limit.
    ///
    /// # Errors
    /// Never: there are turns as long as there is the database.
    pub async fn take_turn(&mut self) -> Result<()> {
        if self.turn.is_none() {
            self.turn = Some(self.turns.clone().acquire_owned().await?);
        }
        Ok(())
    }

    /// Lets another session have the turn.
    pub fn give_turn(&mut self) {
        self.turn = None;
    }

    /// Runs `sql` and hands each row to `row`. `what` says what is read, for errors and for progress.
    ///
    /// # Errors
    /// What the server says, what `row` says, or that the limit has passed.
    pub async fn each(
        &mut self,
        what: &str,
        sql: &str,
        params: Params,
        mut row: impl FnMut(Cells<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut conn = self
            .conn
            .take()
            .with_context(|| format!("reading {what}: the connection is lost"))?;
        let started = Instant::now();
        let mut progress = Progress::new(what, started);
        let read = async {
            let mut rows = conn.exec_iter(sql, params).await.map_err(plain)?;
            while let Some(next) = rows.next().await.map_err(plain)? {
                row(Cells(&next))?;
                progress.row();
            }
            Ok::<_, anyhow::Error>(())
        };
        let read = timeout(self.limit, read).await;
        let read =
            read.unwrap_or_else(|_| Err(anyhow!("no answer within {} s", self.limit.as_secs())));
        // A server's own error comes at the end of an answer, so that nothing of it is left in the connection.
        if read
            .as_ref()
            .err()
            .is_none_or(|error| server_code(error).is_some())
        {
            self.conn = Some(conn);
        }
        read.with_context(|| format!("reading {what}"))
    }

    /// Whether the server still answers on it.
    pub async fn is_alive(&mut self) -> bool {
        let one = self.first("whether it answers", "SELECT 1", Params::Empty, |_| Ok(()));
        one.await.is_ok()
    }

    /// Lets the statements from now on take as long as this.
    ///
    /// # Errors
    /// What the server says.
    pub async fn allow(&mut self, limit: Duration) -> Result<()> {
        let set = session_limits(limit);
        self.each("the limits", &set, Params::Empty, |_| Ok(()))
            .await?;
        self.limit = limit + GRACE;
        Ok(())
    }

    /// Runs `sql` and gives what `row` makes of its first row; `None` when there is none.
    ///
    /// # Errors
    /// As [`Self::each`].
    pub async fn first<T>(
        &mut self,
        what: &str,
        sql: &str,
        params: Params,
        row: impl Fn(Cells<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        let mut found = None;
        self.each(what, sql, params, |cells| {
            if found.is_none() {
                found = Some(row(cells)?);
            }
            Ok(())
        })
        .await?;
        Ok(found)
    }
}

/// The driver's text of an error repeats the text of its cause; the cause alone says it once.
fn plain(error: mysql_async::Error) -> anyhow::Error {
    match error {
        mysql_async::Error::Server(server) => server.into(),
        mysql_async::Error::Io(IoError::Io(io)) => io.into(),
        other => other.into(),
    }
}

/// The server's number of an error, when it is one of the server's.
fn server_code(error: &anyhow::Error) -> Option<u16> {
    error
        .downcast_ref::<ServerError>()
        .map(|server| server.code)
}

/// Why a server refused, where something can be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The account or its password.
    Account,
    /// The database is not there, or not for this account.
    Database,
    /// There is no such table.
    NoTable,
    /// There is no such column.
    NoColumn,
    /// The account must not read it.
    Denied,
    /// The statement's time was up.
    TooLong,
}

/// Why the server refused, when it did and it is one of these.
pub fn refusal(error: &anyhow::Error) -> Option<Refusal> {
    Some(match server_code(error)? {
        // ER_ACCESS_DENIED_ERROR, ER_ACCESS_DENIED_NO_PASSWORD_ERROR, ER_HOST_NOT_PRIVILEGED
        1045 | 1698 | 1130 => Refusal::Account,
        // ER_DBACCESS_DENIED_ERROR, ER_BAD_DB_ERROR
        1044 | 1049 => Refusal::Database,
        // ER_NO_SUCH_TABLE
        1146 => Refusal::NoTable,
        // ER_BAD_FIELD_ERROR
        1054 => Refusal::NoColumn,
        // ER_TABLEACCESS_DENIED_ERROR, ER_COLUMNACCESS_DENIED_ERROR
        1142 | 1143 => Refusal::Denied,
        // ER_STATEMENT_TIMEOUT of MariaDB, ER_QUERY_TIMEOUT of MySQL
        1969 | 3024 => Refusal::TooLong,
        _ => return None,
    })
}

/// Whether a table or a column is not there, or not for us.
pub fn is_lacking(error: &anyhow::Error) -> bool {
    matches!(
        refusal(error),
        Some(Refusal::NoTable | Refusal::NoColumn | Refusal::Denied)
    )
}

/// What a session must have whatever the server's defaults are: each statement sees what is committed, and texts come
/// in UTF-8, and MySQL tells of its tables what is, not what was. The limit of a statement is seconds in MariaDB and milliseconds in MySQL; each skips the other's comment.
fn session_limits(limit: Duration) -> String {
    let (seconds, millis) = (limit.as_secs_f32(), limit.as_millis());
    format!(
        "SET SESSION autocommit = 1, character_set_client = 'utf8mb4', \
         character_set_connection = 'utf8mb4', character_set_results = 'utf8mb4', sql_big_selects = 1 \
         /*M!100101 , max_statement_time = {seconds} */ /*!50708 , max_execution_time = {millis} */ \
         /*!80000 , information_schema_stats_expiry = 0 */"
    )
}

/// Says now and then how far a long read is.
struct Progress<'a> {
    what: &'a str,
    rows: u64,
    said: Instant,
}

impl<'a> Progress<'a> {
    fn new(what: &'a str, started: Instant) -> Self {
        Self {
            what,
            rows: 0,
            said: started,
        }
    }

    fn row(&mut self) {
        self.rows += 1;
        if self.rows.is_multiple_of(PROGRESS_ROWS) && self.said.elapsed() >= PROGRESS {
            self.said = Instant::now();
            info!(
                rows = self.rows,
                "reading {}: {} rows so far", self.what, self.rows
            );
        }
    }
}
