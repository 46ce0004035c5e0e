//! Today's count: shown until it expires, and not a moment longer.

use crate::fixture::{Fixture, LONG, SOON, envelope, message};
use shared::catalog::{Group, Snapshot};
use std::time::Duration;
use testkit::eventually::eventually;
use testkit::http::Events;
use tokio::time::{Instant, sleep_until};

const TODAY: &str = "/api/visitors/today";

async fn wait_for_total(fixture: &Fixture, total: u64) {
    eventually(&format!("the count is {total}"), SOON, async || {
        let answer = fixture.get(TODAY).await;
        (answer.status == 200 && answer.json()["total"] == total).then_some(())
    })
    .await;
}

/// The total in every response that contains it.
async fn totals(fixture: &Fixture) -> [serde_json::Value; 3] {
    let summary = fixture.get(Group::Visitors.summary_path()).await.json();
    let today = fixture.get(TODAY).await.json();
    let health = fixture.get("/health").await.json();
    [
        today["total"].clone(),
        summary["data"]["today"]["total"].clone(),
        health["today"]["total"].clone(),
    ]
}

#[tokio::test]
async fn today_matches_the_contract() {
    let fixture = Fixture::start().await;
    let sent = message(312, LONG);
    fixture.worker.publish_count(&sent, LONG).await;
    wait_for_total(&fixture, 312).await;
    let answer = fixture.get(TODAY).await;
    let sent: serde_json::Value = serde_json::from_str(&sent).unwrap();
    let generated_at = sent["generated_at"].as_str().unwrap();
    assert_eq!(
        answer.text(),
        format!(
            r#"{{"total":312,"source":"cache","date":"2025-09-23","generated_at":"{generated_at}"}}"#
        )
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn count_expires_everywhere_without_a_message() {
    let fixture = Fixture::with(&[], |config| {
        config.limits.count_wait = Duration::from_millis(50);
    })
    .await;
    fixture.warm().await;
    let life = Duration::from_secs(2);
    // A wrong clock of the gateway changes nothing, in either direction.
    let now = fixture.clock.now();
    let decade = chrono::Duration::days(3650);
    for (total, time) in [(41, now.utc() + decade), (42, now.utc() - decade)] {
        fixture.clock.step_to(time);
        let sent = Instant::now();
        fixture
            .worker
            .publish_count(&message(total, life), life)
            .await;
        wait_for_total(&fixture, total).await;
        if sent.elapsed() < life {
            assert_eq!(totals(&fixture).await, [total, total, total]);
        }
        // Its lifetime began with its receipt, before it was first shown.
        sleep_until(Instant::now() + life).await;
        assert_eq!(fixture.get(TODAY).await.status, 202);
        let nowhere = totals(&fixture).await;
        assert!(
            nowhere.iter().all(serde_json::Value::is_null),
            "{nowhere:?}"
        );
    }
    fixture.clock.step_to(now.utc());
    let summary = fixture.get(Group::Visitors.summary_path()).await;
    assert_eq!(summary.status, 200);
}

#[tokio::test]
async fn count_read_from_the_key_expires_with_it() {
    let fixture = Fixture::start().await;
    // The value says an hour, the TTL of the key three seconds.
    let life = Duration::from_secs(3);
    let set = Instant::now();
    fixture.worker.set_count(&message(9, LONG), life).await;
    wait_for_total(&fixture, 9).await;
    sleep_until(set + life + Duration::from_millis(20)).await;
    assert_eq!(fixture.get(TODAY).await.status, 202);
}

#[tokio::test]
async fn count_under_a_key_without_ttl_is_ignored() {
    let fixture = Fixture::start().await;
    let key = fixture.worker.keys.today_count();
    let redis = &fixture.worker.redis;
    let set = fred::interfaces::KeysInterface::set(redis, key, message(9, LONG), None, None, false);
    let _: () = set.await.unwrap();
    // Every key has been read twice when these two values are shown.
    for version in 1..=2 {
        let key = fixture.worker.keys.snapshot(Snapshot::Weekly);
        fixture
            .worker
            .set(&key, &envelope(Snapshot::Weekly, version))
            .await;
        fixture
            .shows(
                Snapshot::Weekly.path(),
                &envelope(Snapshot::Weekly, version),
            )
            .await;
    }
    assert_eq!(
        fixture.get("/health").await.json()["today"],
        serde_json::Value::Null
    );
}

#[tokio::test]
async fn last_message_wins() {
    let fixture = Fixture::start().await;
    for total in [500, 400, 450] {
        fixture
            .worker
            .publish_count(&message(total, LONG), LONG)
            .await;
        wait_for_total(&fixture, total).await;
    }
    // The total falls at midnight.
    let next_day = message(0, LONG).replace("2025-09-23\"", "2025-09-24\"");
    fixture.worker.publish_count(&next_day, LONG).await;
    wait_for_total(&fixture, 0).await;
    assert_eq!(fixture.get(TODAY).await.json()["date"], "2025-09-24");
}

#[tokio::test]
async fn invalid_messages_are_ignored() {
    let fixture = Fixture::start().await;
    fixture.worker.publish_count(&message(10, LONG), LONG).await;
    wait_for_total(&fixture, 10).await;
    let mut stream = testkit::http::Events::open(fixture.address).await;
    assert_eq!(stream.next().await.unwrap().event, "init");
    let good = message(11, LONG);
    for bad in [
        "",
        "11",
        "{}",
        "\u{0}\u{1}",
        &good.replace("11,", "-11,"),
        &good.replace("\"total\"", "\"sum\""),
        &message(11, Duration::ZERO),
        &message(11, LONG * 48),
        &good.replace("\"date\":\"2025", "\"date\":\"x"),
    ] {
        fixture.worker.publish_message(bad).await;
    }
    fixture.worker.publish_count(&message(12, LONG), LONG).await;
    let update = stream.next().await.unwrap();
    assert_eq!(update.data, message(12, LONG));
    // An invalid value under the key is ignored too.
    fixture.worker.set_count("{\"total\":1}", LONG).await;
    let marker = envelope(Snapshot::Weekly, 7);
    fixture
        .worker
        .set(&fixture.worker.keys.snapshot(Snapshot::Weekly), &marker)
        .await;
    fixture.shows(Snapshot::Weekly.path(), &marker).await;
    wait_for_total(&fixture, 12).await;
}

#[tokio::test]
async fn count_found_only_under_the_key_is_sent_to_streams() {
    let fixture = Fixture::start().await;
    fixture.worker.publish_count(&message(20, LONG), LONG).await;
    wait_for_total(&fixture, 20).await;
    let mut stream = testkit::http::Events::open(fixture.address).await;
    assert_eq!(stream.next().await.unwrap().event, "init");
    // Its message is lost.
    fixture.worker.set_count(&message(21, LONG), LONG).await;
    let update = stream.next().await.unwrap();
    assert_eq!(
        (update.event.as_str(), update.data),
        ("update", message(21, LONG))
    );
    // The late message and the next read bring the same count, which is not sent again.
    fixture.worker.publish_message(&message(21, LONG)).await;
    assert_eq!(stream.next_within(Duration::from_millis(2_500)).await, None);
}

/// A promoted replica may lack the newest count. Messages come from one worker, whose clock may be set back, and always
/// count.
#[tokio::test]
async fn older_count_under_the_key_is_ignored_while_a_newer_one_is_current() {
    let fixture = Fixture::start().await;
    let life = Duration::from_secs(6);
    fixture.worker.publish_count(&message(5, life), life).await;
    wait_for_total(&fixture, 5).await;
    let mut stream = Events::open(fixture.address).await;
    assert_eq!(stream.next().await.unwrap().event, "init");
    fixture.worker.set_count(&message(4, LONG), LONG).await;
    // Longer than the time between two reads.
    assert_eq!(stream.next_within(Duration::from_millis(2_500)).await, None);
    fixture.worker.publish_count(&message(3, life), life).await;
    assert_eq!(stream.next().await.unwrap().data, message(3, life));
    fixture.worker.set_count(&message(2, LONG), LONG).await;
    // When the newer count has expired, this is the only one.
    assert_eq!(stream.next().await.unwrap().data, message(2, LONG));
}
