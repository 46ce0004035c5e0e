//! Servers with other settings or without answers: the numbers are the same, and faults are reported.

use crate::fixture::{Fixture, SOON, fixture_on, own_servers};
use crate::recorder::Recorder;
use fred::interfaces::KeysInterface;
use mysql_async::prelude::Queryable as _;
use std::time::Duration;
use testkit::eventually::eventually;
use testkit::mariadb::shared_mariadb;
use testkit::oracle::Names;
use testkit::schema::{Engine, Shape};
use tokio::time::sleep;

const NOW: &str = "2025-09-23T10:00:00";

/// Everything that can change the rows or the values of a statement, and that an account cannot prevent.
const HOSTILE_VARIABLES: [&str; 9] = [
    "autocommit = 0",
    "sql_select_limit = 2",
    "sql_big_selects = 0",
    "max_join_size = 10",
    "sql_auto_is_null = 1",
    "max_sort_length = 8",
    "tx_isolation = 'READ-UNCOMMITTED'",
    "sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES,HIGH_NOT_PRECEDENCE,PAD_CHAR_TO_FULL_LENGTH,\
     EMPTY_STRING_IS_NULL,NO_UNSIGNED_SUBTRACTION,TIME_ROUND_FRACTIONAL,STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE'",
    "init_connect = 'SET NAMES latin1'",
];

#[tokio::test]
async fn global_variables_do_not_matter() {
    let (mariadb, redis) = own_servers().await;
    let fixture = fixture_on(mariadb, redis).await;
    for table in ["visitor_count", "member", "loan", "item", "biblio"] {
        fixture
            .sql(&format!("ALTER TABLE {table} ENGINE = InnoDB"))
            .await;
    }
    for variable in HOSTILE_VARIABLES {
        let mut set = format!("SET GLOBAL {variable}");
        if mariadb.is_mysql() {
            set = set
                .replace("tx_isolation", "transaction_isolation")
                .replace("EMPTY_STRING_IS_NULL,", "")
                .replace("TIME_ROUND_FRACTIONAL", "TIME_TRUNCATE_FRACTIONAL");
        }
        mariadb.execute(None, &set).await.unwrap();
    }
    fixture.refresh().await.unwrap();
    fixture.assert_all(Names::Full).await;
    let running = fixture.start();
    fixture.await_total(fixture.true_total().await).await;
    // New sessions of the owner commit again. The worker's sessions are older.
    mariadb
        .execute(None, "SET GLOBAL autocommit = 1")
        .await
        .unwrap();
    // Visits that are not committed do not count.
    let mut uncommitted = fixture.conn().await;
    uncommitted.query_drop("START TRANSACTION").await.unwrap();
    let insert = "INSERT INTO visitor_count (member_name, checkin_date) VALUES ('Tamu', '2025-09-23 10:00:02')";
    uncommitted.query_drop(insert).await.unwrap();
    for _ in 0..3 {
        fixture.sql("INSERT INTO visitor_count (member_name, checkin_date) VALUES ('Tamu', '2025-09-23 10:00:01')")
            .await;
        fixture.await_total(committed_total(&fixture).await).await;
    }
    drop(uncommitted);
    running.stop().await;
}

/// Today's visits, read in a session that sees committed rows only.
async fn committed_total(fixture: &Fixture) -> u64 {
    let mut conn = fixture.conn().await;
    let level = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";
    conn.query_drop(level).await.unwrap();
    let sql = "SELECT COUNT(*) FROM visitor_count WHERE LEFT(checkin_date, 10) = '2025-09-23'";
    conn.query_first(sql).await.unwrap().unwrap()
}

/// The server closes idle connections after a second, as hosts do after some seconds: no tick fails.
#[tokio::test]
async fn a_short_wait_timeout_fails_no_tick() {
    let (mariadb, redis) = own_servers().await;
    let mut fixture = fixture_on(mariadb, redis).await;
    mariadb
        .execute(None, "SET GLOBAL wait_timeout = 1")
        .await
        .unwrap();
    fixture.set("VISITOR_SYNC_MIN_INTERVAL_MS", "2500");
    let running = fixture.start();
    let recorder = Recorder::subscribe(&fixture, "visitors:today").await;
    eventually("three counts are published", SOON, async || {
        (recorder.messages("visitors:today").len() >= 3).then_some(())
    })
    .await;
    let connections = async || -> u64 {
        let sql = "SHOW GLOBAL STATUS LIKE 'Connections'";
        let row: Option<(String, u64)> = fixture.conn().await.query_first(sql).await.unwrap();
        row.unwrap().1
    };
    let before = connections().await;
    sleep(Duration::from_secs(6)).await;
    let after = connections().await;
    assert_eq!(after - before, 1, "the worker keeps its connection");
    running.stop().await;
}

