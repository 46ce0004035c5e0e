//! Opens connections to the database and adds the time limits that the driver lacks.
//!
//! A statement has a time limit on the server, and a slightly longer one here. When the limit here passes, the
//! connection is abandoned, because it would return the result of the abandoned statement to the next one. The watchdog
//! KILLs the statement on the server.

use crate::config::{Mysql, Tls};
use crate::mysql::error::{catch_panic, is_connection_lost, server_code};
use crate::mysql::metrics::MysqlMetrics;
use crate::mysql::remedy;
use crate::mysql::round_trip::TimeSpent;
use crate::mysql::row::RowDecoder;
use crate::mysql::statement::{
    InFlight, Progress, into_anyhow, must_be_prepared_again, session_state,
};
use crate::mysql::tls;
use crate::mysql::watchdog::{ServerConnId, Watchdog};
use anyhow::{Context, Result, anyhow, bail};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts, OptsBuilder, Params};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

/// A reachable server answers within milliseconds; a lost packet is resent within 3 s.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Time limit of a statement that reads a whole table: millions of rows take seconds.
pub const FULL_SCAN_LIMIT: Duration = Duration::from_secs(600);
/// How long a stop waits until abandoned statements are killed. That takes one connection and one statement.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);
/// A round trip measurement is valid for this long: routes change rarely.
pub const RENEW_ROUND_TRIP: Duration = Duration::from_secs(5);
/// The same after a statement that took longer than expected: the network may have become slower.
const RENEW_SOON: Duration = Duration::from_secs(1);
/// The measurement is the fastest of this many pings, so that a lost packet or a busy core does not distort it.
const PINGS: u32 = 3;

/// Limits for waits that have none of their own. They are fields, so that tests can use shorter ones.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How much longer than the server we wait for a statement, so that the server's error message can arrive.
    pub grace: Duration,
    /// After this time without a response, the watchdog asks the server whether it still runs the statement.
    pub watchdog_delay: Duration,
    /// How long to wait for a connection permit or the read slot while no statement of the sessions that hold one ends.
    pub max_wait: Duration,
}

impl Limits {
    /// For production. Few statements take 1 s, so the watchdog starts then. The longest allowed statement has
    /// [`FULL_SCAN_LIMIT`], and the pause after it lasts seconds, so 15 minutes without an end mean a stuck session.
    pub const USUAL: Self = Self {
        grace: Duration::from_secs(5),
        watchdog_delay: Duration::from_secs(1),
        max_wait: Duration::from_secs(15 * 60),
    };
}

/// Opens sessions. There is no idle pool: each scan uses one connection for all its statements, the fast loop another.
pub struct Database {
    options: Opts,
    limits: Limits,
    /// One permit for each connection except the fast loop's.
    connection_permits: Arc<Semaphore>,
    /// How many connection permits there are.
    permit_count: u32,
    /// One permit. Scans take it in turn: one reads while the other pauses.
    read_slots: Arc<Semaphore>,
    /// Statements that have ended on connections with a permit.
    statements_ended: Arc<AtomicU64>,
    watchdog: Arc<Watchdog>,
    metrics: MysqlMetrics,
    tls: Tls,
    address: String,
}

impl Database {
    /// Does not open a connection yet.
    pub fn new(config: &Mysql) -> Self {
        Self::with_limits(config, Limits::USUAL)
    }

    /// Like [`Self::new`], with other limits.
    pub fn with_limits(config: &Mysql, limits: Limits) -> Self {
        let options: Opts = OptsBuilder::default()
            .ip_or_hostname(config.host.clone())
            .tcp_port(config.port)
            .socket(config.socket.clone())
            .user(Some(config.user.clone()))
            .pass(Some(config.password.clone()))
            .db_name(Some(config.database.clone()))
            // Use the configured address, not another socket that the server may announce.
            .prefer_socket(false)
            .tcp_keepalive(Some(Duration::from_secs(30)))
            .ssl_opts(tls::options(config))
            .into();
        let permit_count = u32::try_from(config.pool_limit - 1).expect("the limit is 100 at most");
        Self {
            watchdog: Arc::new(Watchdog::new(options.clone())),
            options,
            limits,
            connection_permits: Arc::new(Semaphore::new(config.pool_limit - 1)),
            permit_count,
            read_slots: Arc::new(Semaphore::new(1)),
            statements_ended: Arc::new(AtomicU64::new(0)),
            metrics: MysqlMetrics::default(),
            tls: config.tls,
            address: match config.socket {
                Some(_) => format!("{}, database {}", config.address(), config.database),
                None => format!("{}/{}", config.address(), config.database),
            },
        }
    }

    /// Counts statements, rows and errors in `metrics`.
    pub fn counting(self, metrics: MysqlMetrics) -> Self {
        Self { metrics, ..self }
    }

    /// Host and port or socket, and database, for logs.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Opens a connection on which the server ends every statement after `limit`.
    ///
    /// # Errors
    /// If no connection opens within 5 s, or all connection permits are taken and no statement on them ends any more.
    pub async fn session(&self, limit: Duration) -> Result<Session> {
        let what = "a free MySQL connection";
        let max_wait = self.limits.max_wait;
        let permit = wait_for(
            what,
            &self.connection_permits,
            &self.statements_ended,
            max_wait,
        );
        self.open(limit, Some(permit.await?)).await
    }

