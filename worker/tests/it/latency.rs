//! MySQL and Redis at a distance of some milliseconds: every number is right, and the daily figures take few
//! statements.

use crate::fixture::{Fixture, SOON, fixture_on, own_servers};
use crate::together::Gateway;
use chrono::TimeZone;
use std::time::{Duration, Instant};
use testkit::eventually::eventually;
use testkit::fault_proxy::{FaultProxy, Mode};
use testkit::generate::{Plan, Size, generate};
use testkit::mariadb::MariaDb;
use testkit::oracle::Names;
use testkit::schema::{Engine, Shape};
use worker::config::CountMode;
use worker::mysql::scan_settings::ScanSettings;
use worker::today::counter::Counter;
use worker::today::delta::RecountSchedule;
use worker::today::pace::Pace;

/// Delays in milliseconds, each way.
const DELAYS: [u64; 3] = [1, 5, 30];

fn delay(millis: u64) -> Mode {
    Mode::Delay {
        by: Duration::from_millis(millis),
        jitter: Duration::ZERO,
    }
}

/// The number of statements on the four tables that are scanned.
async fn statements(mariadb: &MariaDb) -> usize {
    let tables = ["visitor_count", "loan", "item", "biblio"].map(|table| format!(" FROM {table} "));
    let lines = mariadb.general_log_lines().await.unwrap();
    let scanning = lines.iter().filter(|line| {
        line.command == "Execute" && tables.iter().any(|table| line.text.contains(table))
    });
    scanning.count()
}

/// A school with two years of visits, 56,000 rows in all. A chunk has at least a thousand ids at any delay.
#[tokio::test]
async fn daily_figures_take_few_statements_at_any_distance() {
    for engine in [Engine::InnoDb, Engine::MyIsam] {
        let (mariadb, redis) = own_servers().await;
        let plan = Plan {
            size: Size::School,
            years: 2,
            now: "2025-09-23T10:00:00".parse().unwrap(),
            seed: 5,
            dirty: true,
        };
        let zone = chrono_tz::Tz::Asia__Jakarta;
        let now = zone.from_local_datetime(&plan.now).unwrap().to_utc();
        let shape = Shape {
            engine,
            ..Shape::default()
        };
        let library = generate(&plan);
        let rows = library.visits.len()
            + library.loans.len()
            + library.items.len()
            + library.biblios.len();
        let mut fixture = Fixture::on(mariadb, &redis.url(), library, zone, now, shape).await;
        let proxy = FaultProxy::to(mariadb.port(), 1).await.unwrap();
        fixture.set("MYSQL_PORT", &proxy.port().to_string());
        for millis in DELAYS {
            proxy.set(delay(millis)).await;
            mariadb.general_log(true).await.unwrap();
            let began = Instant::now();
            fixture.scan = Some(ScanSettings::with_duty(50));
            fixture.refresh().await.unwrap();
            let took = began.elapsed();
            let statements = statements(mariadb).await;
            println!(
                "{engine}, {millis} ms each way: {statements} statements for {rows} rows in {took:.2?}"
            );
            fixture.assert_all(Names::Full).await;
            let most = rows / 1_000 + 40;
            assert!(
                statements <= most,
                "{engine}, {millis} ms: {statements} of {most}"
            );
        }
    }
}

/// Worker and gateway have the same distance to MySQL and to Redis.
#[tokio::test]
async fn every_number_is_right_at_any_distance() {
    for millis in DELAYS {
        let (mariadb, redis) = own_servers().await;
        let mut fixture = fixture_on(mariadb, redis).await;
        let to_mysql = FaultProxy::to(mariadb.port(), 1).await.unwrap();
        let to_redis = FaultProxy::to(redis.port(), 2).await.unwrap();
        to_mysql.set(delay(millis)).await;
        to_redis.set(delay(millis)).await;
        fixture.set("MYSQL_PORT", &to_mysql.port().to_string());
        fixture.set(
            "REDIS_URL",
            &format!("redis://127.0.0.1:{}", to_redis.port()),
        );
        fixture.set("VISITOR_SYNC_MIN_INTERVAL_MS", "500");
        let running = fixture.start();
        let gateway = Gateway::start(&fixture).await;
        gateway.await_all().await;
        fixture.assert_all(Names::Full).await;
        fixture.check_in().await;
        let total = fixture.true_total().await;
        eventually("the gateway shows the count", SOON, async || {
            let answer = gateway.get("/api/visitors/today").await;
            let shown = serde_json::from_str::<serde_json::Value>(answer.text()).ok()?;
            (shown["total"] == total).then_some(())
        })
        .await;
        running.stop().await;
    }
}

/// A round trip of 60 ms does not make a slow database: `auto` counts directly and keeps the interval.
#[tokio::test]
async fn a_distant_database_is_not_taken_for_a_slow_one() {
    let (mariadb, redis) = own_servers().await;
    let mut fixture = fixture_on(mariadb, redis).await;
    let proxy = FaultProxy::to(mariadb.port(), 1).await.unwrap();
    fixture.set("MYSQL_PORT", &proxy.port().to_string());
    let mut parts = fixture.parts().await;
    let pace = Pace {
        interval: Duration::from_secs(1),
        buffer: Duration::ZERO,
    };
    let (database, store, status) = (&parts.database, &parts.store, &parts.status);
    let mut auto = Counter::new(
        CountMode::Auto,
        pace,
        RecountSchedule::USUAL,
        database,
        store,
        status,
    );
    // The database is near at first, then the route changes.
    for millis in [0, 30, 30, 30, 30] {
        proxy.set(delay(millis)).await;
        let before = parts.session.time_spent();
        auto.prepare(&mut parts.session, fixture.day())
            .await
            .unwrap();
        let total = auto.count(&mut parts.session, fixture.day()).await.unwrap();
        assert_eq!(total, fixture.true_total().await);
        let spent = parts.session.time_spent() - before;
        assert!(spent.elapsed >= Duration::from_millis(2 * millis));
        assert_eq!(
            parts.status.now().counted_by,
            CountMode::Direct,
            "{millis} ms"
        );
        // After this time, the session measures a round trip again that seems wrong.
        tokio::time::sleep(Duration::from_millis(1_100)).await;
    }
    assert!(parts.session.round_trip() >= Duration::from_millis(60));
}
