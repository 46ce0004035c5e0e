//! What is waited for has a limit, and what was given up is over: here and on the server, for ever.

use crate::fixture::{SOON, Site, own_servers, site_on};
use anyhow::Result;
use mysql_async::Params;
use mysql_async::prelude::Queryable;
use nix::sys::signal::Signal;
use std::time::Duration;
use testkit::eventually::eventually;
use testkit::process::Process;
use testkit::road::{Direction, Mode, Road};
use tokio::time::timeout;
use worker::mysql::connection::{Database, Limits, Session};
use worker::mysql::error::{ErrorKind, refusal};

/// Busy for longer than any test; unlike SLEEP or the wait for a lock it does not notice that its client has gone.
const ENDLESS: &str = "SELECT COUNT(*) FROM seq_1_to_100000000000000 WHERE seq MOD 2 = 3";

/// Small enough to be waited for.
const SHORT: Limits = Limits {
    grace: Duration::from_millis(100),
    watchdog_delay: Duration::from_millis(100),
    max_wait: Duration::from_millis(300),
};
/// Those that are not tried are out of the way.
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

fn account(site: &Site) -> String {
    let environment = site.environment();
    let user = environment.iter().find(|(name, _)| *name == "MYSQL_USER");
    user.unwrap().1.clone()
}

/// The account's connections that are not idle, of all that there are.
async fn connections(site: &Site) -> (u64, u64) {
    let sql = format!(
        "SELECT COALESCE(SUM(COMMAND <> 'Sleep'), 0), COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = '{}'",
        account(site)
    );
    site.conn().await.query_first(sql).await.unwrap().unwrap()
}

async fn runs(site: &Site) {
    eventually("a statement runs", SOON, async || {
        (connections(site).await.0 > 0).then_some(())
    })
    .await;
}

async fn nothing_is_left(site: &Site) {
    eventually("no connection of the account is left", SOON, async || {
        (connections(site).await == (0, 0)).then_some(())
    })
    .await;
}

/// An answer that comes after its limit is nobody's answer.
#[tokio::test]
async fn a_connection_with_an_abandoned_statement_is_not_reused() {
    let (mariadb, redis) = own_servers().await;
    let mut site = site_on(mariadb, redis).await;
    let road = Road::to(mariadb.port(), 1).await.unwrap();
    site.set("MYSQL_PORT", &road.port().to_string());
    let limits = Limits {
        grace: SHORT.grace,
        ..LONG
    };
    let database = Database::with_limits(&site.config().mysql, limits);
    let mut session = database.session(Duration::from_millis(100)).await.unwrap();
    road.set(Mode::Delay {
        by: Duration::from_millis(300),
        jitter: Duration::ZERO,
    })
    .await;
    let late = number(&mut session, "SELECT 1").await.unwrap_err();
    assert!(format!("{late:#}").contains("no answer within"), "{late:#}");
    road.set(Mode::Open).await;
    let next = number(&mut session, "SELECT 2").await;
    let next = next.expect_err("it would be the answer to the first");
    assert!(format!("{next:#}").contains("is lost"), "{next:#}");
    let mut session = database.session(SOON).await.unwrap();
    assert_eq!(number(&mut session, "SELECT 2").await.unwrap(), Some(2));
}

#[tokio::test]
async fn no_statement_outlives_its_limit_on_the_server() {
    let (mariadb, redis) = own_servers().await;
    let site = site_on(mariadb, redis).await;
    let database = Database::with_limits(&site.config().mysql, LONG);
    let mut session = database.session(Duration::from_millis(300)).await.unwrap();
    let error = run(&mut session, ENDLESS).await.unwrap_err();
    assert_eq!(refusal(&error), Some(ErrorKind::TooLong), "{error:#}");
    assert_eq!(number(&mut session, "SELECT 2").await.unwrap(), Some(2));
}

/// By the limit here, by whoever waits for it, in the middle of an answer, and with the session.
#[tokio::test]
async fn an_abandoned_statement_does_not_run_on() {
    let (mariadb, redis) = own_servers().await;
    let site = site_on(mariadb, redis).await;
    let database = Database::with_limits(&site.config().mysql, SHORT);
    let endless = async || {
        let mut session = database.session(Duration::from_millis(500)).await.unwrap();
        run(&mut session, "SET max_statement_time = 0")
            .await
            .unwrap();
        session
    };
    let mut session = endless().await;
    run(&mut session, ENDLESS).await.unwrap_err();
    nothing_is_left(&site).await;

    let mut session = database.session(SOON).await.unwrap();
    let cancelled = timeout(Duration::from_millis(300), run(&mut session, ENDLESS));
    cancelled.await.unwrap_err();
    nothing_is_left(&site).await;
    run(&mut session, "SELECT 1").await.unwrap_err();

    let mut session = database.session(SOON).await.unwrap();
    let rows = "SELECT seq, BENCHMARK(seq * 100000, SHA2('x', 512)) FROM seq_1_to_1000000";
    let mut seen = 0;
    let first = session.each("rows", rows, Params::Empty, |_| {
        seen += 1;
        anyhow::bail!("that is enough")
    });
    first.await.unwrap_err();
    assert_eq!(seen, 1);
    nothing_is_left(&site).await;

    let mut session = database.session(SOON).await.unwrap();
    let task = tokio::spawn(async move { run(&mut session, ENDLESS).await });
    runs(&site).await;
    task.abort();
    nothing_is_left(&site).await;
}

