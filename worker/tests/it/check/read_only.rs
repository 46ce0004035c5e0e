//! `worker check` changes nothing and reads little.

use crate::fixture::{Fixture, own_servers};
use crate::guest::rows_read;
use chrono::TimeZone;
use fred::interfaces::ClientLike;
use fred::types::InfoKind;
use testkit::generate::{Plan, Size, generate};
use testkit::schema::Shape;

/// It reads some thousand rows of each table, whatever the size of the table, and writes nothing.
#[tokio::test]
async fn it_reads_little_and_writes_nothing() {
    let (mariadb, redis) = own_servers().await;
    let plan = Plan {
        size: Size::School,
        years: 12,
        now: "2025-09-23T10:00:00".parse().unwrap(),
        seed: 3,
        dirty: true,
    };
    let zone = chrono_tz::Asia::Jakarta;
    let now = zone.from_local_datetime(&plan.now).unwrap().to_utc();
    let shape = Shape {
        date_index: true,
        ..Shape::default()
    };
    let fixture = Fixture::on(mariadb, &redis.url(), generate(&plan), zone, now, shape).await;
    mariadb.general_log(true).await.unwrap();
    let before = rows_read(mariadb).await;
    fixture.check_once().await;
    let read = rows_read(mariadb).await - before;
    // Three samples of 5,000 rows of four tables; some of the rows are read once more by another plan.
    assert!(read < 70_000, "{read} rows");
    let user = fixture.user();
    let lines = mariadb.general_log_lines().await.unwrap();
    let lines = lines
        .iter()
        .filter(|line| line.user == user && ["Query", "Execute"].contains(&line.command.as_str()));
    let mut statements = 0;
    for line in lines {
        let reads = ["SELECT ", "SHOW ", "SET SESSION "]
            .iter()
            .any(|verb| line.text.starts_with(verb));
        assert!(reads, "{}", line.text);
        statements += 1;
    }
    assert!(statements > 20, "{statements} statements");
    let stats: String = fixture
        .redis
        .info(Some(InfoKind::CommandStats))
        .await
        .unwrap();
    for verb in ["set", "publish", "subscribe", "expire"] {
        let called = stats.lines().any(|line| {
            line.starts_with(&format!("cmdstat_{verb}:calls=")) && !line.contains("calls=0")
        });
        assert!(!called, "{verb} in {stats}");
    }
}
