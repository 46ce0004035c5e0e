//! A rolling restart under load: both gateways restart one after the other, and no client sees an error.
//!
//! The clients speak HTTP/1.1 without TLS to a listener that the test adds; `edge` tests TLS and HTTP/2.

use super::{Pair, figure};
use crate::fixture::{LONG, SOON, Worker, message};
use shared::catalog::Snapshot;
use std::net::SocketAddr;
use std::time::Duration;
use testkit::balancer::{Balancer, Kind};
use testkit::descriptors;
use testkit::eventually::eventually;
use testkit::http::{Connection, Events, get};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

const STREAMS: usize = 2_000;
const READERS: usize = 8;
/// Larger than every total before it.
const LAST: u64 = 100_000;
/// `SHUTDOWN_DRAIN_SECONDS`; the default is 10.
const DRAIN_SECONDS: &str = "4";
const READ: &str = r#"gateway_http_responses_total{route="/api/visitors/weekly",code="200"}"#;

/// What a client of the stream has received up to the last count.
#[derive(Default)]
struct Seen {
    counts: usize,
    reconnects: usize,
}

/// Opens a stream like a browser.
async fn open(address: SocketAddr) -> Events {
    let connection = Connection::open(address).await;
    Events::open_on(connection, "HTTP/1.1", &["Accept: text/event-stream"]).await
}

/// Reads streams like a browser, reconnects after the `retry` time, and ends at the count [`LAST`].
async fn view(mut stream: Events, address: SocketAddr) -> Seen {
    let (mut seen, mut highest) = (Seen::default(), 0);
    loop {
        assert_eq!(stream.status, 200, "a stream was refused");
        let mut retry = None;
        while let Some(block) = stream.next().await {
            retry = block.retry.or(retry);
            let Ok(data) = serde_json::from_str::<serde_json::Value>(&block.data) else {
                continue;
            };
            let total = data["total"].as_u64().expect("a total");
            assert!(total >= highest, "{total} after {highest}");
            (highest, seen.counts) = (total, seen.counts + 1);
            if total == LAST {
                return seen;
            }
        }
        assert!(stream.clean_end, "a stream was cut");
        sleep(Duration::from_millis(retry.expect("a line retry:"))).await;
        seen.reconnects += 1;
        stream = open(address).await;
    }
}

/// Reads a figure and opens a stream again and again until `stop`; returns how often, and how many of the streams
/// were refused with a `retry` time.
async fn read(address: SocketAddr, stop: watch::Receiver<bool>) -> (usize, usize) {
    let (mut answers, mut refused) = (0, 0);
    while !*stop.borrow() {
        let answer = get(address, Snapshot::Weekly.path()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let mut stream = open(address).await;
        assert_eq!(stream.status, 200, "a new stream was refused for ever");
        let first = stream.next().await.unwrap();
        if first.comment.starts_with("this gateway is stopping") {
            assert!(first.retry.is_some() && stream.next().await.is_none());
            assert!(stream.clean_end, "a stream was cut");
            refused += 1;
        } else {
            assert_eq!(first.event, "init");
        }
        answers += 1;
        sleep(Duration::from_millis(10)).await;
    }
    (answers, refused)
}

/// Publishes a count five times a second until `stop`; returns how many.
async fn publish(worker: &Worker, stop: watch::Receiver<bool>) -> u64 {
    let mut total = 1;
    while !*stop.borrow() {
        total += 1;
        worker.publish_count(&message(total, LONG), LONG).await;
        sleep(Duration::from_millis(200)).await;
    }
    total
}

#[expect(clippy::print_stdout, reason = "the figures of RELIABILITY.md")]
async fn restart_both(kind: Kind) {
    descriptors::raise().unwrap();
    let mut pair = Pair::start(&[("SHUTDOWN_DRAIN_SECONDS", DRAIN_SECONDS)]).await;
    let balancer = Balancer::before(kind, pair.addresses).await.unwrap();
    let mut viewing = JoinSet::new();
    for _ in 0..STREAMS {
        let stream = open(balancer.plain).await;
        viewing.spawn(view(stream, balancer.plain));
    }
    let [one, two] = pair.streams().await;
    assert!(one.abs_diff(two) < STREAMS / 10, "{one} and {two}");
    let (stop, stopped) = watch::channel(false);
    let mut reading = JoinSet::new();
    for _ in 0..READERS {
        reading.spawn(read(balancer.plain, stopped.clone()));
    }
    let redis = testkit::server::shared_redis().await.url();
    let worker = Worker::on(&redis, &pair.worker.prefix).await;
    let publishing = tokio::spawn(async move { publish(&worker, stopped).await });

    for index in 0..2 {
        pair.restart(index).await;
        // The balancer must know of this gateway before the next one stops.
        let address = pair.addresses[index];
        let before = figure(address, READ).await;
        eventually("the balancer uses the gateway again", SOON, async || {
            (figure(address, READ).await > before + READERS).then_some(())
        })
        .await;
    }
    stop.send_replace(true);
    let published = publishing.await.unwrap();
    assert!(published < LAST, "{published}");
    pair.worker.publish_count(&message(LAST, LONG), LONG).await;
    let seen = viewing.join_all().await;
    let answered = reading.join_all().await;
    let answers: usize = answered.iter().map(|(answers, _)| answers).sum();
    let refused: usize = answered.iter().map(|(_, refused)| refused).sum();
    let reconnects: usize = seen.iter().map(|seen| seen.reconnects).sum();
    let counts: usize = seen.iter().map(|seen| seen.counts).sum();
    println!(
        "{kind:?}: {answers} reads and as many new streams ({refused} refused with a retry time), {published} counts published, {counts} seen on {STREAMS} streams that reconnected \
         {reconnects} times; no error"
    );
    // Each gateway had about half of the streams when it stopped.
    assert!(
        reconnects >= STREAMS && answers > 0,
        "{reconnects}, {answers}"
    );
    // nginx tries another gateway at once; HAProxy may send requests to a stopping gateway until its health check
    // fails.
    assert!(kind != Kind::Nginx || refused == 0, "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rolling_restart_behind_nginx_is_not_noticed() {
    restart_both(Kind::Nginx).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rolling_restart_behind_haproxy_is_not_noticed() {
    restart_both(Kind::Haproxy).await;
}
