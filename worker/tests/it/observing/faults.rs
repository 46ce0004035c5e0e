//! Each alert fires after a real fault, and none fires before.

use super::dashboard;
use super::scene::{
    SOON, await_alert, await_no_alert, await_ok, firing, fixture, gateway, local, start_prometheus,
    worker,
};
use crate::fixture::{Fixture, own_servers};
use fred::interfaces::KeysInterface;
use shared::catalog::Snapshot;
use std::time::Duration;
use testkit::eventually::eventually;
use testkit::http::{Events, get};
use testkit::process::free_port;

/// Servers and processes are lost, one after the other.
#[tokio::test]
async fn alerts_fire_when_servers_and_processes_are_lost() {
    let (mariadb, redis) = own_servers().await;
    let mut fixture = fixture(mariadb, redis).await;
    let (a_worker, worker_port) = worker(&mut fixture);
    let gateway_port = free_port().unwrap();
    let a_gateway = gateway(&fixture, gateway_port, &[]);
    await_ok(worker_port).await;
    await_ok(gateway_port).await;
    let prometheus = start_prometheus(&[worker_port], &[gateway_port]).await;
    dashboard::assert_every_query_has_a_result(&prometheus, local(gateway_port)).await;
    await_no_alert(&prometheus).await;

    redis.kill().await.unwrap();
    for job in ["library-worker", "library-gateway"] {
        await_alert(&prometheus, "LibraryRedisAway", ("job", job)).await;
    }
    redis.start_again().await.unwrap();
    await_no_alert(&prometheus).await;

    fixture
        .redis_command("ACL", &["SETUSER", "default", "-subscribe"])
        .await;
    await_alert(&prometheus, "LibraryRedisErrors", ("part", "rights")).await;
    fixture
        .redis_command("ACL", &["SETUSER", "default", "+subscribe"])
        .await;
    await_no_alert(&prometheus).await;

    mariadb.kill().await.unwrap();
    await_alert(&prometheus, "LibraryMySqlErrors", ("kind", "connection")).await;

    drop(a_worker);
    await_alert(
        &prometheus,
        "LibraryNoActiveWorker",
        ("severity", "critical"),
    )
    .await;
    await_alert(&prometheus, "LibraryProcessDown", ("job", "library-worker")).await;

    drop(a_gateway);
    await_alert(&prometheus, "LibraryNoGateway", ("severity", "critical")).await;
    await_alert(
        &prometheus,
        "LibraryProcessDown",
        ("job", "library-gateway"),
    )
    .await;

    // A gateway that starts now finds one old snapshot and nothing else.
    leave_one_old_snapshot(&fixture).await;
    let _cold = gateway(&fixture, gateway_port, &[]);
    await_alert(&prometheus, "LibraryTodayStale", ("severity", "critical")).await;
    let weekly = Snapshot::Weekly.name();
    await_alert(&prometheus, "LibrarySnapshotOld", ("snapshot", &weekly)).await;
    let address = local(gateway_port);
    eventually("clients that wait get a 202", SOON, async || {
        assert_eq!(get(address, Snapshot::Weekly.path()).await.status, 200);
        assert_eq!(get(address, Snapshot::Monthly.path()).await.status, 202);
        let firing = firing(&prometheus).await;
        firing.contains("LibraryWarming").then_some(())
    })
    .await;
    await_alert(&prometheus, "LibraryWarming", ("severity", "warning")).await;
}