    /// Like [`Self::session`], without waiting for a connection permit. For the fast loop, which opens one such
    /// connection at a time.
    ///
    /// # Errors
    /// If no connection opens within 5 s.
    pub async fn reserved_session(&self, limit: Duration) -> Result<Session> {
        self.open(limit, None).await
    }

    async fn open(
        &self,
        limit: Duration,
        connection_permit: Option<OwnedSemaphorePermit>,
    ) -> Result<Session> {
        let open = async {
            let mut conn = Conn::new(self.options.clone()).await?;
            let sent = Instant::now();
            conn.query_drop(session_state(limit)).await?;
            // The server has almost nothing to do, so the time is the network's.
            let round_trip = sent.elapsed();
            let server_id = ServerConnId::query(&mut conn).await?;
            Ok::<_, mysql_async::Error>((conn, server_id, round_trip))
        };
        let opened = timeout(CONNECT_LIMIT, catch_panic(Box::pin(open))).await;
        let opened =
            opened.map_err(|_| anyhow!("no connection within {} s", CONNECT_LIMIT.as_secs()));
        let opened = opened.and_then(|opened| opened?.map_err(into_anyhow));
        let opened = opened.map_err(|error| remedy::with_remedy(error, self.tls));
        let opened = opened.inspect_err(|error| self.metrics.connection_failed(error));
        let (conn, server_id, round_trip) =
            opened.with_context(|| format!("connecting to MySQL at {}", self.address))?;
        let measured = &self.metrics.round_trip;
        if measured.age().is_none_or(|age| age >= RENEW_ROUND_TRIP) {
            measured.set(round_trip);
        } else {
            measured.lower_to(round_trip);
        }
        Ok(Session {
            conn: Some(conn),
            server_id,
            statement_limit: limit + self.limits.grace,
            limits: self.limits,
            watchdog: self.watchdog.clone(),
            read_slots: self.read_slots.clone(),
            statements_ended: self.statements_ended.clone(),
            metrics: self.metrics.clone(),
            spent: TimeSpent::default(),
            read_slot: None,
            connection_permit,
        })
    }

    /// Kills abandoned statements on the server, if that is quick. No session can be opened after this.
    pub async fn close(&self) {
        let closed = timeout(CLOSE_LIMIT, async {
            // A session that is stopped during a statement returns its permit after it has abandoned the statement.
            let all = self
                .connection_permits
                .acquire_many(self.permit_count)
                .await;
            self.connection_permits.close();
            drop(all);
            self.watchdog.close().await;
        });
        // The process ends anyway; statements that are left have their limit on the server.
        drop(closed.await);
    }
}

/// Waits for one of `permits`. Fails if `statements_ended` does not rise for `max_wait`.
async fn wait_for(
    what: &str,
    permits: &Arc<Semaphore>,
    statements_ended: &AtomicU64,
    max_wait: Duration,
) -> Result<OwnedSemaphorePermit> {
    let mut permit = pin!(permits.clone().acquire_owned());
    loop {
        let before = statements_ended.load(Ordering::Relaxed);
        if let Ok(permit) = timeout(max_wait, permit.as_mut()).await {
            return Ok(permit?);
        }
        if statements_ended.load(Ordering::Relaxed) == before {
            let seconds = max_wait.as_secs_f32();
            bail!(
                "waiting for {what}: no statement of the sessions that hold it has ended for {seconds} s"
            );
        }
    }
}

/// One connection. After a failure that may have left a response unread, the connection is closed and every further
/// statement fails.
pub struct Session {
    conn: Option<Conn>,
    server_id: Option<ServerConnId>,
    statement_limit: Duration,
    limits: Limits,
    watchdog: Arc<Watchdog>,
    read_slots: Arc<Semaphore>,
    statements_ended: Arc<AtomicU64>,
    metrics: MysqlMetrics,
    spent: TimeSpent,
    read_slot: Option<OwnedSemaphorePermit>,
    connection_permit: Option<OwnedSemaphorePermit>,
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(conn) = self.conn.take() {
            self.watchdog
                .disconnect(conn, self.connection_permit.take());
        }
    }
}

impl Session {
    /// Waits for the read slot and holds it until [`Self::release_read_slot`] or the end of the session. One session
    /// holds it at a time and releases it after a statement.
    ///
    /// # Errors
    /// If no statement of the other sessions ends any more.
    pub async fn acquire_read_slot(&mut self) -> Result<()> {
        if self.read_slot.is_none() {
            let max_wait = self.limits.max_wait;
            let slot = wait_for(
                "the read slot",
                &self.read_slots,
                &self.statements_ended,
                max_wait,
            );
            self.read_slot = Some(slot.await?);
        }
        Ok(())
    }

    /// Lets another session take the read slot.
    pub fn release_read_slot(&mut self) {
        self.read_slot = None;
    }

