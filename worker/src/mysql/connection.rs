//! Connections to the database, and the limits that the driver does not have by itself.
//!
//! A statement has a limit on the server, and a later one here. After the one here its connection is left: used again it
//! would give the answer of the statement that was given up, which is ended on the server too (`watchdog`).

use crate::config::Mysql;
use crate::mysql::error::server_code;
use crate::mysql::metrics::MysqlMetrics;
use crate::mysql::round_trip::TimeSpent;
use crate::mysql::row::RowDecoder;
use crate::mysql::tls;
use crate::mysql::watchdog::{ServerConnId, Watchdog};
use anyhow::{Context, Result, anyhow, bail};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, IoError, Opts, OptsBuilder, Params};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};
use tracing::info;

/// A server in reach answers within milliseconds; a lost packet is sent again within 3 s.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// What reads a whole table at once has: millions of rows in seconds.
pub const WHOLE_LIMIT: Duration = Duration::from_secs(600);
/// Within this what was given up is ended at a stop: that is a connection and a statement.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);
/// Between two lines about a statement that takes long.
const PROGRESS: Duration = Duration::from_secs(5);
/// Rows between two looks at the clock.
const PROGRESS_ROWS: u64 = 10_000;

/// The round trip is measured anew after this time: routes change rarely.
pub const RENEW_ROUND_TRIP: Duration = Duration::from_secs(5);
/// The same when a statement took longer than expected, which may be the network's fault.
const RENEW_SOON: Duration = Duration::from_secs(1);
/// The fastest of so many is the measurement: one that met a lost packet or a busy core does not count.
const PINGS: u32 = 3;

/// How long is waited for what has no limit of its own. Fields, so that tests need not wait as long.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How much later than the server we give a statement up, so that its own message arrives.
    pub grace: Duration,
    /// After so much time without an answer the server is asked whether it still runs the statement.
    pub watchdog_delay: Duration,
    /// A place or a turn is waited for as long as those who have one come on: a statement of theirs ends within this.
    pub max_wait: Duration,
}

impl Limits {
    /// Hardly a statement takes 1 s, and who waits for a count that will never come has waited long enough by then; the
    /// longest that may take long has [`WHOLE_LIMIT`], and the rest after it is of seconds.
    pub const USUAL: Self = Self {
        grace: Duration::from_secs(5),
        watchdog_delay: Duration::from_secs(1),
        max_wait: Duration::from_secs(15 * 60),
    };
}

/// Where the connections come from. None is kept for later: a pass has one for all its statements, the fast loop another.
pub struct Database {
    options: Opts,
    limits: Limits,
    /// One for each connection but the fast loop's.
    places: Arc<Semaphore>,
    /// So many places.
    all: u32,
    /// One, for those who read much and rest in between.
    read_slots: Arc<Semaphore>,
    /// Statements that have ended on connections with a place.
    ended: Arc<AtomicU64>,
    watchdog: Arc<Watchdog>,
    traffic: MysqlMetrics,
    address: String,
}

impl Database {
    /// Opens nothing yet.
    pub fn new(config: &Mysql) -> Self {
        Self::with_limits(config, Limits::USUAL)
    }

    /// The same with other limits.
    pub fn with_limits(config: &Mysql, limits: Limits) -> Self {
        let options: Opts = OptsBuilder::default()
            .ip_or_hostname(config.host.clone())
            .tcp_port(config.port)
            .user(Some(config.user.clone()))
            .pass(Some(config.password.clone()))
            .db_name(Some(config.database.clone()))
            // The address that was configured, not a socket that the server happens to name.
            .prefer_socket(false)
            .tcp_keepalive(Some(Duration::from_secs(30)))
            .ssl_opts(tls::options(config))
            .into();
        let all = u32::try_from(config.pool_limit - 1).expect("the limit is 100 at most");
        Self {
            watchdog: Arc::new(Watchdog::new(options.clone())),
            options,
            limits,
            places: Arc::new(Semaphore::new(config.pool_limit - 1)),
            all,
            read_slots: Arc::new(Semaphore::new(1)),
            ended: Arc::new(AtomicU64::new(0)),
            traffic: MysqlMetrics::default(),
            address: format!("{}:{}/{}", config.host, config.port, config.database),
        }
    }

    /// Counts what it does in `traffic`.
    pub fn counting(self, traffic: MysqlMetrics) -> Self {
        Self { traffic, ..self }
    }

