//! Every wait has a limit, and an abandoned statement ends in the worker and on the server.

use crate::fixture::{Fixture, SOON, fixture_on, own_servers};
use anyhow::Result;
use mysql_async::Params;
use mysql_async::prelude::Queryable;
use nix::sys::signal::Signal;
use std::time::Duration;
use testkit::eventually::eventually;
use testkit::fault_proxy::{Direction, FaultProxy, Mode};
use testkit::process::Process;
use tokio::time::timeout;
use worker::mysql::connection::{Database, Limits, Session};
use worker::mysql::error::{ErrorKind, kind_of};

/// Runs longer than any test. Unlike SLEEP or a wait for a lock, it does not notice that its client has gone.
const ENDLESS: &str = "SELECT COUNT(*) FROM visitor_count a, visitor_count b, visitor_count c, visitor_count d \
                       WHERE a.visitor_id + b.visitor_id + c.visitor_id + d.visitor_id = -1";

/// Limits short enough to wait for.
const SHORT: Limits = Limits {
    grace: Duration::from_millis(100),
    watchdog_delay: Duration::from_millis(100),
    max_wait: Duration::from_millis(300),
};
/// Limits that never pass within a test.
const LONG: Limits = Limits {
    grace: Duration::from_secs(600),
    watchdog_delay: Duration::from_secs(600),
    max_wait: Duration::from_secs(600),
};

async fn number(session: &mut Session, sql: &str) -> Result<Option<u64>> {
    session
        .first("a number", sql, Params::Empty, |cells| cells.count(0))
        .await
}

async fn run(session: &mut Session, sql: &str) -> Result<()> {
    session
        .each("nothing", sql, Params::Empty, |_| Ok(()))
        .await
}

/// The number of the account's busy connections, and of all its connections.
async fn connections(fixture: &Fixture) -> (u64, u64) {
    let sql = format!(
        "SELECT COALESCE(SUM(COMMAND <> 'Sleep'), 0), COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = '{}'",
        fixture.user()
    );
    fixture
        .conn()
        .await
        .query_first(sql)
        .await
        .unwrap()
        .unwrap()
}

async fn await_running_statement(fixture: &Fixture) {
    eventually("a statement runs", SOON, async || {
        (connections(fixture).await.0 > 0).then_some(())
    })
    .await;
}

async fn await_no_connections(fixture: &Fixture) {
    eventually("no connection of the account is left", SOON, async || {
        (connections(fixture).await == (0, 0)).then_some(())
    })
    .await;
}

/// An answer after the limit is not taken for the answer to the next statement.
#[tokio::test]
async fn a_connection_with_an_abandoned_statement_is_not_reused() {
    let (mariadb, redis) = own_servers().await;
    let mut fixture = fixture_on(mariadb, redis).await;
    let proxy = FaultProxy::to(mariadb.port(), 1).await.unwrap();
    fixture.set("MYSQL_PORT", &proxy.port().to_string());
    let limits = Limits {
        grace: SHORT.grace,
        ..LONG
    };
    let database = Database::with_limits(&fixture.config().mysql, limits);
    let mut session = database.session(Duration::from_millis(100)).await.unwrap();
    proxy
        .set(Mode::Delay {
            by: Duration::from_millis(300),
            jitter: Duration::ZERO,
        })
        .await;
    let late = number(&mut session, "SELECT 1").await.unwrap_err();
    assert!(format!("{late:#}").contains("no answer within"), "{late:#}");
    proxy.set(Mode::Open).await;
    let next = number(&mut session, "SELECT 2").await;
    let next = next.expect_err("it would be the answer to the first");
    assert!(format!("{next:#}").contains("is lost"), "{next:#}");
    let mut session = database.session(SOON).await.unwrap();
    assert_eq!(number(&mut session, "SELECT 2").await.unwrap(), Some(2));
}

#[tokio::test]
async fn no_statement_outlives_its_limit_on_the_server() {
    let (mariadb, redis) = own_servers().await;
    let fixture = fixture_on(mariadb, redis).await;
    let database = Database::with_limits(&fixture.config().mysql, LONG);
    let mut session = database.session(Duration::from_millis(300)).await.unwrap();
    let error = run(&mut session, ENDLESS).await.unwrap_err();
    assert_eq!(kind_of(&error), Some(ErrorKind::TooLong), "{error:#}");
    assert_eq!(number(&mut session, "SELECT 2").await.unwrap(), Some(2));
}

/// A statement is abandoned at the worker's limit, by a dropped future, in the middle of a result, and with its
/// session.
#[tokio::test]
async fn an_abandoned_statement_does_not_run_on() {
    let (mariadb, redis) = own_servers().await;
    let fixture = fixture_on(mariadb, redis).await;
    let database = Database::with_limits(&fixture.config().mysql, SHORT);
    let endless = async || {
        let mut session = database.session(Duration::from_millis(500)).await.unwrap();
        let unlimited = match mariadb.is_mysql() {
            true => "SET max_execution_time = 0",
            false => "SET max_statement_time = 0",
        };
        run(&mut session, unlimited).await.unwrap();
        session
    };
    let mut session = endless().await;
    run(&mut session, ENDLESS).await.unwrap_err();
    await_no_connections(&fixture).await;

    let mut session = database.session(SOON).await.unwrap();
    let cancelled = timeout(Duration::from_millis(300), run(&mut session, ENDLESS));
    cancelled.await.unwrap_err();
    await_no_connections(&fixture).await;
    run(&mut session, "SELECT 1").await.unwrap_err();

    let mut session = database.session(SOON).await.unwrap();
    // Each row fills a packet and takes about a tenth of a second.
    let rows = "SELECT REPEAT('x', 20000), BENCHMARK(100000, SHA2('x', 512)) FROM visitor_count";
    let mut seen = 0;
    let first = session.each("rows", rows, Params::Empty, |_| {
        seen += 1;
        anyhow::bail!("that is enough")
    });
    first.await.unwrap_err();
    assert_eq!(seen, 1);
    await_no_connections(&fixture).await;

    let mut session = database.session(SOON).await.unwrap();
    let task = tokio::spawn(async move { run(&mut session, ENDLESS).await });
    await_running_statement(&fixture).await;
    task.abort();
    await_no_connections(&fixture).await;
}

