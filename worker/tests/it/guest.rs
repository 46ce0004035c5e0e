//! The load on the database: how many rows the worker reads, by which statements, and over how many connections.

use crate::fixture::{Fixture, SOON, own_servers};
use chrono::TimeZone;
use mysql_async::prelude::Queryable;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;
use testkit::generate::{Plan, Size, generate};
use testkit::mariadb::MariaDb;
use testkit::oracle::Names;
use testkit::schema::{Engine, Shape};
use worker::mysql::scan_settings::{ChunkSizes, ScanSettings};
use worker::mysql::throttle::Throttle;

const NOW: &str = "2025-09-23T10:00:00";

/// A school with two years of visits, on its own servers.
async fn school(shape: Shape) -> (Fixture, &'static MariaDb) {
    let (mariadb, redis) = own_servers().await;
    let plan = Plan {
        size: Size::School,
        years: 2,
        now: NOW.parse().unwrap(),
        seed: 5,
        dirty: true,
    };
    let zone = chrono_tz::Tz::Asia__Jakarta;
    let now = zone.from_local_datetime(&plan.now).unwrap().to_utc();
    let mut fixture = Fixture::on(mariadb, &redis.url(), generate(&plan), zone, now, shape).await;
    let ids = ChunkSizes {
        first: 500,
        least: 500,
        most: 1_000,
    };
    fixture.scan = Some(ScanSettings {
        ids,
        ..ScanSettings::with_duty(100)
    });
    (fixture, mariadb)
}

/// The number of rows that the storage engines have returned since the server started.
pub(crate) async fn rows_read(mariadb: &MariaDb) -> u64 {
    let mut conn = mysql_async::Conn::new(mariadb.opts(None)).await.unwrap();
    let rows: Vec<(String, u64)> = conn
        .query("SHOW GLOBAL STATUS LIKE 'Handler\\_read\\_%'")
        .await
        .unwrap();
    conn.disconnect().await.unwrap();
    rows.iter().map(|(_, count)| count).sum()
}

#[tokio::test]
async fn no_row_is_read_twice() {
    for (engine, date_index) in [
        (Engine::InnoDb, false),
        (Engine::InnoDb, true),
        (Engine::MyIsam, false),
    ] {
        let shape = Shape {
            engine,
            date_index,
            ..Shape::default()
        };
        let (fixture, mariadb) = school(shape).await;
        let before = rows_read(mariadb).await;
        fixture.refresh().await.unwrap();
        let read = rows_read(mariadb).await - before;
        fixture.assert_all(Names::Full).await;
        let library = &fixture.library;
        // The round of the circulation reads the open loans again.
        let open = library.loans.iter().filter(|loan| loan.is_open());
        let rows = library.visits.len()
            + library.loans.len()
            + open.count()
            + library.items.len()
            + library.biblios.len()
            + library.members.len();
        let most = rows as u64 * 11 / 10;
        assert!(
            read <= most,
            "{engine}, {date_index}: {read} of {rows} rows"
        );
    }
}

#[tokio::test]
async fn long_tables_are_read_in_key_ranges() {
    for (date_index, visits) in [
        (false, "FORCE INDEX (`PRIMARY`)"),
        (true, "FORCE INDEX (`checkin_date`)"),
    ] {
        let shape = Shape {
            date_index,
            ..Shape::default()
        };
        let (fixture, mariadb) = school(shape).await;
        mariadb.general_log(true).await.unwrap();
        fixture.refresh().await.unwrap();
        let mut seen = [0; 4];
        for line in mariadb.general_log_lines().await.unwrap() {
            let text = line.text;
            // A look-up of a few rows, or the new loans of a round of the circulation.
            let is_lookup = ["MIN(", " IN (", "loan_id > "].map(|part| text.contains(part));
            if line.command != "Execute" || is_lookup.contains(&true) {
                continue;
            }
            let hints = [
                (" FROM visitor_count ", visits),
                (" FROM loan ", "FORCE INDEX (`PRIMARY`)"),
                (" FROM item ", "FORCE INDEX (`PRIMARY`)"),
                (" FROM biblio ", "FORCE INDEX (`PRIMARY`)"),
            ];
            for (count, (table, hint)) in seen.iter_mut().zip(hints) {
                if text.contains(table) {
                    *count += 1;
                    let is_range = text.contains(">= ") && text.contains('<');
                    assert!(text.contains(hint) && is_range, "{text}");
                }
            }
        }
        assert!(seen.iter().all(|count| *count > 3), "{seen:?}");
    }
}

