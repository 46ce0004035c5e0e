//! Redis stops, loses its data, or freezes: the gateway serves its cache at once, and finds new values afterwards.

use crate::fixture::{Fixture, LONG, SOON, Worker, envelope, message};
use fred::interfaces::ClientLike;
use shared::catalog::{Group, Snapshot};
use std::time::Duration;
use testkit::eventually::eventually;
use testkit::fault_proxy::{Direction, FaultProxy, Mode};
use testkit::http::{Events, get};
use testkit::server::Redis;
use tokio::time::Instant;

/// Far longer than a response from memory takes, even on a busy machine.
const QUICK: Duration = Duration::from_secs(1);

async fn assert_serves_cache(fixture: &Fixture) {
    for snapshot in Snapshot::ALL {
        let answer = fixture.get(snapshot.path()).await;
        assert_eq!(answer.status, 200, "{snapshot}");
        assert_eq!(answer.text(), envelope(snapshot, 1));
        assert!(answer.took < QUICK, "{snapshot}: {:?}", answer.took);
    }
    for group in [Group::Visitors, Group::Books] {
        assert_eq!(fixture.get(group.summary_path()).await.status, 200);
    }
    assert_eq!(fixture.get("/readyz").await.status, 200);
}

async fn wait_for_redis(fixture: &Fixture, state: &str, limit: Duration) {
    eventually(
        &format!("/health reports that Redis is {state}"),
        limit,
        async || {
            let body = fixture.get("/health").await.json();
            (body["redis"] == state).then_some(())
        },
    )
    .await;
}

#[tokio::test]
async fn cached_snapshots_outlive_their_keys() {
    let redis = Redis::start().await.unwrap();
    let fixture = Fixture::on_redis(&redis).await;
    fixture.warm().await;
    fixture
        .worker
        .delete(fixture.worker.keys.snapshot(Snapshot::Weekly))
        .await;
    fixture.worker.redis.flushall::<()>(false).await.unwrap();
    // This new value shows that the keys were read again after the loss.
    fixture.worker.set_count(&message(3, LONG), LONG).await;
    eventually("every key was read again", SOON, async || {
        let body = fixture.get("/health").await.json();
        (body["today"]["total"] == 3).then_some(())
    })
    .await;
    assert_serves_cache(&fixture).await;
}

#[tokio::test]
async fn cached_snapshots_survive_a_redis_that_restarts_empty() {
    let redis = Redis::start().await.unwrap();
    let fixture = Fixture::on_redis(&redis).await;
    fixture.warm().await;
    let life = Duration::from_secs(2);
    fixture.worker.publish_count(&message(1, life), life).await;
    let mut stream = Events::open(fixture.address).await;
    assert_eq!(stream.next().await.unwrap().event, "init");

    redis.kill().await.unwrap();
    wait_for_redis(&fixture, "disconnected", Duration::from_secs(5)).await;
    assert_serves_cache(&fixture).await;
    // The count expires; then no request waits for another one.
    eventually("the count has expired", SOON, async || {
        let answer = fixture.get("/api/visitors/today").await;
        assert!(answer.took < QUICK, "{:?}", answer.took);
        (answer.status == 202).then_some(())
    })
    .await;

    redis.start_again().await.unwrap();
    wait_for_redis(&fixture, "connected", SOON).await;
    assert_serves_cache(&fixture).await;
    // Subscribed again: counts arrive on the same stream, and a message makes the gateway read a key.
    let worker = Worker::on(&redis.url(), "").await;
    worker.publish_message(&message(2, LONG)).await;
    assert_eq!(stream.next().await.unwrap().data, message(2, LONG));
    let value = envelope(Snapshot::Yearly, 2);
    worker.store(Snapshot::Yearly, &value).await;
    fixture.shows(Snapshot::Yearly.path(), &value).await;
}

