//! Refresh requests: without a count, the gateway asks the worker for one and waits for it.

use crate::fixture::{Fixture, LONG, SOON, Worker, message};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use testkit::eventually::eventually;
use testkit::http::{Response, get};
use testkit::process::free_port;
use testkit::server::shared_redis;
use tokio::task::JoinSet;

const TODAY: &str = "/api/visitors/today";

#[tokio::test]
async fn request_that_waited_gets_source_db() {
    let fixture = Fixture::with(&[], |config| config.limits.count_wait = SOON).await;
    let requests = fixture.worker.count_refresh_requests().await;
    let waiting = tokio::spawn(get(fixture.address, TODAY));
    eventually("a refresh request is sent", SOON, async || {
        (requests.load(Ordering::SeqCst) > 0).then_some(())
    })
    .await;
    fixture.worker.publish_message("not a count").await;
    fixture.worker.publish_count(&message(33, LONG), LONG).await;
    let answer = waiting.await.unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["source"], "db");
    assert_eq!(answer.json()["total"], 33);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(fixture.get(TODAY).await.json()["source"], "cache");
}

#[tokio::test]
async fn request_without_a_count_is_202_after_1_second() {
    let fixture = Fixture::start().await;
    let answer = fixture.get(TODAY).await;
    assert_eq!(answer.status, 202);
    assert_eq!(answer.header("retry-after"), Some("5"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(
        answer.took >= Duration::from_millis(990),
        "{:?}",
        answer.took
    );
    assert!(answer.took < SOON, "{:?}", answer.took);
}

#[tokio::test]
async fn thousand_requests_send_at_most_four_refresh_requests_a_second() {
    let fixture = Fixture::start().await;
    let requests = fixture.worker.count_refresh_requests().await;
    let began = tokio::time::Instant::now();
    let mut clients: JoinSet<Response> = (0..1_000).map(|_| get(fixture.address, TODAY)).collect();
    while let Some(answer) = clients.join_next().await {
        assert_eq!(answer.unwrap().status, 202);
    }
    let allowed = began.elapsed().as_millis() / 250 + 1;
    let sent = requests.load(Ordering::SeqCst) as u128;
    assert!(
        (1..=allowed).contains(&sent),
        "{sent} requests, {allowed} allowed"
    );
}

#[tokio::test]
async fn no_request_waits_while_redis_is_down() {
    let worker = Worker::on(&shared_redis().await.url(), "away").await;
    let url = format!("redis://127.0.0.1:{}", free_port().unwrap());
    let long = |config: &mut gateway::config::Config| config.limits.count_wait = LONG;
    let fixture = Fixture::unconnected(Arc::new(worker), &url, &[], long).await;
    let answer = fixture.get(TODAY).await;
    assert_eq!(answer.status, 202);
    assert!(answer.took < SOON);
}
