//! A gateway that was stopped for a while: messages that waited in its socket may be old, and are not shown as current.

use crate::fixture::{LONG, SOON, Worker, message};
use crate::process::{signal, start};
use fred::interfaces::KeysInterface;
use std::net::SocketAddr;
use std::time::Duration;
use testkit::eventually::eventually;
use testkit::http::{Events, get};
use testkit::process::Process;
use testkit::server::{shared_redis, unique};
use tokio::time::{Instant, sleep};

const TODAY: &str = "/api/visitors/today";

async fn gateway() -> (Process, SocketAddr, Worker) {
    let prefix = unique("gw");
    let (process, address) = start(&[("REDIS_KEY_PREFIX", &prefix)]).await;
    let worker = Worker::on(&shared_redis().await.url(), &prefix).await;
    (process, address, worker)
}

async fn wait_for_total(address: SocketAddr, total: u64) {
    eventually(&format!("the count is {total}"), SOON, async || {
        let answer = get(address, TODAY).await;
        (answer.status == 200 && answer.json()["total"] == total).then_some(())
    })
    .await;
}

/// Waits until the worker's count has expired, together with its key.
async fn wait_for_expiry(worker: &Worker) {
    eventually("the count has expired", SOON, async || {
        let there: u64 = worker
            .redis
            .exists(worker.keys.today_count())
            .await
            .unwrap();
        (there == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn counts_that_expired_while_the_process_was_stopped_are_not_shown() {
    let (process, address, worker) = gateway().await;
    worker.publish_count(&message(1, LONG), LONG).await;
    wait_for_total(address, 1).await;
    let mut stream = Events::open(address).await;
    assert_eq!(stream.next().await.unwrap().event, "init");
    let life = Duration::from_millis(400);
    for round in 1..=3 {
        signal(&process, "STOP");
        for old in 0..5 {
            worker
                .publish_count(&message(1_000 + old, life), life)
                .await;
        }
        wait_for_expiry(&worker).await;
        signal(&process, "CONT");
        let until = Instant::now() + life;
        while Instant::now() < until {
            let today = get(address, TODAY).await.json();
            assert_eq!(today["total"], round, "{today}");
            let init = Events::open(address).await.next().await.unwrap();
            assert!(
                init.data.contains(&format!("\"total\":{round},")),
                "{init:?}"
            );
        }
        // The next event of the stream is the new count.
        let new = message(round + 1, LONG);
        worker.publish_count(&new, LONG).await;
        assert_eq!(stream.next().await.unwrap().data, new);
        wait_for_total(address, round + 1).await;
    }
}

#[tokio::test]
async fn count_made_while_the_process_was_stopped_is_shown_if_current() {
    let (process, address, worker) = gateway().await;
    let mut stream = Events::open(address).await;
    signal(&process, "STOP");
    worker.publish_count(&message(1, LONG), LONG).await;
    // The message alone does not show whether it came before or after these seconds; the key does.
    let life = Duration::from_secs(4);
    sleep(life).await;
    worker.publish_count(&message(2, life), life).await;
    signal(&process, "CONT");
    let mut first = stream.next().await.unwrap();
    if first.data.contains("\"total\":1,") {
        first = stream.next().await.unwrap();
    }
    assert!(first.data.contains("\"total\":2,"), "{first:?}");
    assert_eq!(get(address, TODAY).await.json()["total"], 2);
    wait_for_expiry(&worker).await;
    assert_eq!(get(address, TODAY).await.status, 202);
}
