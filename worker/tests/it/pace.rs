//! The fast loop: what it writes, what wakes it, and how seldom it queries a slow database.

use crate::fixture::{Fixture, SOON, fixture_on, own_servers};
use fred::interfaces::{EventInterface, KeysInterface, PubsubInterface};
use std::time::Duration;
use testkit::eventually::eventually;
use testkit::schema::Shape;
use tokio::time::sleep;

#[tokio::test]
async fn key_and_message_are_the_same_bytes() {
    let mut fixture = Fixture::new("Asia/Jakarta", "2025-09-30T12:00:00", Shape::default()).await;
    fixture.set("VISITOR_SYNC_MIN_INTERVAL_MS", "60000");
    let mut messages = fixture.redis.message_rx();
    let () = fixture
        .redis
        .subscribe(fixture.key("visitors:today"))
        .await
        .unwrap();
    let running = fixture.start();
    let message = tokio::time::timeout(SOON, messages.recv()).await;
    let message: String = message.unwrap().unwrap().value.convert().unwrap();
    assert_eq!(
        fixture.stored("visitors:today:count").await,
        Some(message.clone())
    );
    let ttl: i64 = fixture
        .redis
        .pttl(fixture.key("visitors:today:count"))
        .await
        .unwrap();
    assert!(
        (100_000..=120_000).contains(&ttl),
        "twice the interval: {ttl}"
    );
    let count = shared::today::TodayCount::parse(message.as_bytes()).unwrap();
    assert_eq!(count.lifetime(), Duration::from_secs(120));
    assert_eq!(count.total, fixture.true_total().await);
    assert!(message.starts_with(r#"{"total":"#), "{message}");
    running.stop().await;
}

#[tokio::test]
async fn a_refresh_request_wakes_the_fast_loop_early() {
    let mut fixture = Fixture::new("Asia/Jakarta", "2025-09-30T12:00:00", Shape::default()).await;
    fixture.set("VISITOR_SYNC_MIN_INTERVAL_MS", "3600000");
    let running = fixture.start();
    let before = fixture.true_total().await;
    fixture.await_total(before).await;
    fixture.sql("INSERT INTO visitor_count (member_name, checkin_date) VALUES ('Tamu', '2025-09-30 12:00:01')").await;
    eventually("the refresh request wakes the loop", SOON, async || {
        let _: i64 = fixture
            .redis
            .publish(fixture.key("visitors:today:refresh"), "1")
            .await
            .unwrap();
        fixture
            .today()
            .await
            .filter(|(_, total)| *total == before + 1)
    })
    .await;
    running.stop().await;
}

/// A database that takes 0.2 s to count is queried every 4 s at most, for any number of refresh requests and any
/// interval.
#[tokio::test]
async fn a_slow_database_is_busy_for_a_twentieth_of_the_time() {
    let (mariadb, redis) = own_servers().await;
    let fixture = fixture_on(mariadb, redis).await;
    fixture.sql("RENAME TABLE visitor_count TO visits").await;
    fixture
        .sql(
            "CREATE VIEW visitor_count AS SELECT visits.* FROM visits, (SELECT SLEEP(0.2)) AS slow",
        )
        .await;
    let running = fixture.start();
    fixture.await_total(fixture.true_total().await).await;
    mariadb.general_log(true).await.unwrap();
    for _ in 0..90 {
        let _: i64 = fixture
            .redis
            .publish(fixture.key("visitors:today:refresh"), "1")
            .await
            .unwrap();
        sleep(Duration::from_millis(100)).await;
    }
    let lines = mariadb.general_log_lines().await.unwrap();
    let counts = lines
        .iter()
        .filter(|line| line.command == "Execute" && line.text.contains("SELECT COUNT(*)"));
    let counts = counts.count();
    assert!((1..=3).contains(&counts), "{counts} counts in nine seconds");
    running.stop().await;
}

/// Refresh requests do not shorten the back-off either. The count comes back after a short outage; after a long one the next
/// attempt may be half a minute away.
#[tokio::test]
async fn failed_counts_back_off() {
    let (mariadb, redis) = own_servers().await;
    let fixture = fixture_on(mariadb, redis).await;
    let running = fixture.start();
    fixture.await_total(fixture.true_total().await).await;
    fixture.sql("RENAME TABLE visitor_count TO visits").await;
    sleep(Duration::from_secs(1)).await;
    fixture.sql("RENAME TABLE visits TO visitor_count").await;
    fixture.check_in().await;
    fixture.await_total(fixture.true_total().await).await;
    fixture.sql("RENAME TABLE visitor_count TO visits").await;
    mariadb.general_log(true).await.unwrap();
    for _ in 0..80 {
        let _: i64 = fixture
            .redis
            .publish(fixture.key("visitors:today:refresh"), "1")
            .await
            .unwrap();
        sleep(Duration::from_millis(100)).await;
    }
    let lines = mariadb.general_log_lines().await.unwrap();
    // Bounds of 0.2, 0.4, … 6.4 s: about twelve attempts in eight seconds; without back-off about sixty.
    let attempts = lines
        .iter()
        .filter(|line| line.text.contains("SET SESSION"))
        .count();
    assert!(
        (2..=30).contains(&attempts),
        "{attempts} attempts in eight seconds"
    );
    running.stop().await;
}