    /// Host, port and database, for logs.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// A connection whose every statement ends within `limit` on the server.
    ///
    /// # Errors
    /// When there is none within 5 s, or no place for one while nobody who has one comes on.
    pub async fn session(&self, limit: Duration) -> Result<Session> {
        let what = "a place among the connections to MySQL";
        let place = wait_for(what, &self.places, &self.ended, self.limits.max_wait);
        self.open(limit, Some(place.await?)).await
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
            let mut conn = Conn::new(self.options.clone()).await?;
            let sent = Instant::now();
            conn.query_drop(session_limits(limit)).await?;
            // It is hardly any work, so that the time is the network's.
            let round_trip = sent.elapsed();
            let known = ServerConnId::of(&mut conn).await?;
            Ok::<_, mysql_async::Error>((conn, known, round_trip))
        };
        let opened = timeout(CONNECT_LIMIT, Box::pin(open)).await;
        let opened =
            opened.map_err(|_| anyhow!("no connection within {} s", CONNECT_LIMIT.as_secs()));
        let opened = opened.and_then(|opened| opened.map_err(plain).map_err(tls::explain));
        let opened = opened.inspect_err(|error| self.traffic.unconnected(error));
        let (conn, known, round_trip) =
            opened.with_context(|| format!("connecting to MySQL at {}", self.address))?;
        let measured = &self.traffic.round_trip;
        if measured.age().is_none_or(|age| age >= RENEW_ROUND_TRIP) {
            measured.set(round_trip);
        } else {
            measured.limit(round_trip);
        }
        Ok(Session {
            conn: Some(conn),
            known,
            limit: limit + self.limits.grace,
            limits: self.limits,
            watchdog: self.watchdog.clone(),
            read_slots: self.read_slots.clone(),
            ended: self.ended.clone(),
            traffic: self.traffic.clone(),
            spent: TimeSpent::default(),
            turn: None,
            place,
        })
    }

    /// Ends on the server what was given up, if that is quick. There is no session after this.
    pub async fn close(&self) {
        let closed = timeout(CLOSE_LIMIT, async {
            // Who was stopped in the middle of a statement gives its place back when it has been given up.
            let all = self.places.acquire_many(self.all).await;
            self.places.close();
            drop(all);
            self.watchdog.close().await;
        });
        // The process ends anyway; what is left has its limit on the server.
        drop(closed.await);
    }
}

/// Waits for one of `permits` as long as the counter `ended` rises within each `max_wait`.
async fn wait_for(
    what: &str,
    permits: &Arc<Semaphore>,
    ended: &AtomicU64,
    max_wait: Duration,
) -> Result<OwnedSemaphorePermit> {
    let mut permit = pin!(permits.clone().acquire_owned());
    loop {
        let before = ended.load(Ordering::Relaxed);
        if let Ok(permit) = timeout(max_wait, permit.as_mut()).await {
            return Ok(permit?);
        }
        if ended.load(Ordering::Relaxed) == before {
            let seconds = max_wait.as_secs_f32();
            bail!(
                "waiting for {what}: no statement of those who have it has ended for {seconds} s"
            );
        }
    }
}

/// One connection. After a failure that may have left an answer unread it is gone, and says so.
pub struct Session {
    conn: Option<Conn>,
    known: Option<ServerConnId>,
    limit: Duration,
    limits: Limits,
    watchdog: Arc<Watchdog>,
    read_slots: Arc<Semaphore>,
    ended: Arc<AtomicU64>,
    traffic: MysqlMetrics,
    spent: TimeSpent,
    turn: Option<OwnedSemaphorePermit>,
    place: Option<OwnedSemaphorePermit>,
}

impl Session {
    /// Waits until no other session has the turn, and has it until it is given away or the session ends. Whoever has it gives
    /// it away after a statement.
    ///
    /// # Errors
    /// When no statement of the others ends any more.
    pub async fn acquire_read_slot(&mut self) -> Result<()> {
        if self.turn.is_none() {
            let what = "the turn to read";
            let turn = wait_for(what, &self.read_slots, &self.ended, self.limits.max_wait);
            self.turn = Some(turn.await?);
        }
        Ok(())
    }

