//! A worker that has lost the lease, or whose write arrives too late, changes nothing.

use crate::fixture::{Fixture, SOON, fixture_on, own_servers};
use crate::recorder::{Recorder, epoch};
use fred::interfaces::KeysInterface;
use shared::catalog::Snapshot;
use shared::snapshot::Envelope;
use std::time::Duration;
use testkit::eventually::eventually;
use tokio::time::{Instant, sleep};
use worker::publish::fence::{Acquired, Fence, FencedWrite, SnapshotMeta, WriteRefused};
use worker::publish::publisher::Publisher;

/// The life of a count that does not expire during a test.
const LONG: Duration = Duration::from_secs(3600);

fn refusal(error: &anyhow::Error) -> Option<WriteRefused> {
    error.downcast_ref().copied()
}

fn collection(fixture: &Fixture, total: u32) -> Envelope<Box<serde_json::value::RawValue>> {
    let data = format!(r#"{{"total_titles":{total},"total_items":0}}"#);
    Envelope {
        generated_at: fixture.clock.now(),
        ttl_seconds: 60,
        period: None,
        data: serde_json::value::RawValue::from_string(data).unwrap(),
    }
}

/// Caches the collection as if it had just been computed.
fn cache(store: &Publisher, fixture: &Fixture, total: u32) {
    let envelope = collection(fixture, total);
    let cached = store.cache(Snapshot::Collection, &envelope, Instant::now());
    cached.unwrap();
}

/// Makes `other` the holder of the lease, while the holder so far still believes that it is active.
async fn take_over(fixture: &Fixture, other: &Publisher) -> String {
    eventually("it acquires the lease first", SOON, async || {
        fixture.expire_lease().await;
        let (lease, is_borrowed) = other.lease().acquire_or_borrow().await.unwrap();
        (!is_borrowed).then_some(lease)
    })
    .await
}

async fn publish(store: &Publisher, text: &str, life: Duration) -> anyhow::Result<()> {
    let message = text.as_bytes().to_vec();
    store.publish_today(message, Instant::now(), life).await
}

#[tokio::test]
async fn a_worker_that_has_lost_its_lease_writes_nothing() {
    let fixture = Fixture::empty().await;
    let (one, other) = (fixture.active("one").await, fixture.store("other"));
    publish(&one, "first", LONG).await.unwrap();
    let first = epoch(&fixture.stored("worker:lease").await.unwrap());
    let lease = take_over(&fixture, &other).await;
    assert!(epoch(&lease) > first, "the epoch rises: {first}, {lease}");

    let error = publish(&one, "late", LONG).await.unwrap_err();
    assert_eq!(refusal(&error), Some(WriteRefused::Lost));
    cache(&one, &fixture, 1);
    one.sync().await.unwrap();
    assert_eq!(
        fixture.stored("visitors:today:count").await.unwrap(),
        "first"
    );
    assert_eq!(fixture.stored("books:collection").await, None);
    assert_eq!(fixture.stored("worker:lease").await.unwrap(), lease);
}

/// Another worker is active in the middle of a computation, and Redis loses what it wrote.
#[tokio::test]
async fn a_figure_may_be_outdated_if_another_worker_was_active_since_its_computation_began() {
    let fixture = Fixture::empty().await;
    let (one, other) = (fixture.active("one").await, fixture.store("other"));
    let began = Instant::now();
    take_over(&fixture, &other).await;
    eventually("one stands by", SOON, async || {
        one.lease().is_standby().then_some(())
    })
    .await;
    one.sync().await.unwrap();
    fixture.expire_lease().await;
    one.lease().wait_until_active().await;

    let figure = collection(&fixture, 1);
    one.cache(Snapshot::Collection, &figure, began).unwrap();
    one.sync().await.unwrap();
    // Nor if a second computation fails that began as early.
    one.mark_newest(&[Snapshot::Collection].into(), began);
    one.sync().await.unwrap();
    assert_eq!(fixture.stored("books:collection").await, None);
    cache(&one, &fixture, 2);
    one.sync().await.unwrap();
    assert!(fixture.stored("books:collection").await.is_some());
}

#[tokio::test]
async fn a_write_under_a_borrowed_lease_never_replaces_a_newer_snapshot() {
    let fixture = Fixture::empty().await;
    let active = fixture.active("active").await;
    let borrower = fixture.store("borrower");
    cache(&borrower, &fixture, 1);
    sleep(Duration::from_millis(5)).await;
    cache(&active, &fixture, 2);
    active.sync().await.unwrap();
    let newer = fixture.stored("books:collection").await.unwrap();
    borrower.flush_once().await.unwrap();
    assert_eq!(fixture.stored("books:collection").await.unwrap(), newer);

    sleep(Duration::from_millis(5)).await;
    cache(&borrower, &fixture, 3);
    borrower.flush_once().await.unwrap();
    assert!(
        fixture
            .stored("books:collection")
            .await
            .unwrap()
            .contains(":3,")
    );
    // The active worker caches it, and restores it when the key is lost.
    active.sync().await.unwrap();
    let _: i64 = fixture
        .redis
        .del(fixture.key("books:collection"))
        .await
        .unwrap();
    active.sync().await.unwrap();
    assert!(
        fixture
            .stored("books:collection")
            .await
            .unwrap()
            .contains(":3,")
    );
    assert!(active.lease().is_active(), "it still has its lease");
}

/// A worker takes over an emptied Redis with a copy from before the last cron. Another worker may have made a newer
/// one, which the gateways still show.
#[tokio::test]
async fn an_overdue_snapshot_is_restored_only_after_its_refresh_failed() {
    let fixture = Fixture::empty().await;
    let day = chrono::TimeDelta::days(1);
    fixture.clock.step_to(fixture.now - day);
    let before = fixture.store("before");
    cache(&before, &fixture, 1);
    before.flush_once().await.unwrap();
    fixture.clock.step_to(fixture.now);
    let store = fixture.active("after").await;
    let _: i64 = fixture
        .redis
        .del(fixture.key("books:collection"))
        .await
        .unwrap();
    store.sync().await.unwrap();
    assert_eq!(fixture.stored("books:collection").await, None);
    store.mark_newest(&[Snapshot::Collection].into(), Instant::now());
    store.sync().await.unwrap();
    assert!(
        fixture
            .stored("books:collection")
            .await
            .unwrap()
            .contains(":1,")
    );
}

/// The command waits in the socket of a frozen server, which reads it when it continues.
#[tokio::test]
async fn an_abandoned_count_is_not_stored_later() {
    let (mariadb, redis) = own_servers().await;
    let fixture = fixture_on(mariadb, redis).await;
    let store = fixture.active("one").await;
    publish(&store, "first", LONG).await.unwrap();
    let recorder = Recorder::subscribe(&fixture, "visitors:today").await;

    redis.freeze().unwrap();
    publish(&store, "given up", LONG).await.unwrap_err();
    redis.thaw().unwrap();
    eventually("a count is stored again", SOON, async || {
        publish(&store, "second", LONG).await.ok()
    })
    .await;
    // The command arrives within its time limit, but after the expiry of its value.
    redis.freeze().unwrap();
    let write = publish(&store, "yesterday", Duration::from_millis(300));
    let (late, ()) = tokio::join!(write, async {
        sleep(Duration::from_millis(800)).await;
        redis.thaw().unwrap();
    });
    assert_eq!(refusal(&late.unwrap_err()), Some(WriteRefused::Late));
    eventually("a new count is stored", SOON, async || {
        publish(&store, "new", LONG).await.ok()
    })
    .await;
    eventually("the message is received", SOON, async || {
        recorder
            .messages("visitors:today")
            .contains(&"new".to_owned())
            .then_some(())
    })
    .await;
    assert_eq!(recorder.messages("visitors:today"), ["second", "new"]);
}

/// The same for a daily figure, which lives for a day.
#[tokio::test]
async fn an_abandoned_snapshot_is_not_stored_later() {
    let (mariadb, redis) = own_servers().await;
    let fixture = fixture_on(mariadb, redis).await;
    let fence = Fence::new(fixture.redis.clone(), fixture.config().keys);
    let write = |value: &'static str| FencedWrite {
        key: fixture.key("books:collection"),
        value: value.into(),
        max_ttl: LONG,
        expires_by: Instant::now() + LONG,
        channel: fixture.key("snapshots"),
        message: value.into(),
        snapshot: Some(SnapshotMeta {
            name: "books:collection".to_owned(),
            settings: value.to_owned(),
            unless_newer: None,
        }),
    };
    let taken = fence.acquire("one", LONG, 0).await.unwrap();
    let Acquired::Ours { lease, .. } = taken else {
        panic!("no other worker is there: {taken:?}")
    };
    fence.write(&lease, write("first")).await.unwrap();
    let recorder = Recorder::subscribe(&fixture, "snapshots").await;

    redis.freeze().unwrap();
    let abandoned = fence.write(&lease, write("given up")).await.unwrap_err();
    assert_eq!(refusal(&abandoned), None, "no reply: {abandoned}");
    redis.thaw().unwrap();
    eventually("a new one is stored and published", SOON, async || {
        assert_eq!(fixture.stored("books:collection").await?, "first");
        fence.write(&lease, write("new")).await.ok()
    })
    .await;
    eventually("the message is received", SOON, async || {
        (!recorder.messages("snapshots").is_empty()).then_some(())
    })
    .await;
    assert_eq!(recorder.messages("snapshots"), ["new"]);
}

/// It does not wait for the next comparison with Redis: ten rounds take less than the time of five comparisons.
#[tokio::test]
async fn a_worker_that_is_active_again_restores_missing_snapshots_at_once() {
    let fixture = Fixture::empty().await;
    let running = fixture.start();
    fixture.await_all().await;
    let rounds = async {
        for _ in 0..10 {
            fixture.expire_lease().await;
            let keys = Snapshot::ALL.map(|snapshot| fixture.key(&snapshot.name()));
            let _: i64 = fixture.redis.del(keys.to_vec()).await.unwrap();
            fixture.await_all().await;
        }
    };
    let ended = tokio::time::timeout(Duration::from_secs(10), rounds).await;
    ended.expect("each round waits for a comparison");
    running.stop().await;
}