/// The real process is stopped in the middle of a count and of two scans.
#[tokio::test]
async fn statements_end_with_their_worker() {
    let (mariadb, redis) = own_servers().await;
    let fixture = fixture_on(mariadb, redis).await;
    fixture
        .sql("RENAME TABLE visitor_count TO visits_away")
        .await;
    fixture.sql("CREATE VIEW visitor_count AS SELECT * FROM visits_away WHERE BENCHMARK(100000000000, SHA2(member_name, 512)) = 0").await;
    let mut process = Process::spawn("worker", &fixture.environment()).unwrap();
    await_running_statement(&fixture).await;
    process.signal(Signal::SIGTERM).unwrap();
    let status = process.wait_exit(SOON).await.unwrap();
    assert_eq!(status.code(), Some(0), "{}", process.log());
    await_no_connections(&fixture).await;
}

/// The worker asks the server whether it still runs the statement, so that a slow statement is not taken for a lost
/// one.
#[tokio::test]
async fn a_lost_answer_is_not_awaited_until_the_limit() {
    let (mariadb, redis) = own_servers().await;
    let mut fixture = fixture_on(mariadb, redis).await;
    let proxy = FaultProxy::to(mariadb.port(), 1).await.unwrap();
    fixture.set("MYSQL_PORT", &proxy.port().to_string());
    let limits = Limits {
        watchdog_delay: SHORT.watchdog_delay,
        ..LONG
    };
    let database = Database::with_limits(&fixture.config().mysql, limits);
    let mut session = database.session(SOON).await.unwrap();
    let slow = "SELECT SLEEP(3) + 7";
    assert_eq!(number(&mut session, slow).await.unwrap(), Some(7));
    for mode in [
        Mode::BlackHole,
        Mode::Drop(Direction::Up),
        Mode::Drop(Direction::Down),
    ] {
        let mut session = database.session(SOON).await.unwrap();
        proxy.set(mode).await;
        let mut query = std::pin::pin!(number(&mut session, "SELECT 7"));
        let unknown = timeout(Duration::from_secs(1), query.as_mut()).await;
        assert!(unknown.is_err(), "{mode:?}: not known yet: {unknown:?}");
        proxy.set(Mode::Open).await;
        let lost = timeout(SOON, query).await.expect("the wait ends");
        let lost = format!("{:#}", lost.unwrap_err());
        assert!(
            lost.contains("no longer runs the statement"),
            "{mode:?}: {lost}"
        );
    }
    // The server has restarted: it no longer knows the connection, even if its number is in use again.
    let mut session = database.session(SOON).await.unwrap();
    proxy.break_connections(Mode::BlackHole).await;
    mariadb.kill().await.unwrap();
    mariadb.start_again().await.unwrap();
    let lost = timeout(SOON, number(&mut session, "SELECT 7")).await;
    lost.expect("the wait ends").unwrap_err();
}

/// A wait that ends names what it waited for. A wait goes on while the statements of the others still end.
#[tokio::test]
async fn every_wait_has_a_limit() {
    let (mariadb, redis) = own_servers().await;
    let mut fixture = fixture_on(mariadb, redis).await;
    fixture.set("MYSQL_POOL_LIMIT", "3");
    // Longer than a statement takes on a busy machine.
    let max_wait = Duration::from_secs(1);
    let limits = Limits { max_wait, ..LONG };
    let database = Database::with_limits(&fixture.config().mysql, limits);
    let mut first = database.session(SOON).await.unwrap();
    let mut second = database.session(SOON).await.unwrap();
    let place = timeout(SOON, database.session(SOON))
        .await
        .expect("a limit");
    let place = place.err().unwrap().to_string();
    assert!(place.contains("a free MySQL connection"), "{place}");
    first.acquire_read_slot().await.unwrap();
    let turn = timeout(SOON, second.acquire_read_slot())
        .await
        .expect("a limit");
    let turn = turn.unwrap_err().to_string();
    assert!(turn.contains("the read slot"), "{turn}");

    // While statements end, the wait goes on.
    let busy = tokio::spawn(async move {
        let began = std::time::Instant::now();
        while began.elapsed() < max_wait * 5 {
            run(&mut first, "SELECT 1").await.unwrap();
        }
    });
    second.acquire_read_slot().await.unwrap();
    assert!(busy.is_finished(), "the read slot was released early");
    let third = database.session(SOON).await.unwrap();
    drop((second, third));
    // The fast loop has its own connection.
    database.reserved_session(SOON).await.unwrap();
}
