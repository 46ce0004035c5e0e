//! Snapshots of a megabyte: compressing them delays nothing else, and the value that was read last is served.

use crate::fixture::{LONG, SOON, Worker, message};
use crate::process::start;
use shared::catalog::{Group, Snapshot};
use std::net::SocketAddr;
use testkit::eventually::eventually;
use testkit::http::{Events, get};
use testkit::process::Process;
use testkit::server::{shared_redis, unique};

/// Counts that must arrive while one snapshot is compressed. Hundreds do; if the same task compressed, it would be one
/// or two.
const COUNTS: u64 = 10;

/// A valid value of nearly 1 MiB that compresses slowly.
fn large(version: u32) -> String {
    let mut state = u64::from(version) + 1;
    let digits: String = std::iter::repeat_with(|| {
        // Knuth's generator: any noise is good enough.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        format!("{:08x}", state >> 32)
    })
    .take((1 << 20) / 8 - 20)
    .collect();
    format!(
        r#"{{"generated_at":"2025-09-23T00:05:{version:02}.000Z","ttl_seconds":90000,"data":["{digits}"]}}"#
    )
}

fn small(version: u32) -> String {
    format!(
        r#"{{"generated_at":"2025-09-23T00:05:{version:02}.000Z","ttl_seconds":90000,"data":[{version}]}}"#
    )
}

async fn gateway() -> (Process, SocketAddr, Worker) {
    let prefix = unique("gw");
    let worker = Worker::on(&shared_redis().await.url(), &prefix).await;
    for snapshot in Snapshot::ALL {
        worker.store(snapshot, &small(0)).await;
    }
    let (process, address) = start(&[("REDIS_KEY_PREFIX", &prefix)]).await;
    (process, address, worker)
}

async fn shows(address: SocketAddr, path: &str, value: &str) -> bool {
    get(address, path).await.body == value.as_bytes()
}

#[tokio::test]
async fn large_snapshot_delays_no_count_and_no_connection() {
    let (_process, address, worker) = gateway().await;
    let path = Snapshot::Weekly.path();
    let value = large(1);
    worker.publish_count(&message(0, LONG), LONG).await;
    let mut stream = Events::open(address).await;
    assert_eq!(stream.next().await.unwrap().event, "init");
    worker.store(Snapshot::Weekly, &value).await;
    let mut total = 0;
    // Each round is a count that has arrived on the stream and a new connection that was answered.
    while !shows(address, path, &value).await {
        total += 1;
        let count = message(total, LONG);
        worker.publish_count(&count, LONG).await;
        while stream.next().await.unwrap().data != count {}
        let today = get(address, "/api/visitors/today").await.json();
        assert_eq!(today["total"], total);
    }
    println!(
        "{total} counts came while a snapshot of {} bytes was prepared",
        value.len()
    );
    assert!(total >= COUNTS, "{total}");
}

#[tokio::test]
async fn newest_value_wins_among_large_and_small_ones() {
    let (_process, address, worker) = gateway().await;
    for round in 0..4 {
        // The large values take long; they must not replace the small one after them.
        worker.store(Snapshot::Weekly, &large(10 * round + 1)).await;
        worker.store(Snapshot::Weekly, &large(10 * round + 2)).await;
        let newest = small(10 * round + 3);
        worker.store(Snapshot::Weekly, &newest).await;
        worker
            .publish_count(&message(u64::from(round), LONG), LONG)
            .await;
        eventually("the newest is shown", SOON, async || {
            shows(address, Snapshot::Weekly.path(), &newest)
                .await
                .then_some(())
        })
        .await;
        let summary = get(address, Group::Visitors.summary_path()).await.json();
        assert_eq!(summary["data"]["weekly"][0], 10 * round + 3);
        // When a later change is shown, everything read before it has been applied.
        let later = small(10 * round + 4);
        worker.store(Snapshot::Monthly, &later).await;
        eventually("a later value is shown", SOON, async || {
            shows(address, Snapshot::Monthly.path(), &later)
                .await
                .then_some(())
        })
        .await;
        assert!(shows(address, Snapshot::Weekly.path(), &newest).await);
    }
}

#[tokio::test]
async fn large_summary_contains_each_new_count() {
    let (_process, address, worker) = gateway().await;
    let value = large(1);
    worker.store(Snapshot::Weekly, &value).await;
    for total in 1..=3 {
        worker.publish_count(&message(total, LONG), LONG).await;
        eventually("the count is in the summary", SOON, async || {
            let summary = get(address, Group::Visitors.summary_path()).await;
            (summary.status == 200 && summary.json()["data"]["today"]["total"] == total)
                .then_some(())
        })
        .await;
    }
    let summary = get(address, Group::Visitors.summary_path()).await.json();
    let weekly: serde_json::Value = serde_json::from_str(&value).unwrap();
    assert_eq!(summary["data"]["weekly"], weekly["data"]);
}