#[tokio::test]
async fn changes_during_an_outage_are_read_on_reconnect() {
    let redis = Redis::start().await.unwrap();
    let worker = Worker::on(&redis.url(), "").await;
    // No periodic read: only the reconnect can be the reason.
    let rarely = |config: &mut gateway::config::Config| config.limits.reread = LONG;
    let fixture = Fixture::with_worker(worker.into(), &redis.url(), &[], rarely).await;
    fixture
        .worker
        .store(Snapshot::Weekly, &envelope(Snapshot::Weekly, 1))
        .await;
    fixture
        .shows(Snapshot::Weekly.path(), &envelope(Snapshot::Weekly, 1))
        .await;
    for version in 2..=4 {
        let value = envelope(Snapshot::Weekly, version);
        let key = fixture.worker.keys.snapshot(Snapshot::Weekly);
        fixture.worker.set(&key, &value).await;
        // The gateway's connection is the only one that subscribes.
        let kill = fred::types::CustomCommand::new("CLIENT", None::<u16>, false);
        let args = ["KILL", "TYPE", "pubsub"];
        let killed: i64 = fixture
            .worker
            .redis
            .custom(kill, args.to_vec())
            .await
            .unwrap();
        assert_eq!(killed, 1);
        fixture.shows(Snapshot::Weekly.path(), &value).await;
    }
    let value = envelope(Snapshot::Weekly, 9);
    fixture.worker.store(Snapshot::Weekly, &value).await;
    fixture.shows(Snapshot::Weekly.path(), &value).await;
}

/// A replica that was promoted may lack the newest value until the worker stores it again. An older value that stays
/// longer than the grace is accepted.
#[tokio::test]
async fn older_snapshot_is_shown_only_after_the_grace() {
    let grace = Duration::from_secs(3);
    let fixture = Fixture::with(&[], |config| {
        config.limits.reread = Duration::from_millis(100);
        config.limits.stale_grace = grace;
    })
    .await;
    let newer = envelope(Snapshot::Weekly, 1);
    let older = newer.replace("2025-09-23T", "2025-09-22T");
    fixture.worker.store(Snapshot::Weekly, &newer).await;
    fixture.shows(Snapshot::Weekly.path(), &newer).await;
    let key = fixture.worker.keys.snapshot(Snapshot::Weekly);
    let began = Instant::now();
    fixture.worker.set(&key, &older).await;
    fixture.shows(Snapshot::Weekly.path(), &older).await;
    assert!(began.elapsed() >= grace, "{:?}", began.elapsed());
}

#[tokio::test]
async fn frozen_redis_is_noticed_and_the_gateway_recovers() {
    let redis = Redis::start().await.unwrap();
    let fixture = Fixture::on_redis(&redis).await;
    fixture.warm().await;
    redis.freeze().unwrap();
    assert_serves_cache(&fixture).await;
    wait_for_redis(&fixture, "disconnected", Duration::from_secs(5)).await;
    assert_serves_cache(&fixture).await;
    let answer = get(fixture.address, "/api/visitors/today").await;
    assert_eq!(answer.status, 202);
    assert!(answer.took < QUICK, "{:?}", answer.took);
    redis.thaw().unwrap();
    wait_for_redis(&fixture, "connected", SOON).await;
    let worker = Worker::on(&redis.url(), "").await;
    worker
        .store(Snapshot::Weekly, &envelope(Snapshot::Weekly, 5))
        .await;
    fixture
        .shows(Snapshot::Weekly.path(), &envelope(Snapshot::Weekly, 5))
        .await;
}

#[tokio::test]
async fn dead_connection_to_redis_is_replaced() {
    let redis = Redis::start().await.unwrap();
    let proxy = FaultProxy::to(redis.port(), 1).await.unwrap();
    let url = format!("redis://127.0.0.1:{}", proxy.port());
    let worker = Worker::on(&redis.url(), "").await;
    let fixture = Fixture::with_worker(worker.into(), &url, &[], |_| ()).await;
    fixture.warm().await;
    for version in 2..=3 {
        proxy.break_connections(Mode::BlackHole).await;
        let value = envelope(Snapshot::Weekly, version);
        fixture.worker.store(Snapshot::Weekly, &value).await;
        fixture.shows(Snapshot::Weekly.path(), &value).await;
    }
    let mut stream = Events::open(fixture.address).await;
    fixture.worker.publish_message(&message(1, LONG)).await;
    assert_eq!(stream.next().await.unwrap().event, "init");
}