/// Two connections for the daily figures, and one for today's count. For a moment there is one more: to compare the clocks, or
/// to ask whether a statement of more than a second still runs.
#[tokio::test]
async fn the_worker_opens_at_most_three_connections() {
    let (mut fixture, mariadb) = school(Shape::default()).await;
    fixture.set("VISITOR_SLOW_CRON", "* * * * * *");
    fixture.set("BOOKS_SLOW_CRON", "* * * * * *");
    mariadb.general_log(true).await.unwrap();
    let running = fixture.start();
    fixture.await_all().await;
    running.stop().await;
    let lines = mariadb.general_log_lines().await.unwrap();
    let account = fixture.user();
    // Of each connection, the first and the last of its lines. (The server may log much later that it was closed.)
    let mut used: BTreeMap<u64, RangeInclusive<usize>> = BTreeMap::new();
    for (at, line) in lines.iter().enumerate() {
        if line.user == account && line.command != "Quit" {
            let range = used.entry(line.connection).or_insert(at..=at);
            *range = *range.start()..=at;
        }
    }
    for line in &lines {
        if line.text.contains("UTC_TIMESTAMP(6)") || line.text.contains("'Uptime'") {
            used.remove(&line.connection);
        }
    }
    let at_once = |at| used.values().filter(|range| range.contains(&at)).count();
    let most = (0..lines.len()).map(at_once).max().unwrap();
    assert!((2..=3).contains(&most), "{most} connections at once");
}

/// A server counts each connection that ends without `COM_QUIT`, and warns of it in its log.
#[tokio::test]
async fn the_worker_quits_every_connection() {
    let (mut fixture, mariadb) = school(Shape::default()).await;
    // A stop during a count would kill the statement and its connection.
    fixture.set("VISITOR_SYNC_MIN_INTERVAL_MS", "60000");
    let running = fixture.start();
    fixture.await_all().await;
    fixture.await_total(fixture.true_total().await).await;
    running.stop().await;
    fixture.refresh().await.unwrap();
    let mut conn = mysql_async::Conn::new(mariadb.opts(None)).await.unwrap();
    let sql = "SHOW GLOBAL STATUS LIKE 'Aborted_clients'";
    let aborted: Option<(String, u64)> = conn.query_first(sql).await.unwrap();
    assert_eq!(aborted.unwrap().1, 0, "connections");
}

/// On a small machine, two scans at once would leave no core for check-ins.
#[tokio::test]
async fn throttled_scans_take_turns() {
    let took = Duration::from_millis(1);
    for (duty_percent, waits) in [(50, true), (100, false)] {
        let fixture = Fixture::new("Asia/Jakarta", NOW, Shape::default()).await;
        let parts = fixture.parts().await;
        let mut reader = parts.database.session(SOON).await.unwrap();
        let reading = ScanSettings::with_duty(duty_percent);
        Throttle::new(&reading)
            .pause_after(&mut reader, took, Duration::ZERO)
            .await
            .unwrap();

        let mut session = parts.session;
        let other = tokio::spawn(async move {
            Throttle::new(&reading)
                .pause_after(&mut session, took, Duration::ZERO)
                .await
                .unwrap();
            // Within a scan, the next pause already has the read slot.
            Throttle::new(&reading)
                .pause_after(&mut session, took, Duration::ZERO)
                .await
                .unwrap();
        });
        if waits {
            tokio::time::sleep(Duration::from_millis(100)).await;
            assert!(!other.is_finished(), "both read");
            reader.release_read_slot();
        }
        tokio::time::timeout(SOON, other).await.unwrap().unwrap();
    }
}

/// The figures are right when the scan pauses between its chunks.
#[tokio::test]
async fn pauses_change_no_number() {
    let (mut fixture, _) = school(Shape::default()).await;
    fixture.set("REFRESH_DUTY_PERCENT", "20");
    let frequent_lookups = ScanSettings {
        max_pending: 4,
        ..ScanSettings::with_duty(20)
    };
    for reading in [None, Some(frequent_lookups)] {
        fixture.scan = reading;
        tokio::time::timeout(SOON, fixture.refresh())
            .await
            .unwrap()
            .unwrap();
        fixture.assert_all(Names::Full).await;
    }
}
