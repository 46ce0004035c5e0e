//! Servers with other settings than the usual: read-only, with TLS only, with names in lower case. And what a server
//! says about our statements.

use crate::fixture::{Fixture, SOON, fixture_on, own, own_servers};
use mysql_async::Params;
use mysql_async::prelude::Queryable;
use testkit::certificates::Authority;
use testkit::eventually::eventually;
use testkit::mariadb::{MariaDb, MariaDbOptions};
use testkit::oracle::Names;
use testkit::process::Process;
use testkit::server::shared_redis;
use tokio::time::{Duration, sleep};
use worker::mysql::connection::Database;

/// A small library on a server with more flags.
async fn fixture_with(flags: Vec<String>) -> Fixture {
    let options = MariaDbOptions {
        extra: flags,
        ..MariaDbOptions::default()
    };
    let mariadb = MariaDb::start(&options).await.unwrap();
    fixture_on(own(mariadb), shared_redis().await).await
}

#[tokio::test]
async fn a_replica_that_demands_tls_is_read() {
    let authority = Authority::new().unwrap();
    let issued = authority.issue("IP:127.0.0.1").unwrap();
    let mut fixture = fixture_with(vec![
        format!("--ssl-cert={}", issued.certificate.display()),
        format!("--ssl-key={}", issued.key.display()),
    ])
    .await;
    let total = fixture.true_total().await;
    let read_only = match fixture.mariadb.is_mysql() {
        true => "SET GLOBAL super_read_only = ON",
        false => "SET GLOBAL read_only = ON",
    };
    for set in [read_only, "SET GLOBAL require_secure_transport = ON"] {
        fixture.mariadb.execute(None, set).await.unwrap();
    }
    let database = Database::new(&fixture.config().mysql);
    let refused = format!("{:#}", database.session(SOON).await.err().unwrap());
    assert!(refused.contains("MYSQL_TLS"), "{refused}");
    fixture.set("MYSQL_TLS", "required");
    fixture.refresh().await.unwrap();
    fixture.assert_all(Names::Full).await;
    let running = fixture.start();
    fixture.await_total(total).await;
    running.stop().await;
}

#[tokio::test]
async fn names_in_lower_case_are_found_however_the_database_is_written() {
    let mut fixture = fixture_with(vec!["--lower-case-table-names=1".to_owned()]).await;
    fixture.set("MYSQL_DATABASE", &fixture.database.to_uppercase());
    fixture.refresh().await.unwrap();
    fixture.assert_all(Names::Full).await;
}

/// MySQL warns of what its next version will refuse.
#[tokio::test]
async fn mysql_warns_of_no_statement() {
    let (mariadb, redis) = own_servers().await;
    if !mariadb.is_mysql() {
        return;
    }
    let fixture = fixture_on(mariadb, redis).await;
    // It also warns of utf8mb3, whenever a statement compares with a column that has it.
    for table in [
        "visitor_count",
        "member",
        "loan",
        "loan_history",
        "item",
        "biblio",
    ] {
        fixture
            .sql(&format!(
                "ALTER TABLE {table} CONVERT TO CHARACTER SET utf8mb4"
            ))
            .await;
    }
    fixture.refresh().await.unwrap();
    let running = fixture.start();
    fixture.await_total(fixture.true_total().await).await;
    running.stop().await;
    fixture.check().await;
    let sql = format!(
        "SELECT error_name FROM performance_schema.events_errors_summary_by_user_by_error \
         WHERE user = '{}' AND error_name LIKE '%DEPRECATED%' AND sum_error_raised > 0",
        fixture.user()
    );
    let warnings: Vec<String> = fixture.conn().await.query(sql).await.unwrap();
    assert_eq!(warnings, [""; 0]);
}

/// MySQL says so before it closes an idle connection. That is no answer to the next statement.
#[tokio::test]
async fn an_idle_connection_that_the_server_closed_is_lost() {
    let (mariadb, redis) = own_servers().await;
    let fixture = fixture_on(mariadb, redis).await;
    let database = Database::new(&fixture.config().mysql);
    let mut session = database.session(SOON).await.unwrap();
    let set = "SET SESSION wait_timeout = 1";
    let read = session.each("the time-out", set, Params::Empty, |_| Ok(()));
    read.await.unwrap();
    sleep(Duration::from_secs(3)).await;
    let read = session.first("one", "SELECT 1", Params::Empty, |row| row.count(0));
    read.await.unwrap_err();
    let read = session.first("one", "SELECT 1", Params::Empty, |row| row.count(0));
    let error = format!("{:#}", read.await.unwrap_err());
    assert!(error.contains("the connection is lost"), "{error}");
}

/// Its connection is closed between two ticks, as proxies do, and again and again.
#[tokio::test]
async fn a_connection_that_was_closed_while_idle_costs_no_tick() {
    let (mariadb, redis) = own_servers().await;
    let mut fixture = fixture_on(mariadb, redis).await;
    fixture.set("VISITOR_SYNC_MIN_INTERVAL_MS", "1000");
    let worker = Process::spawn("worker", &fixture.environment()).unwrap();
    fixture.await_all().await;
    for _ in 0..3 {
        let before = eventually("a count", SOON, async || {
            fixture.stored("visitors:today:count").await
        })
        .await;
        mariadb.kill_connections(&fixture.user()).await.unwrap();
        eventually("the next count", SOON, async || {
            let count = fixture.stored("visitors:today:count").await?;
            (count != before).then_some(())
        })
        .await;
    }
    let log = worker.log();
    assert!(!log.contains("cannot count"), "{log}");
}
