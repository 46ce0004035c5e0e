//! Who has lost the lease, or comes too late, changes nothing.

use crate::fixture::{SOON, Site, own_servers, site_on};
use crate::recorder::{Recorder, epoch};
use fred::interfaces::KeysInterface;
use shared::catalog::Snapshot;
use shared::snapshot::Envelope;
use std::time::Duration;
use testkit::eventually::eventually;
use tokio::time::{Instant, sleep};
use worker::publish::fence::{Acquired, Fence, FencedWrite, SnapshotMeta, WriteRefused};
use worker::publish::publisher::Publisher;

/// A count's life in tests that do not wait for its end.
const LONG: Duration = Duration::from_secs(3600);

fn refused(error: &anyhow::Error) -> Option<WriteRefused> {
    error.downcast_ref().copied()
}

/// Takes the lease away, as its end does.
async fn expire(site: &Site) {
    let _: i64 = site.redis.del(site.key("worker:lease")).await.unwrap();
}

fn collection(site: &Site, total: u32) -> Envelope<Box<serde_json::value::RawValue>> {
    let data = format!(r#"{{"total_titles":{total},"total_items":0}}"#);
    Envelope {
        generated_at: site.clock.now(),
        ttl_seconds: 60,
        period: None,
        data: serde_json::value::RawValue::from_string(data).unwrap(),
    }
}

async fn publish(store: &Publisher, text: &str, life: Duration) -> anyhow::Result<()> {
    let message = text.as_bytes().to_vec();
    store.publish_today(message, Instant::now(), life).await
}

#[tokio::test]
async fn a_worker_that_has_lost_its_lease_writes_nothing() {
    let site = Site::empty().await;
    let (one, other) = (site.active("one").await, site.store("other"));
    publish(&one, "first", LONG).await.unwrap();
    let first = epoch(&site.stored("worker:lease").await.unwrap());
    // Taken over behind its back, while it still takes itself for the active one.
    let lease = eventually("the other is quicker", SOON, async || {
        expire(&site).await;
        let (lease, beside) = other.lease().acquire_or_borrow().await.unwrap();
        (!beside).then_some(lease)
    })
    .await;
    assert!(epoch(&lease) > first, "the epoch rises: {first}, {lease}");

    let error = publish(&one, "late", LONG).await.unwrap_err();
    assert_eq!(refused(&error), Some(WriteRefused::Lost));
    one.cache(Snapshot::Collection, &collection(&site, 1))
        .unwrap();
    one.sync().await.unwrap();
    assert_eq!(site.stored("visitors:today:count").await.unwrap(), "first");
    assert_eq!(site.stored("books:collection").await, None);
    assert_eq!(site.stored("worker:lease").await.unwrap(), lease);
}

#[tokio::test]
async fn a_write_under_a_borrowed_lease_never_replaces_a_newer_snapshot() {
    let site = Site::empty().await;
    let active = site.active("active").await;
    let beside = site.store("beside");
    beside
        .cache(Snapshot::Collection, &collection(&site, 1))
        .unwrap();
    sleep(Duration::from_millis(5)).await;
    active
        .cache(Snapshot::Collection, &collection(&site, 2))
        .unwrap();
    active.sync().await.unwrap();
    let newer = site.stored("books:collection").await.unwrap();
    beside.flush_once().await.unwrap();
    assert_eq!(site.stored("books:collection").await.unwrap(), newer);

    sleep(Duration::from_millis(5)).await;
    beside
        .cache(Snapshot::Collection, &collection(&site, 3))
        .unwrap();
    beside.flush_once().await.unwrap();
    assert!(
        site.stored("books:collection")
            .await
            .unwrap()
            .contains(":3,")
    );
    // The active worker takes it over, and stores it again when it is lost.
    active.sync().await.unwrap();
    let _: i64 = site.redis.del(site.key("books:collection")).await.unwrap();
    active.sync().await.unwrap();
    assert!(
        site.stored("books:collection")
            .await
            .unwrap()
            .contains(":3,")
    );
    assert!(active.lease().is_active(), "nobody took its lease");
}

/// A worker takes over a Redis that has lost everything, with a copy from before the cron last came: another one may have made
/// a newer one, which gateways show.
#[tokio::test]
async fn an_overdue_snapshot_is_restored_only_after_its_refresh_failed() {
    let site = Site::empty().await;
    let day = chrono::TimeDelta::days(1);
    site.clock.step_to(site.now - day);
    let before = site.store("before");
    before
        .cache(Snapshot::Collection, &collection(&site, 1))
        .unwrap();
    before.flush_once().await.unwrap();
    site.clock.step_to(site.now);
    let store = site.active("after").await;
    let _: i64 = site.redis.del(site.key("books:collection")).await.unwrap();
    store.sync().await.unwrap();
    assert_eq!(site.stored("books:collection").await, None);
    store.mark_final(&[Snapshot::Collection].into());
    store.sync().await.unwrap();
    assert!(
        site.stored("books:collection")
            .await
            .unwrap()
            .contains(":1,")
    );
}

/// The command lies in the socket of a server that stands still, and is found there when it goes on.
#[tokio::test]
async fn an_abandoned_count_is_not_stored_later() {
    let (mariadb, redis) = own_servers().await;
    let site = site_on(mariadb, redis).await;
    let store = site.active("one").await;
    publish(&store, "first", LONG).await.unwrap();
    let recorder = Recorder::subscribe(&site, "visitors:today").await;

    redis.freeze().unwrap();
    publish(&store, "given up", LONG).await.unwrap_err();
    redis.thaw().unwrap();
    eventually("Redis answers", SOON, async || {
        site.stored("visitors:today:count").await
    })
    .await;
    // Within the time that a command may take, but after the end of what it would have stored.
    eventually("the lease is back", SOON, async || {
        store.lease().is_active().then_some(())
    })
    .await;
    redis.freeze().unwrap();
    let over = publish(&store, "yesterday", Duration::from_millis(300));
    let (over, ()) = tokio::join!(over, async {
        sleep(Duration::from_millis(800)).await;
        redis.thaw().unwrap();
    });
    assert_eq!(refused(&over.unwrap_err()), Some(WriteRefused::Late));
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
    assert_eq!(recorder.messages("visitors:today"), ["new"]);
}

/// The same of a daily figure, which lives for a day.
#[tokio::test]
async fn an_abandoned_snapshot_is_not_stored_later() {
    let (mariadb, redis) = own_servers().await;
    let site = site_on(mariadb, redis).await;
    let fence = Fence::new(site.redis.clone(), site.config().keys);
    let write = |value: &'static str| FencedWrite {
        key: site.key("books:collection"),
        value: value.into(),
        life: LONG,
        ends: Instant::now() + LONG,
        channel: site.key("snapshots"),
        message: value.into(),
        snapshot: Some(SnapshotMeta {
            name: "books:collection".to_owned(),
            settings: value.to_owned(),
            unless_newer: None,
        }),
    };
    let taken = fence.acquire("one", LONG, 0).await.unwrap();
    let Acquired::Ours(lease) = taken else {
        panic!("nobody else is there: {taken:?}")
    };
    fence.write(&lease, write("first")).await.unwrap();
    let recorder = Recorder::subscribe(&site, "snapshots").await;

    redis.freeze().unwrap();
    let given_up = fence.write(&lease, write("given up")).await.unwrap_err();
    assert_eq!(refused(&given_up), None, "nothing answered: {given_up}");
    redis.thaw().unwrap();
    eventually("a new one is stored and published", SOON, async || {
        assert_eq!(site.stored("books:collection").await?, "first");
        fence.write(&lease, write("new")).await.ok()
    })
    .await;
    eventually("the message is received", SOON, async || {
        (!recorder.messages("snapshots").is_empty()).then_some(())
    })
    .await;
    assert_eq!(recorder.messages("snapshots"), ["new"]);
}

/// Without waiting for the next look: ten rounds take less than five of those.
#[tokio::test]
async fn a_worker_that_is_active_again_restores_missing_snapshots_at_once() {
    let site = Site::empty().await;
    let running = site.start();
    site.await_all().await;
    let rounds = async {
        for _ in 0..10 {
            expire(&site).await;
            let keys = Snapshot::ALL.map(|snapshot| site.key(&snapshot.name()));
            let _: i64 = site.redis.del(keys.to_vec()).await.unwrap();
            site.await_all().await;
        }
    };
    let ended = tokio::time::timeout(Duration::from_secs(10), rounds).await;
    ended.expect("each round waits for a look");
    running.stop().await;
}