    /// Runs `sql` and calls `on_row` for each row. `what` names what is read, in errors and in progress logs.
    ///
    /// # Errors
    /// If the server returns an error, `on_row` fails, the connection breaks, or the time limit passes.
    pub async fn each(
        &mut self,
        what: &str,
        sql: &str,
        params: Params,
        mut on_row: impl FnMut(RowDecoder<'_>) -> Result<()>,
    ) -> Result<()> {
        let conn = self.conn.take();
        let conn = conn.with_context(|| format!("reading {what}: the connection is lost"))?;
        let mut in_flight = InFlight {
            conn: Some(conn),
            server_id: self.server_id.clone(),
            watchdog: &self.watchdog,
        };
        self.metrics.statements.inc();
        let arrived = AtomicU64::new(0);
        let mut progress = Progress::new(what, &arrived);
        let mut sent = None;
        let read = async {
            let conn = in_flight.conn.as_mut().context("the connection is lost")?;
            // Prepared once per connection, which costs one more round trip.
            let mut statement = conn.prep(sql).await.map_err(into_anyhow)?;
            sent = Some(Instant::now());
            let mut rows = conn.exec_iter(&statement, params.clone()).await;
            if rows.as_ref().is_err_and(must_be_prepared_again) {
                drop(rows);
                conn.close(statement).await.map_err(into_anyhow)?;
                statement = conn.prep(sql).await.map_err(into_anyhow)?;
                rows = conn.exec_iter(&statement, params).await;
            }
            let mut rows = rows.map_err(into_anyhow)?;
            while let Some(row) = rows.next().await.map_err(into_anyhow)? {
                on_row(RowDecoder(&row))?;
                progress.count_row();
            }
            Ok::<_, anyhow::Error>(())
        };
        let server_id = self.server_id.as_ref();
        let outcome = tokio::select! {
            biased;
            read = timeout(self.statement_limit, catch_panic(Box::pin(read))) => {
                let late = |_| anyhow!("no answer within {} s", self.statement_limit.as_secs());
                read.map_err(late).map(|read| read.and_then(|read| read))
            }
            () = self.watchdog.wait_until_lost(server_id, self.limits.watchdog_delay, &arrived) => {
                Err(anyhow!("the server no longer runs the statement, and no answer has arrived"))
            }
        };
        self.metrics.rows.inc_by(arrived.load(Ordering::Relaxed));
        if let Some(sent) = sent {
            let elapsed = sent.elapsed();
            self.spent.elapsed += elapsed;
            self.spent.statements += 1;
            if matches!(outcome, Ok(Ok(()))) {
                self.metrics.round_trip.lower_to(elapsed);
            }
        }
        match &outcome {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.metrics.statement_failed(error),
            Err(_) => self.metrics.statement_unanswered(),
        }
        let read = outcome.and_then(|read| read);
        let read = read.map_err(remedy::of_statement);
        if self.connection_permit.is_some() {
            self.statements_ended.fetch_add(1, Ordering::Relaxed);
        }
        // An error of the server ends its response, so nothing unread is left in the connection.
        if read
            .as_ref()
            .err()
            .is_none_or(|error| server_code(error).is_some() && !is_connection_lost(error))
        {
            self.conn = in_flight.conn.take();
        }
        read.with_context(|| format!("reading {what}"))
    }

    /// Whether the server still answers on this connection.
    pub async fn is_alive(&mut self) -> bool {
        self.measure_round_trip().await.is_ok()
    }

    /// The last measured round trip to the server; zero before the first measurement.
    pub fn round_trip(&self) -> Duration {
        self.metrics.round_trip.get().unwrap_or_default()
    }

    /// Measures the round trip if the last measurement is older than `age`.
    ///
    /// # Errors
    /// If the server does not answer.
    pub async fn renew_round_trip(&mut self, age: Duration) -> Result<()> {
        let last = self.metrics.round_trip.age();
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
        self.metrics.round_trip.set(fastest);
        Ok(())
    }

    /// The time that the statements of this session have taken so far.
    pub fn time_spent(&self) -> TimeSpent {
        self.spent
    }

    /// The time for which the server has worked since `before`, an earlier result of [`Self::time_spent`]. If it seems
    /// to be more than `expected`, measures the round trip again first: the network may have become slower.
    ///
    /// # Errors
    /// If the server does not answer.
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

    /// Sets the time limit of all further statements.
    ///
    /// # Errors
    /// If the server does not accept it.
    pub async fn allow(&mut self, limit: Duration) -> Result<()> {
        let set = session_state(limit);
        self.each("the limits", &set, Params::Empty, |_| Ok(()))
            .await?;
        self.statement_limit = limit + self.limits.grace;
        Ok(())
    }

    /// Runs `sql` and returns its first row, decoded by `decode`; `None` if there is no row.
    ///
    /// # Errors
    /// As [`Self::each`].
    pub async fn first<T>(
        &mut self,
        what: &str,
        sql: &str,
        params: Params,
        decode: impl Fn(RowDecoder<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        let mut found = None;
        self.each(what, sql, params, |row| {
            if found.is_none() {
                found = Some(decode(row)?);
            }
            Ok(())
        })
        .await?;
        Ok(found)
    }
}
