//! Midnight in the library's time zone: the count restarts, and yesterday's count is never shown afterwards.

use crate::fixture::{Fixture, SOON};
use testkit::eventually::eventually;
use testkit::schema::{Engine, Shape};

async fn just_before_midnight(zone: &str, day: &str) -> Fixture {
    let shape = Shape {
        engine: Engine::InnoDb,
        ..Shape::default()
    };
    Fixture::new(zone, &format!("{day}T23:59:57"), shape).await
}

/// Reads the key again and again until it holds the new day's count. Panics if it holds a count of a past day.
async fn watch_the_key(fixture: &Fixture, new_day: &str) {
    let began = fixture.clock.now();
    loop {
        // The day is read before the key, since it may end meanwhile.
        let day = fixture.day().to_string();
        if let Some((shown, total)) = fixture.today().await {
            assert!(shown >= day, "{shown} ({total} visits) is shown on {day}");
            if shown == new_day {
                assert_eq!(
                    fixture.day().to_string(),
                    new_day,
                    "tomorrow's count is shown today"
                );
                assert_eq!(total, fixture.true_total().await);
                return;
            }
        }
        assert!(
            fixture.clock.now().since(began) < SOON,
            "the new day's count is missing"
        );
    }
}

#[tokio::test]
async fn the_count_restarts_at_midnight() {
    for (zone, day, new_day) in [
        ("Asia/Jakarta", "2025-09-30", "2025-10-01"),
        ("Asia/Jayapura", "2025-12-31", "2026-01-01"),
        ("Africa/Cairo", "2026-04-23", "2026-04-24"),
        ("Europe/Zurich", "2026-10-24", "2026-10-25"),
    ] {
        let fixture = just_before_midnight(zone, day).await;
        let running = fixture.start();
        fixture.await_total(fixture.true_total().await).await;
        watch_the_key(&fixture, new_day).await;
        running.stop().await;
    }
}

#[tokio::test]
async fn a_long_interval_does_not_carry_yesterday_over() {
    let mut fixture = just_before_midnight("Asia/Jakarta", "2025-09-30").await;
    fixture.set("VISITOR_SYNC_MIN_INTERVAL_MS", "3600000");
    let running = fixture.start();
    fixture.await_total(fixture.true_total().await).await;
    // The loop wakes at midnight although its interval is an hour.
    watch_the_key(&fixture, "2025-10-01").await;
    running.stop().await;
}

#[tokio::test]
async fn a_worker_that_dies_before_midnight_leaves_no_count_behind() {
    let mut fixture = just_before_midnight("Asia/Jakarta", "2025-09-30").await;
    fixture.set("VISITOR_SYNC_MIN_INTERVAL_MS", "3600000");
    let running = fixture.start();
    fixture.await_total(fixture.true_total().await).await;
    running.kill();
    eventually("the day ends", SOON, async || {
        (fixture.day().to_string() == "2025-10-01").then_some(())
    })
    .await;
    assert_eq!(fixture.today().await, None);
}
