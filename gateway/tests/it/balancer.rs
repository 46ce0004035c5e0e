//! Two gateways behind a real nginx: one of them stops, and no reader sees an error.

use crate::fixture::{LONG, SOON, Worker, envelope, message};
use crate::process::{signal, start};
use shared::catalog::Snapshot;
use std::net::SocketAddr;
use std::time::Duration;
use testkit::balancer::Balancer;
use testkit::eventually::eventually;
use testkit::http::{Events, get};
use testkit::server::{shared_redis, unique};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

const STREAMS: usize = 40;
const READERS: usize = 4;

/// A browser: it comes back as it was told, until it has heard `last`; returns how often it had to.
async fn watch_stream(address: SocketAddr, last: String) -> usize {
    for returned in 0.. {
        let mut stream = Events::open(address).await;
        assert_eq!(stream.status, 200);
        let mut retry = None;
        while let Some(block) = stream.next().await {
            if block.data == last {
                return returned;
            }
            retry = block.retry.or(retry);
        }
        assert!(stream.clean_end, "a stream was cut");
        // Sooner than it was told, which makes it harder.
        sleep(Duration::from_millis(retry.expect("a line retry:") / 10)).await;
    }
    unreachable!("it returns from within")
}

/// Reads until told to stop; returns how often.
async fn read(address: SocketAddr, stop: watch::Receiver<bool>) -> usize {
    let mut answers = 0;
    while !*stop.borrow() {
        let answer = get(address, Snapshot::Weekly.path()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answers += 1;
        sleep(Duration::from_millis(5)).await;
    }
    answers
}

#[tokio::test]
async fn while_one_of_two_gateways_stops_nobody_sees_an_error() {
    let prefix = unique("gw");
    let variables = [
        ("REDIS_KEY_PREFIX", prefix.as_str()),
        ("SHUTDOWN_DRAIN_SECONDS", "3"),
    ];
    let (mut one, at_one) = start(&variables).await;
    let (_two, at_two) = start(&variables).await;
    let worker = Worker::on(&shared_redis().await.url(), &prefix).await;
    worker
        .store(Snapshot::Weekly, &envelope(Snapshot::Weekly, 1))
        .await;
    worker.count(&message(1, LONG), LONG).await;
    for address in [at_one, at_two] {
        eventually("it has the snapshot and the count", SOON, async || {
            let weekly = get(address, Snapshot::Weekly.path()).await.status;
            let today = get(address, "/api/visitors/today").await.status;
            ((weekly, today) == (200, 200)).then_some(())
        })
        .await;
    }
    let balancer = Balancer::before(&[at_one, at_two]).await.unwrap();
    let last = message(2, LONG);
    let mut watching = JoinSet::new();
    for _ in 0..STREAMS {
        watching.spawn(watch_stream(balancer.address, last.clone()));
    }
    let (stop, stopped) = watch::channel(false);
    let mut reading = JoinSet::new();
    for _ in 0..READERS {
        reading.spawn(read(balancer.address, stopped.clone()));
    }
    let streams_at = async |address| {
        let metrics = get(address, "/metrics").await;
        let line = metrics
            .text()
            .lines()
            .find_map(|l| l.strip_prefix("gateway_streams "));
        line.unwrap().parse::<usize>().unwrap()
    };
    eventually("both have streams", SOON, async || {
        let (at_one, at_two) = (streams_at(at_one).await, streams_at(at_two).await);
        (at_one > 0 && at_two > 0 && at_one + at_two == STREAMS).then_some(())
    })
    .await;

    signal(&one, "TERM");
    assert_eq!(
        one.wait_exit(SOON * 2).await.unwrap().code(),
        Some(0),
        "{}",
        one.log()
    );
    eventually("all streams are at the other", SOON, async || {
        (streams_at(at_two).await == STREAMS).then_some(())
    })
    .await;
    worker.count(&last, LONG).await;
    let returned: usize = watching.join_all().await.into_iter().sum();
    stop.send_replace(true);
    let answers: usize = reading.join_all().await.into_iter().sum();
    println!("{answers} reads, {returned} streams came back, no error");
    assert!(returned > 0 && answers > 0);
}