/// The tables have different character sets and collations, and texts that not all of them can hold.
#[tokio::test]
async fn tables_may_have_different_collations() {
    let no_pad = match shared_mariadb().await.is_mysql() {
        true => "utf8mb4 COLLATE utf8mb4_0900_ai_ci",
        false => "utf8mb4 COLLATE utf8mb4_unicode_nopad_ci",
    };
    let [visits_no_pad, members_no_pad, copies_no_pad] =
        ["visitor_count", "member", "item"].map(|table| format!("{table} {no_pad}"));
    for conversions in [
        &[
            "visitor_count utf8mb4 COLLATE utf8mb4_unicode_ci",
            "member latin1 COLLATE latin1_swedish_ci",
        ][..],
        &[&visits_no_pad, &members_no_pad],
        // Each table another one.
        &[
            &visits_no_pad,
            "member utf8mb4 COLLATE utf8mb4_unicode_ci",
            "loan utf8mb4 COLLATE utf8mb4_general_ci",
            "loan_history utf8mb4 COLLATE utf8mb4_unicode_520_ci",
            "item utf8mb3 COLLATE utf8mb3_general_ci",
        ],
        &[
            &copies_no_pad,
            "loan utf8mb4 COLLATE utf8mb4_unicode_ci",
            "loan_history utf8mb3 COLLATE utf8mb3_general_ci",
        ],
        &[
            "loan utf8mb4 COLLATE utf8mb4_general_ci",
            "item utf8mb3 COLLATE utf8mb3_unicode_ci",
        ],
    ] {
        let fixture = Fixture::new("Asia/Jakarta", NOW, Shape::default()).await;
        // Some of these collations distinguish the accented spelling, but the oracle knows only one collation.
        fixture
            .sql("UPDATE visitor_count SET member_id = 'e77' WHERE member_id = 'e77'")
            .await;
        fixture
            .sql("UPDATE loan SET member_id = 'e77' WHERE member_id = 'e77'")
            .await;
        for conversion in conversions {
            let (table, charset) = conversion.split_once(' ').unwrap();
            fixture
                .sql(&format!(
                    "ALTER TABLE {table} CONVERT TO CHARACTER SET {charset}"
                ))
                .await;
        }
        fixture.refresh().await.unwrap();
        for snapshot in [
            "visitors:yearly:top",
            "visitors:monthly:top",
            "books:top-borrowers:year",
            "books:top-borrowed",
        ] {
            let path = snapshot.replace(':', "/");
            let stored = fixture.stored(snapshot).await.unwrap();
            let wanted = format!(r#""data":{}}}"#, fixture.oracle().data(&path));
            assert!(
                stored.ends_with(&wanted),
                "{conversions:?} {snapshot}: {stored} {wanted}"
            );
        }
        if conversions[0].starts_with("visitor_count utf8mb4") {
            fixture.sql("INSERT INTO visitor_count (member_id, member_name, checkin_date) VALUES ('Ω7😀', 'Orang', '2025-09-23 10:00:01')").await;
            fixture.refresh().await.unwrap();
        }
    }
}

/// With the smallest number of connections, while scans wait for a lock. The fast loop has its own connection.
#[tokio::test]
async fn slow_figures_do_not_delay_todays_count() {
    let mut fixture = Fixture::new("Asia/Jakarta", NOW, Shape::default()).await;
    fixture.set("MYSQL_POOL_LIMIT", "2");
    let mut owner = fixture.conn().await;
    mysql_async::prelude::Queryable::query_drop(
        &mut owner,
        "LOCK TABLES member WRITE, biblio WRITE",
    )
    .await
    .unwrap();
    let running = fixture.start();
    fixture.await_total(fixture.true_total().await).await;
    fixture.sql("INSERT INTO visitor_count (member_name, checkin_date) VALUES ('Tamu', '2025-09-23 10:00:01')").await;
    fixture.await_total(fixture.true_total().await).await;
    mysql_async::prelude::Queryable::query_drop(&mut owner, "UNLOCK TABLES")
        .await
        .unwrap();
    fixture.await_all().await;
    running.stop().await;
}

/// `/health` reports that there is no count, and counting resumes by itself.
#[tokio::test]
async fn a_frozen_database_is_reported_and_recovers() {
    let (mariadb, redis) = own_servers().await;
    let mut fixture = fixture_on(mariadb, redis).await;
    let port = testkit::process::free_port().unwrap();
    fixture.set("WORKER_PORT", &port.to_string());
    let running = fixture.start();
    fixture.await_all().await;
    let before = fixture.true_total().await;
    fixture.await_total(before).await;
    mariadb.freeze().unwrap();
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    eventually("health says that there is no count", SOON, async || {
        let health = testkit::http::get(address, "/health").await.json();
        (health["status"] == "degraded"
            && health["today"].is_null()
            && health["today_error"].is_string())
        .then_some(())
    })
    .await;
    mariadb.thaw().unwrap();
    fixture.await_total(before).await;
    running.stop().await;
}

#[tokio::test]
async fn a_frozen_redis_is_reconnected() {
    let (mariadb, redis) = own_servers().await;
    let fixture = fixture_on(mariadb, redis).await;
    let running = fixture.start();
    fixture.await_all().await;
    redis.freeze().unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    redis.thaw().unwrap();
    let _: i64 = eventually("Redis answers again", SOON, async || {
        fixture.redis.del(fixture.key("visitors:weekly")).await.ok()
    })
    .await;
    fixture.await_all().await;
    fixture.await_total(fixture.true_total().await).await;
    running.stop().await;
}

/// A cron still runs after the clock was set back by hours.
#[tokio::test]
async fn a_cron_survives_a_clock_that_is_set_back() {
    let shape = Shape {
        engine: Engine::InnoDb,
        ..Shape::default()
    };
    let mut fixture = Fixture::new("Asia/Jakarta", NOW, shape).await;
    fixture.set("VISITOR_SLOW_CRON", "*/2 * * * * *");
    let running = fixture.start();
    fixture.await_all().await;
    let next = async |before: Option<String>| {
        eventually("the cron has run", SOON, async || {
            let now = fixture.stored("visitors:weekly").await;
            (now != before).then_some(now)
        })
        .await
    };
    let first = next(fixture.stored("visitors:weekly").await).await;
    fixture
        .clock
        .step_to(fixture.now - chrono::TimeDelta::hours(2));
    let second = next(first).await;
    next(second).await;
    running.stop().await;
}