/// The real process, stopped in the middle of a count and of two passes.
#[tokio::test]
async fn statements_end_with_their_worker() {
    let (mariadb, redis) = own_servers().await;
    let site = site_on(mariadb, redis).await;
    site.sql("RENAME TABLE visitor_count TO visits_away").await;
    site.sql("CREATE VIEW visitor_count AS SELECT * FROM visits_away WHERE BENCHMARK(100000000000, SHA2(member_name, 512)) = 0").await;
    let mut process = Process::spawn("worker", &site.environment()).unwrap();
    runs(&site).await;
    process.signal(Signal::SIGTERM).unwrap();
    let status = process.wait_exit(SOON).await.unwrap();
    assert_eq!(status.code(), Some(0), "{}", process.log());
    nothing_is_left(&site).await;
}

/// The server is asked whether it still runs the statement: slow is not lost.
#[tokio::test]
async fn a_lost_answer_is_not_awaited_until_the_limit() {
    let (mariadb, redis) = own_servers().await;
    let mut site = site_on(mariadb, redis).await;
    let road = Road::to(mariadb.port(), 1).await.unwrap();
    site.set("MYSQL_PORT", &road.port().to_string());
    let limits = Limits {
        watchdog_delay: SHORT.watchdog_delay,
        ..LONG
    };
    let database = Database::with_limits(&site.config().mysql, limits);
    let mut session = database.session(SOON).await.unwrap();
    let slow = "SELECT SLEEP(3) + 7";
    assert_eq!(number(&mut session, slow).await.unwrap(), Some(7));
    for mode in [
        Mode::BlackHole,
        Mode::Drop(Direction::Up),
        Mode::Drop(Direction::Down),
    ] {
        let mut session = database.session(SOON).await.unwrap();
        road.set(mode).await;
        let mut asked = std::pin::pin!(number(&mut session, "SELECT 7"));
        let unknown = timeout(Duration::from_secs(1), asked.as_mut()).await;
        assert!(
            unknown.is_err(),
            "{mode:?}: nobody can tell yet: {unknown:?}"
        );
        road.set(Mode::Open).await;
        let lost = timeout(SOON, asked).await.expect("it is given up");
        let lost = format!("{:#}", lost.unwrap_err());
        assert!(
            lost.contains("does not run it any more"),
            "{mode:?}: {lost}"
        );
    }
    // The server has started anew: it knows the connection no more, whatever has its number now.
    let mut session = database.session(SOON).await.unwrap();
    road.strike(Mode::BlackHole).await;
    mariadb.kill().await.unwrap();
    mariadb.start_again().await.unwrap();
    let lost = timeout(SOON, number(&mut session, "SELECT 7")).await;
    lost.expect("it is given up").unwrap_err();
}

/// Whoever waits says for what, and waits no longer than those who have it come on.
#[tokio::test]
async fn every_wait_has_a_limit() {
    let (mariadb, redis) = own_servers().await;
    let mut site = site_on(mariadb, redis).await;
    site.set("MYSQL_POOL_LIMIT", "3");
    let limits = Limits {
        max_wait: SHORT.max_wait,
        ..LONG
    };
    let database = Database::with_limits(&site.config().mysql, limits);
    let mut first = database.session(SOON).await.unwrap();
    let mut second = database.session(SOON).await.unwrap();
    let place = timeout(SOON, database.session(SOON))
        .await
        .expect("a limit");
    let place = place.err().unwrap().to_string();
    assert!(place.contains("a place among the connections"), "{place}");
    first.acquire_read_slot().await.unwrap();
    let turn = timeout(SOON, second.acquire_read_slot())
        .await
        .expect("a limit");
    let turn = turn.unwrap_err().to_string();
    assert!(turn.contains("the turn to read"), "{turn}");

    // As long as statements end it is waited for.
    let busy = tokio::spawn(async move {
        let began = std::time::Instant::now();
        while began.elapsed() < SHORT.max_wait * 5 {
            run(&mut first, "SELECT 1").await.unwrap();
        }
    });
    second.acquire_read_slot().await.unwrap();
    assert!(busy.is_finished(), "the turn was given away");
    let third = database.session(SOON).await.unwrap();
    drop((second, third));
    // The fast loop waits for nobody.
    database.reserved_session(SOON).await.unwrap();
}