    /// Lets another session have the turn.
    pub fn release_read_slot(&mut self) {
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
        mut row: impl FnMut(RowDecoder<'_>) -> Result<()>,
    ) -> Result<()> {
        let conn = self.conn.take();
        let conn = conn.with_context(|| format!("reading {what}: the connection is lost"))?;
        let mut busy = InFlight {
            conn: Some(conn),
            known: self.known.clone(),
            watchdog: &self.watchdog,
        };
        self.traffic.statements.inc();
        let arrived = AtomicU64::new(0);
        let mut progress = Progress::new(what, &arrived);
        let mut sent = None;
        let read = async {
            let conn = busy.conn.as_mut().context("the connection is lost")?;
            // Prepared once for each connection, which costs a round trip of its own.
            let statement = conn.prep(sql).await.map_err(plain)?;
            sent = Some(Instant::now());
            let rows = conn.exec_iter(&statement, params);
            let mut rows = rows.await.map_err(plain)?;
            while let Some(next) = rows.next().await.map_err(plain)? {
                row(RowDecoder(&next))?;
                progress.row();
            }
            Ok::<_, anyhow::Error>(())
        };
        let known = self.known.as_ref();
        let answered = tokio::select! {
            biased;
            read = timeout(self.limit, read) => {
                read.map_err(|_| anyhow!("no answer within {} s", self.limit.as_secs()))
            }
            () = self.watchdog.wait_until_lost(known, self.limits.watchdog_delay, &arrived) => {
                Err(anyhow!("the server does not run it any more, and no answer has come"))
            }
        };
        self.traffic.rows.inc_by(arrived.load(Ordering::Relaxed));
        if let Some(sent) = sent {
            let elapsed = sent.elapsed();
            self.spent.elapsed += elapsed;
            self.spent.statements += 1;
            if matches!(answered, Ok(Ok(()))) {
                self.traffic.round_trip.limit(elapsed);
            }
        }
        match &answered {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.traffic.refused(error),
            Err(_) => self.traffic.unanswered(),
        }
        let read = answered.and_then(|read| read);
        if self.place.is_some() {
            self.ended.fetch_add(1, Ordering::Relaxed);
        }
        // A server's own error comes at the end of an answer, so that nothing of it is left in the connection.
        if read
            .as_ref()
            .err()
            .is_none_or(|error| server_code(error).is_some())
        {
            self.conn = busy.conn.take();
        }
        read.with_context(|| format!("reading {what}"))
    }

    /// Whether the server still answers on it.
    pub async fn is_alive(&mut self) -> bool {
        self.measure_round_trip().await.is_ok()
    }

    /// The round trip to the server, as far as it is known.
    pub fn round_trip(&self) -> Duration {
        self.traffic.round_trip.get().unwrap_or_default()
    }

    /// Measures the round trip if that was not done within `age`.
    ///
    /// # Errors
    /// As the server says.
    pub async fn renew_round_trip(&mut self, age: Duration) -> Result<()> {
        let last = self.traffic.round_trip.age();
        if last.is_none_or(|last| last >= age) {
            self.measure_round_trip().await?;
        }
        Ok(())
    }

    async fn measure_round_trip(&mut self) -> Result<()> {
        let mut fastest = Duration::MAX;
        for _ in 0..PINGS {
            let before = self.spent;
            let ping = self.each("the round trip", "SELECT 1", Params::Empty, |_| Ok(()));
            ping.await?;
            fastest = fastest.min((self.spent - before).elapsed);
        }
        self.traffic.round_trip.set(fastest);
        Ok(())
    }

    /// The time that the statements of this session have taken so far.
    pub fn time_spent(&self) -> TimeSpent {
        self.spent
    }

    /// The server's share of the time since `before`, which [`Self::time_spent`] gave. If it seems to be more than
    /// `expected`, the round trip is measured anew first: it may be the network that has become slower.
    ///
    /// # Errors
    /// As the server says.
    pub async fn server_time_since(
        &mut self,
        before: TimeSpent,
        expected: Duration,
    ) -> Result<Duration> {
        let spent = self.spent - before;
        if spent.server_time(self.round_trip()) > expected {
            self.renew_round_trip(RENEW_SOON).await?;
        }
        Ok(spent.server_time(self.round_trip()))
    }

    /// Lets the statements from now on take as long as this.
    ///
    /// # Errors
    /// What the server says.
    pub async fn allow(&mut self, limit: Duration) -> Result<()> {
        let set = session_limits(limit);
        self.each("the limits", &set, Params::Empty, |_| Ok(()))
            .await?;
        self.limit = limit + self.limits.grace;
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
        row: impl Fn(RowDecoder<'_>) -> Result<T>,
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

/// A connection while a statement runs on it. Dropped with it, by whatever has ended the wait, it is given up.
struct InFlight<'a> {
    conn: Option<Conn>,
    known: Option<ServerConnId>,
    watchdog: &'a Arc<Watchdog>,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if let Some(conn) = self.conn.take() {
            self.watchdog.abandon(conn, self.known.take());
        }
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
    rows: &'a AtomicU64,
    said: Instant,
}

impl<'a> Progress<'a> {
    fn new(what: &'a str, rows: &'a AtomicU64) -> Self {
        Self {
            what,
            rows,
            said: Instant::now(),
        }
    }

    fn row(&mut self) {
        let rows = self.rows.fetch_add(1, Ordering::Relaxed) + 1;
        if rows.is_multiple_of(PROGRESS_ROWS) && self.said.elapsed() >= PROGRESS {
            self.said = Instant::now();
            info!(rows, "reading {}: {rows} rows so far", self.what);
        }
    }
}