/// Leaves only a weekly snapshot of 31 hours ago, as if the worker had been dead since.
async fn leave_one_old_snapshot(fixture: &Fixture) {
    fixture.delete_snapshots().await;
    let made = fixture.clock.now().minus(Duration::from_secs(31 * 3600));
    let value = format!(r#"{{"generated_at":"{made}","ttl_seconds":90000,"data":[]}}"#);
    let key = fixture.key(&Snapshot::Weekly.name());
    let _: () = fixture
        .redis
        .set(key, value, None, None, false)
        .await
        .unwrap();
}

/// How many of today's visits are deleted: more than the alert allows.
const DELETED: usize = 40;
/// Visits with greater ids than the deleted ones, since `delta` counts the last ids anew at each tick.
const NEWER: usize = 1_100;

/// Two installations use one database. Its clock is wrong, visits are deleted, and a table disappears.
#[tokio::test]
async fn alerts_fire_when_an_installation_is_wrong() {
    let (mariadb, redis) = own_servers().await;
    let mut fixture = fixture(mariadb, redis).await;
    let today = fixture.day().and_hms_opt(0, 0, 30).unwrap();
    insert_visits(&fixture, DELETED, today).await;
    insert_visits(&fixture, NEWER, today - chrono::TimeDelta::days(2)).await;
    let behind = fixture.clock.now().utc().timestamp() - 300;
    let set = format!("SET GLOBAL init_connect = 'SET timestamp = {behind}'");
    mariadb.execute(None, &set).await.unwrap();

    fixture.set("TODAY_COUNT_MODE", "delta");
    fixture.set("BOOKS_SLOW_CRON", "*/10 * * * * *");
    let (_one, one) = worker(&mut fixture);
    let gateway_port = free_port().unwrap();
    let _gateway = gateway(&fixture, gateway_port, &[("SSE_MAX_CLIENTS", "5")]);
    fixture.await_total(fixture.true_total().await).await;
    fixture.await_all().await;
    // The configuration is copied for a second installation.
    fixture.set("REDIS_KEY_PREFIX", "elsewhere:");
    let (_two, two) = worker(&mut fixture);
    let prometheus = start_prometheus(&[one, two], &[gateway_port]).await;

    await_alert(
        &prometheus,
        "LibraryTwoActiveWorkers",
        ("severity", "critical"),
    )
    .await;
    // The next recount, a minute after the start, finds them missing.
    let delete = format!("DELETE FROM visitor_count WHERE checkin_date = '{today}'");
    fixture.sql(&delete).await;
    for port in [one, two] {
        let instance = format!("127.0.0.1:{port}");
        await_alert(&prometheus, "LibraryClockOff", ("instance", &instance)).await;
    }

    let mut streams = Vec::new();
    for _ in 0..4 {
        streams.push(Events::open(local(gateway_port)).await);
    }
    eventually("four of five streams are scraped", SOON, async || {
        let series = prometheus.query("gateway_streams").await.unwrap();
        (series.first()?["value"][1] == "4").then_some(())
    })
    .await;
    let early = firing(&prometheus).await;
    assert!(!early.contains("LibraryStreamsNearLimit"), "{early:?}");
    streams.push(Events::open(local(gateway_port)).await);
    await_alert(
        &prometheus,
        "LibraryStreamsNearLimit",
        ("job", "library-gateway"),
    )
    .await;

    fixture.sql("RENAME TABLE item TO item_away").await;
    let collection = Snapshot::Collection.name();
    // More than one run: for a moment after each cron time, no figure has been made since.
    let missed = format!(
        "max(worker_cron_last_run_timestamp_seconds{{group=\"books\"}})
           - min(gateway_snapshot_timestamp_seconds{{snapshot=\"{collection}\"}}) > 15"
    );
    eventually("two runs are missed", SOON, async || {
        let series = prometheus.query(&missed).await.unwrap();
        (!series.is_empty()).then_some(())
    })
    .await;
    await_alert(&prometheus, "LibraryRunMissed", ("snapshot", &collection)).await;

    eventually(
        "a recount finds the drift",
        Duration::from_secs(120),
        async || {
            let firing = firing(&prometheus).await;
            firing.contains("LibraryTodayDrift").then_some(())
        },
    )
    .await;
    await_alert(&prometheus, "LibraryTodayDrift", ("severity", "warning")).await;
}

/// Inserts `count` visits at the same second.
async fn insert_visits(fixture: &Fixture, count: usize, at: chrono::NaiveDateTime) {
    let rows = vec![format!("('Tamu', '{at}')"); count].join(", ");
    let sql = format!("INSERT INTO visitor_count (member_name, checkin_date) VALUES {rows}");
    fixture.sql(&sql).await;
}
