//! Each alert is seen to fire from a real fault, and none while all is well.

use super::dashboard;
use super::scene::{SOON, fires, firing, gateway, is_quiet, local, site, watch, well, worker};
use crate::fixture::{Site, own_servers};
use fred::interfaces::KeysInterface;
use shared::catalog::Snapshot;
use std::time::Duration;
use testkit::eventually::eventually;
use testkit::http::{Events, get};
use testkit::process::free_port;

/// Servers and processes go, one after the other.
#[tokio::test]
async fn alerts_fire_when_servers_and_processes_are_lost() {
    let (mariadb, redis) = own_servers().await;
    let mut site = site(mariadb, redis).await;
    let (a_worker, worker_port) = worker(&mut site);
    let gateway_port = free_port().unwrap();
    let a_gateway = gateway(&site, gateway_port, &[]);
    well(worker_port).await;
    well(gateway_port).await;
    let prometheus = watch(&[worker_port], &[gateway_port]).await;
    dashboard::every_query_answers(&prometheus, local(gateway_port)).await;
    is_quiet(&prometheus).await;

    redis.kill().await.unwrap();
    for job in ["library-worker", "library-gateway"] {
        fires(&prometheus, "LibraryRedisAway", ("job", job)).await;
    }
    redis.start_again().await.unwrap();
    is_quiet(&prometheus).await;

    site.redis_command("ACL", &["SETUSER", "default", "-subscribe"])
        .await;
    fires(&prometheus, "LibraryRedisErrors", ("part", "rights")).await;
    site.redis_command("ACL", &["SETUSER", "default", "+subscribe"])
        .await;
    is_quiet(&prometheus).await;

    mariadb.kill().await.unwrap();
    fires(&prometheus, "LibraryMySqlErrors", ("kind", "connection")).await;

    drop(a_worker);
    fires(
        &prometheus,
        "LibraryNoActiveWorker",
        ("severity", "critical"),
    )
    .await;
    fires(&prometheus, "LibraryProcessDown", ("job", "library-worker")).await;

    drop(a_gateway);
    fires(&prometheus, "LibraryNoGateway", ("severity", "critical")).await;
    fires(
        &prometheus,
        "LibraryProcessDown",
        ("job", "library-gateway"),
    )
    .await;

    // A gateway that is started in that state finds one old figure, and nothing else.
    leave_one_old(&site).await;
    let _cold = gateway(&site, gateway_port, &[]);
    fires(&prometheus, "LibraryTodayStale", ("severity", "critical")).await;
    let weekly = Snapshot::Weekly.name();
    fires(&prometheus, "LibrarySnapshotOld", ("snapshot", &weekly)).await;
    let address = local(gateway_port);
    eventually("viewers who wait are told", SOON, async || {
        assert_eq!(get(address, Snapshot::Weekly.path()).await.status, 200);
        assert_eq!(get(address, Snapshot::Monthly.path()).await.status, 202);
        let firing = firing(&prometheus).await;
        firing.contains("LibraryWarming").then_some(())
    })
    .await;
    fires(&prometheus, "LibraryWarming", ("severity", "warning")).await;
}

/// The weekly figure of 31 hours ago, as a worker has left it that has been dead since, and no other.
async fn leave_one_old(site: &Site) {
    for snapshot in Snapshot::ALL {
        let _: i64 = site.redis.del(site.key(&snapshot.name())).await.unwrap();
    }
    let made = site.clock.now().before(Duration::from_secs(31 * 3600));
    let value = format!(r#"{{"generated_at":"{made}","ttl_seconds":90000,"data":[]}}"#);
    let key = site.key(&Snapshot::Weekly.name());
    let _: () = site.redis.set(key, value, None, None, false).await.unwrap();
}

/// Visits of today that will be deleted, more than the alert allows.
const DELETED: usize = 40;
/// The last ids are not trusted to be settled; those are younger.
const YOUNGER: usize = 1_100;

/// Two installations on one database, whose clock is wrong, whose librarian deletes visits, and whose table is taken away.
#[tokio::test]
async fn alerts_fire_when_an_installation_is_wrong() {
    let (mariadb, redis) = own_servers().await;
    let mut site = site(mariadb, redis).await;
    let today = site.day().and_hms_opt(0, 0, 30).unwrap();
    insert_visits(&site, DELETED, today).await;
    insert_visits(&site, YOUNGER, today - chrono::TimeDelta::days(2)).await;
    let behind = site.clock.now().utc().timestamp() - 300;
    let set = format!("SET GLOBAL init_connect = 'SET timestamp = {behind}'");
    mariadb.execute(None, &set).await.unwrap();

    site.set("TODAY_COUNT_MODE", "delta");
    site.set("BOOKS_SLOW_CRON", "*/10 * * * * *");
    let (_one, one) = worker(&mut site);
    let gateway_port = free_port().unwrap();
    let _gateway = gateway(&site, gateway_port, &[("SSE_MAX_CLIENTS", "5")]);
    site.await_total(site.true_total().await).await;
    site.await_all().await;
    // Somebody has copied the configuration for a second Redis.
    site.set("REDIS_KEY_PREFIX", "elsewhere:");
    let (_two, two) = worker(&mut site);
    let prometheus = watch(&[one, two], &[gateway_port]).await;

    fires(
        &prometheus,
        "LibraryTwoActiveWorkers",
        ("severity", "critical"),
    )
    .await;
    // The next recount finds that they are gone, a minute after the start.
    let delete = format!("DELETE FROM visitor_count WHERE checkin_date = '{today}'");
    site.sql(&delete).await;
    for port in [one, two] {
        let instance = format!("127.0.0.1:{port}");
        fires(&prometheus, "LibraryClockOff", ("instance", &instance)).await;
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
    fires(
        &prometheus,
        "LibraryStreamsNearLimit",
        ("job", "library-gateway"),
    )
    .await;

    site.sql("RENAME TABLE item TO item_away").await;
    let collection = Snapshot::Collection.name();
    // More than one: for a moment after each time of the cron no figure has been made since.
    let missed = format!(
        "max(worker_cron_last_run_timestamp_seconds{{group=\"books\"}})
           - min(gateway_snapshot_timestamp_seconds{{snapshot=\"{collection}\"}}) > 15"
    );
    eventually("two runs are missed", SOON, async || {
        let series = prometheus.query(&missed).await.unwrap();
        (!series.is_empty()).then_some(())
    })
    .await;
    fires(&prometheus, "LibraryRunMissed", ("snapshot", &collection)).await;

    eventually("a recount has come", Duration::from_secs(120), async || {
        let firing = firing(&prometheus).await;
        firing.contains("LibraryTodayDrift").then_some(())
    })
    .await;
    fires(&prometheus, "LibraryTodayDrift", ("severity", "warning")).await;
}

/// So many guests at one second.
async fn insert_visits(site: &Site, count: usize, at: chrono::NaiveDateTime) {
    let rows = vec![format!("('Tamu', '{at}')"); count].join(", ");
    let sql = format!("INSERT INTO visitor_count (member_name, checkin_date) VALUES {rows}");
    site.sql(&sql).await;
}
