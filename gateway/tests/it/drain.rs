//! The stop: readiness goes first, streams leave one by one, reads are served to the end.

use crate::fixture::{Fixture, LONG, SOON, message};
use std::sync::atomic::Ordering;
use std::time::Duration;
use testkit::eventually::eventually;
use testkit::http::{Events, ask, get};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

#[tokio::test]
async fn without_streams_it_ends_at_once() {
    let mut fixture = Fixture::with(&[("SHUTDOWN_DRAIN_SECONDS", "60")], |_| ()).await;
    let mut idle = testkit::http::Connection::open(fixture.address).await;
    idle.send("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(idle.answer(false).await.status, 200);
    fixture.stop.cancel();
    let ended = timeout(SOON, &mut fixture.task).await.expect("it ends");
    ended.unwrap().unwrap();
    assert!(idle.ends_within(SOON).await);
}

#[tokio::test]
async fn streams_leave_evenly_and_cleanly_while_reads_are_served() {
    let window = ("SHUTDOWN_DRAIN_SECONDS", "4");
    let mut fixture = Fixture::with(&[window], |_| ()).await;
    fixture.worker.count(&message(1, LONG), LONG).await;
    let mut streams = JoinSet::new();
    let mut open = Vec::new();
    for _ in 0..6 {
        let mut stream = Events::open(fixture.address).await;
        assert_eq!(stream.next().await.unwrap().event, "init");
        open.push(stream);
    }
    let stopped = Instant::now();
    for mut stream in open {
        streams.spawn(async move {
            let mut last = None;
            while let Some(block) = stream.next().await {
                last = Some(block);
            }
            let retry = last.and_then(|block| block.retry);
            // A browser that came back on this connection would be refused for ever.
            let ended = stream.connection.ends_within(SOON).await;
            (stopped.elapsed(), retry, stream.clean_end && ended)
        });
    }
    fixture.stop.cancel();
    let ready = get(fixture.address, "/readyz").await;
    assert_eq!(ready.status, 503);
    let refused = ask(fixture.address, "GET", "/api/visitors/today/stream", &[]).await;
    assert_eq!(refused.status, 503);
    assert!(refused.header("retry-after").is_some());
    let read = get(fixture.address, "/api/visitors/today").await;
    assert_eq!(
        (read.status, read.header("connection")),
        (200, Some("close"))
    );

    let (mut ends, mut retries) = (Vec::new(), std::collections::BTreeSet::new());
    while let Some(end) = streams.join_next().await {
        let (end, retry, clean) = end.unwrap();
        assert!(clean, "a stream was cut");
        assert!((1_000..=5_000).contains(&retry.expect("a line retry:")));
        retries.insert(retry);
        ends.push(end);
        if ends.len() < 6 {
            // Still there for reads and for health.
            assert_eq!(get(fixture.address, "/livez").await.status, 200);
        }
    }
    assert!(
        retries.len() > 1,
        "each is told a time of its own: {retries:?}"
    );
    // None before its turn: the first quarter is for balancers, the rest is shared out. A busy machine is late, never early.
    for (index, end) in (0..).zip(&ends) {
        let turn = Duration::from_secs(1) + Duration::from_secs(3) * index / 6;
        assert!(*end >= turn, "{ends:?}");
    }
    let ended = timeout(SOON, &mut fixture.task).await.expect("it ends");
    ended.unwrap().unwrap();
    assert!(
        tokio::net::TcpStream::connect(fixture.address)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_request_that_waits_for_a_count_is_answered_at_the_stop() {
    let mut fixture = Fixture::start().await;
    let rings = fixture.worker.listen_for_rings().await;
    let mut waiting = testkit::http::Connection::open(fixture.address).await;
    waiting
        .send("GET /api/visitors/today HTTP/1.1\r\nHost: x\r\n\r\n")
        .await;
    eventually("it has rung", SOON, async || {
        (rings.load(Ordering::Relaxed) > 0).then_some(())
    })
    .await;
    fixture.stop.cancel();
    assert_eq!(waiting.answer(false).await.status, 202);
    let ended = timeout(SOON, &mut fixture.task).await.expect("it ends");
    ended.unwrap().unwrap();
}

#[tokio::test]
async fn a_stream_that_cannot_take_its_end_does_not_hold_up_the_exit() {
    let mut fixture = Fixture::with(&[("SHUTDOWN_DRAIN_SECONDS", "1")], |_| ()).await;
    fixture.worker.count(&message(1, LONG), LONG).await;
    let _stuck = Events::open(fixture.address).await;
    let long = format!("{{\"pad\":\"{}\",", "x".repeat(200_000));
    for total in 2..200 {
        fixture
            .worker
            .message(&message(total, LONG).replacen('{', &long, 1))
            .await;
    }
    let stopped = Instant::now();
    fixture.stop.cancel();
    let ended = timeout(SOON, &mut fixture.task).await.expect("it ends");
    ended.unwrap().unwrap();
    // A second of window, two at most after it, and one for a busy machine.
    assert!(
        stopped.elapsed() < Duration::from_secs(4),
        "{:?}",
        stopped.elapsed()
    );
}
