//! `/livez`, `/readyz`, `/health`, and `SERVE_STALE`.

use crate::fixture::{Fixture, LONG, SOON, Worker, envelope, message};
use serde_json::{Value, json};
use shared::catalog::{Group, Snapshot};
use std::sync::Arc;
use testkit::eventually::eventually;
use testkit::http::get;
use testkit::process::free_port;
use testkit::server::{shared_redis, unique};

/// A balancer without a readiness check sends requests as soon as the gateway listens. They must not get a 202 for
/// figures that are in Redis.
#[tokio::test]
async fn first_requests_wait_for_the_first_read_of_redis() {
    let url = shared_redis().await.url();
    let worker = Arc::new(Worker::on(&url, &unique("gw")).await);
    let weekly = envelope(Snapshot::Weekly, 1);
    worker.store(Snapshot::Weekly, &weekly).await;
    worker.publish_count(&message(7, LONG), LONG).await;
    let fixture = Fixture::unconnected(worker, &url, &[], |_| ()).await;
    let (read, today) = tokio::join!(
        fixture.get(Snapshot::Weekly.path()),
        fixture.get("/api/visitors/today"),
    );
    assert_eq!((read.status, today.status), (200, 200));
    assert_eq!(read.text(), weekly);
    assert_eq!(today.json()["total"], 7);
}

#[tokio::test]
async fn gateway_without_redis_is_live_and_not_ready() {
    let worker = Worker::on(&shared_redis().await.url(), "never").await;
    let url = format!("redis://127.0.0.1:{}", free_port().unwrap());
    let fixture = Fixture::unconnected(Arc::new(worker), &url, &[], |_| ()).await;
    assert_eq!(fixture.get("/livez").await.status, 200);
    let ready = fixture.get("/readyz").await;
    assert_eq!(ready.status, 503);
    assert_eq!(
        ready.header("content-type"),
        Some("application/problem+json")
    );
    assert!(!ready.text().contains("127.0.0.1"));
    let health = fixture.get("/health").await;
    assert_eq!(health.status, 200);
    assert_eq!(health.json()["redis"], "disconnected");
    assert_eq!(health.json()["status"], "degraded");
    assert_eq!(fixture.get("/api/visitors/weekly").await.status, 202);
}

#[tokio::test]
async fn health_reports_every_snapshot() {
    let fixture = Fixture::start().await;
    let missing = json!({"state": "missing", "generated_at": null, "age_seconds": null});
    let body = fixture.get("/health").await.json();
    let snapshots = body["snapshots"].as_object().unwrap();
    assert_eq!(snapshots.len(), Snapshot::ALL.len());
    for snapshot in Snapshot::ALL {
        assert_eq!(snapshots[&snapshot.name()], missing);
    }
    assert_eq!(body["today"], Value::Null);
    assert_eq!(body["status"], "degraded");
    assert_eq!(body["redis"], "connected");
    assert_eq!(body["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(body["errors"], json!({}));
    assert_eq!(body.as_object().unwrap().len(), 6);

    let start = fixture.clock.now();
    for snapshot in Snapshot::ALL {
        let value = envelope(snapshot, 1).replace(
            &format!("2025-09-23T00:05:{:02}.345Z", 10 + snapshot.index()),
            &start.to_string(),
        );
        fixture.worker.store(snapshot, &value).await;
    }
    fixture.worker.publish_count(&message(3, LONG), LONG).await;
    let body = eventually("all is well", SOON, async || {
        let body = fixture.get("/health").await.json();
        (body["status"] == "ok").then_some(body)
    })
    .await;
    let weekly = &body["snapshots"]["visitors:weekly"];
    assert_eq!(weekly["state"], "fresh");
    assert_eq!(weekly["generated_at"], start.to_string());
    assert!(weekly["age_seconds"].as_f64().unwrap() < 60.0);
    assert_eq!(body["today"]["total"], 3);
    assert!(body["today"]["generated_at"].is_string() && body["today"]["age_seconds"].is_number());

    // After its ttl_seconds of 90001 it is stale, and served all the same.
    fixture
        .clock
        .step_to(start.utc() + chrono::Duration::seconds(90_062));
    let body = fixture.get("/health").await.json();
    assert_eq!(body["snapshots"]["visitors:weekly"]["state"], "stale");
    assert_eq!(body["status"], "degraded");
    assert_eq!(fixture.get("/api/visitors/weekly").await.status, 200);
}

#[tokio::test]
async fn health_responses_are_no_store() {
    let fixture = Fixture::start().await;
    for path in ["/livez", "/readyz", "/health"] {
        let answer = get(fixture.address, path).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
}

#[tokio::test]
async fn stale_snapshot_is_202_if_serve_stale_is_false() {
    let fixture = Fixture::with(&[("SERVE_STALE", "false")], |_| ()).await;
    let start = fixture.clock.now();
    // One lives longer than the others.
    for snapshot in Snapshot::ALL {
        let ttl = if snapshot == Snapshot::Weekly {
            200_000
        } else {
            90_001
        };
        let value = format!(r#"{{"generated_at":"{start}","ttl_seconds":{ttl},"data":[]}}"#);
        fixture.worker.store(snapshot, &value).await;
        fixture.shows(snapshot.path(), &value).await;
    }
    let summaries = [Group::Visitors, Group::Books].map(Group::summary_path);
    for path in summaries {
        assert_eq!(fixture.get(path).await.status, 200);
    }
    let life = chrono::Duration::seconds(90_001);
    fixture
        .clock
        .step_to(start.utc() + life + chrono::Duration::minutes(1));
    let others = Snapshot::ALL
        .into_iter()
        .filter(|one| *one != Snapshot::Weekly);
    for path in others.map(Snapshot::path).chain(summaries) {
        let answer = fixture.get(path).await;
        assert_eq!(answer.status, 202, "{path}");
        assert_eq!(answer.header("retry-after"), Some("5"));
    }
    assert_eq!(fixture.get(Snapshot::Weekly.path()).await.status, 200);
    // A new snapshot is served.
    let monthly = Snapshot::Monthly;
    let value = format!(
        r#"{{"generated_at":"{}","ttl_seconds":60,"data":[1]}}"#,
        fixture.clock.now()
    );
    fixture.worker.store(monthly, &value).await;
    fixture.shows(monthly.path(), &value).await;
}