/// The primary is lost between a message about a figure and its read. The promoted replica has an older value.
#[tokio::test]
async fn what_the_lost_primary_announced_is_not_expected_of_a_promoted_replica() {
    let primary = Redis::start().await.unwrap();
    let replica = Redis::start().await.unwrap();
    let proxy = FaultProxy::to(primary.port(), 1).await.unwrap();
    let url = format!("redis://127.0.0.1:{}", proxy.port());
    let worker = Worker::on(&primary.url(), "").await;
    let fixture = Fixture::with_worker(worker.into(), &url, &[], |config| {
        config.limits.stale_grace = LONG;
    })
    .await;
    fixture.warm().await;
    let promoted = Worker::on(&replica.url(), "").await;
    let newer = |snapshot| envelope(snapshot, 1);
    for snapshot in [Snapshot::Weekly, Snapshot::Yearly] {
        let older = newer(snapshot).replace("2025-09-23T", "2025-09-22T");
        let key = promoted.keys.snapshot(snapshot);
        promoted.set(&key, &older).await;
    }
    let recent = envelope(Snapshot::Monthly, 2);
    promoted
        .set(&promoted.keys.snapshot(Snapshot::Monthly), &recent)
        .await;

    // The gateway receives messages, and its reads are lost: of the first figure at once, the other one waits for it.
    proxy.set(Mode::Drop(Direction::Up)).await;
    for snapshot in [Snapshot::Weekly, Snapshot::Yearly] {
        let key = fixture.worker.keys.snapshot(snapshot);
        let channel = fixture.worker.keys.snapshots_channel();
        fixture.worker.publish(channel, &key).await;
    }
    fixture.worker.publish_message(&message(1, LONG)).await;
    eventually("the gateway has received both", SOON, async || {
        let body = fixture.get("/health").await.json();
        (body["today"]["total"] == 1).then_some(())
    })
    .await;
    proxy.redirect_to(replica.port());
    proxy.break_connections(Mode::Reset).await;

    fixture.shows(Snapshot::Monthly.path(), &recent).await;
    // One read later.
    let recent = envelope(Snapshot::Monthly, 3);
    promoted.store(Snapshot::Monthly, &recent).await;
    fixture.shows(Snapshot::Monthly.path(), &recent).await;
    for snapshot in [Snapshot::Weekly, Snapshot::Yearly] {
        fixture.shows(snapshot.path(), &newer(snapshot)).await;
    }
}

#[tokio::test]
async fn gateway_writes_no_key() {
    let redis = Redis::start().await.unwrap();
    let fixture = Fixture::on_redis(&redis).await;
    let info = |all: &str| -> Vec<String> {
        let lines = all.lines().filter_map(|line| line.strip_prefix("cmdstat_"));
        lines
            .filter_map(|line| line.split(':').next().map(str::to_owned))
            .collect()
    };
    // A request without a count, so that a refresh request is sent too.
    assert_eq!(fixture.get("/api/visitors/today").await.status, 202);
    let statistics = fred::types::InfoKind::CommandStats;
    let all: String = fixture.worker.redis.info(Some(statistics)).await.unwrap();
    let mut commands = info(&all);
    commands.sort();
    let allowed = [
        "client|id",
        "get",
        "hello",
        "info",
        "ping",
        "pttl",
        "publish",
        // Sent by the test kit, when it checks that the server has started.
        "quit",
        "subscribe",
    ];
    let forbidden: Vec<_> = commands
        .iter()
        .filter(|c| !allowed.contains(&c.as_str()))
        .collect();
    assert!(forbidden.is_empty(), "{forbidden:?}");
    assert!(commands.iter().any(|command| command == "publish"));
}
