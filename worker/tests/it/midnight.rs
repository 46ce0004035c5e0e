//! Midnight in the library's zone: the count begins anew, and yesterday's is never seen after it.

use crate::fixture::{SOON, Site};
use fred::interfaces::{EventInterface, KeysInterface, PubsubInterface};
use std::time::Duration;
use testkit::eventually::eventually;
use testkit::schema::{Engine, Shape};

async fn just_before_midnight(zone: &str, day: &str) -> Site {
    let shape = Shape {
        engine: Engine::InnoDb,
        ..Shape::default()
    };
    Site::new(zone, &format!("{day}T23:59:57"), shape).await
}

/// Looks at the key all the time until the new day's count is there; a count of another day than the clock's is wrong.
async fn watch_the_key(site: &Site, new_day: &str) {
    let began = site.clock.now();
    loop {
        // Read first: what was true before the read may have ended since.
        let day = site.day().to_string();
        if let Some((shown, total)) = site.today().await {
            assert!(shown >= day, "{shown} ({total} visits) is shown on {day}");
            if shown == new_day {
                assert_eq!(site.day().to_string(), new_day, "tomorrow is shown today");
                assert_eq!(total, site.true_total().await);
                return;
            }
        }
        assert!(
            site.clock.now().since(began) < SOON,
            "the new day's count has not come"
        );
    }
}

#[tokio::test]
async fn the_count_begins_anew() {
    for (zone, day, new_day) in [
        ("Asia/Jakarta", "2025-09-30", "2025-10-01"),
        ("Asia/Jayapura", "2025-12-31", "2026-01-01"),
        ("Africa/Cairo", "2026-04-23", "2026-04-24"),
        ("Europe/Zurich", "2026-10-24", "2026-10-25"),
    ] {
        let site = just_before_midnight(zone, day).await;
        let running = site.start();
        site.await_total(site.true_total().await).await;
        watch_the_key(&site, new_day).await;
        running.stop().await;
    }
}

#[tokio::test]
async fn a_long_interval_does_not_carry_yesterday_over() {
    let mut site = just_before_midnight("Asia/Jakarta", "2025-09-30").await;
    site.set("VISITOR_SYNC_MIN_INTERVAL_MS", "3600000");
    let running = site.start();
    site.await_total(site.true_total().await).await;
    // The loop wakes at midnight although its interval is an hour.
    watch_the_key(&site, "2025-10-01").await;
    running.stop().await;
}

#[tokio::test]
async fn a_worker_that_dies_before_midnight_leaves_no_count_behind() {
    let mut site = just_before_midnight("Asia/Jakarta", "2025-09-30").await;
    site.set("VISITOR_SYNC_MIN_INTERVAL_MS", "3600000");
    let running = site.start();
    site.await_total(site.true_total().await).await;
    running.kill();
    eventually("the day ends", SOON, async || {
        (site.day().to_string() == "2025-10-01").then_some(())
    })
    .await;
    assert_eq!(site.today().await, None);
}

#[tokio::test]
async fn key_and_message_are_the_same_bytes() {
    let mut site = Site::new("Asia/Jakarta", "2025-09-30T12:00:00", Shape::default()).await;
    site.set("VISITOR_SYNC_MIN_INTERVAL_MS", "60000");
    let mut messages = site.redis.message_rx();
    let () = site
        .redis
        .subscribe(site.key("visitors:today"))
        .await
        .unwrap();
    let running = site.start();
    let message = tokio::time::timeout(SOON, messages.recv()).await;
    let message: String = message.unwrap().unwrap().value.convert().unwrap();
    assert_eq!(
        site.stored("visitors:today:count").await,
        Some(message.clone())
    );
    let ttl: i64 = site
        .redis
        .pttl(site.key("visitors:today:count"))
        .await
        .unwrap();
    assert!(
        (100_000..=120_000).contains(&ttl),
        "twice the interval: {ttl}"
    );
    let count = shared::today::TodayCount::parse(message.as_bytes()).unwrap();
    assert_eq!(count.lifetime(), Duration::from_secs(120));
    assert_eq!(count.total, site.true_total().await);
    assert!(message.starts_with(r#"{"total":"#), "{message}");
    running.stop().await;
}

#[tokio::test]
async fn the_doorbell_wakes_the_loop_early() {
    let mut site = Site::new("Asia/Jakarta", "2025-09-30T12:00:00", Shape::default()).await;
    site.set("VISITOR_SYNC_MIN_INTERVAL_MS", "3600000");
    let running = site.start();
    let before = site.true_total().await;
    site.await_total(before).await;
    site.sql("INSERT INTO visitor_count (member_name, checkin_date) VALUES ('Tamu', '2025-09-30 12:00:01')").await;
    eventually("the bell is heard", SOON, async || {
        let _: i64 = site
            .redis
            .publish(site.key("visitors:today:refresh"), "1")
            .await
            .unwrap();
        site.today().await.filter(|(_, total)| *total == before + 1)
    })
    .await;
    running.stop().await;
}
