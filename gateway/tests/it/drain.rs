//! Shutdown: `/readyz` fails first, streams close one by one, and reads are served to the end.

use crate::fixture::{Fixture, LONG, SOON, message};
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;
use testkit::eventually::eventually;
use testkit::http::{Connection, Events, get, request};
use testkit::scrape;
use tokio::io::AsyncReadExt as _;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

#[tokio::test]
async fn gateway_without_streams_exits_at_once() {
    let mut fixture = Fixture::with(&[("SHUTDOWN_DRAIN_SECONDS", "60")], |_| ()).await;
    let mut idle = testkit::http::Connection::open(fixture.address).await;
    idle.send("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(idle.read_response(false).await.status, 200);
    fixture.stop.cancel();
    let ended = timeout(SOON, &mut fixture.task)
        .await
        .expect("an end in time");
    ended.unwrap().unwrap();
    assert!(idle.ends_within(SOON).await);
}

#[tokio::test]
async fn streams_close_evenly_and_cleanly_while_reads_are_served() {
    let window = ("SHUTDOWN_DRAIN_SECONDS", "4");
    let mut fixture = Fixture::with(&[window], |_| ()).await;
    fixture.worker.publish_count(&message(1, LONG), LONG).await;
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
            // A browser that reused this connection would be refused each time.
            let ended = stream.connection.ends_within(SOON).await;
            (stopped.elapsed(), retry, stream.clean_end && ended)
        });
    }
    fixture.stop.cancel();
    let ready = get(fixture.address, "/readyz").await;
    assert_eq!(ready.status, 503);
    let refused = request(fixture.address, "GET", "/api/visitors/today/stream", &[]).await;
    assert_eq!(refused.status, 503);
    assert!(refused.header("retry-after").is_some());
    let mut browser = Connection::open(fixture.address).await;
    browser
        .send("GET /api/visitors/today/stream HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n")
        .await;
    let mut answer = String::new();
    let read = browser.socket.read_to_string(&mut answer);
    timeout(SOON, read).await.expect("an end in time").unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(
        answer.contains("retry: ") && answer.contains("\n: this gateway is stopping"),
        "{answer}"
    );
    assert!(answer.ends_with("\n\r\n0\r\n\r\n"), "{answer}");
    let metrics = fixture.get("/metrics").await;
    for (name, wanted) in [
        ("gateway_streams", 6),
        ("gateway_streams_refused_total{reason=\"stopping\"}", 2),
    ] {
        assert_eq!(scrape::figure(metrics.text(), name), Some(wanted), "{name}");
    }
    let read = get(fixture.address, "/api/visitors/today").await;
    assert_eq!(
        (read.status, read.header("connection")),
        (200, Some("close"))
    );

    // Meanwhile the metric shows how many streams are left.
    let mut seen = BTreeSet::new();
    let all_seen = timeout(SOON, async {
        while !seen.contains(&1) {
            let metrics = fixture.get("/metrics").await;
            seen.extend(scrape::figure::<u64>(metrics.text(), "gateway_streams"));
        }
    });
    all_seen.await.expect("the streams close");
    assert_eq!(seen, (1..=6).collect());

    let (mut ends, mut retries) = (Vec::new(), BTreeSet::new());
    while let Some(end) = streams.join_next().await {
        let (end, retry, clean) = end.unwrap();
        assert!(clean, "a stream was cut");
        assert!((1_000..=5_000).contains(&retry.expect("a line retry:")));
        retries.insert(retry);
        ends.push(end);
    }
    assert!(retries.len() > 1, "the retry times are random: {retries:?}");
    // No stream closes early: the first quarter of the window is for balancers, the rest is spread evenly.
    for (index, end) in (0..).zip(&ends) {
        let earliest = Duration::from_secs(1) + Duration::from_secs(3) * index / 6;
        assert!(*end >= earliest, "{ends:?}");
    }
    let ended = timeout(SOON, &mut fixture.task)
        .await
        .expect("an end in time");
    ended.unwrap().unwrap();
    assert!(
        tokio::net::TcpStream::connect(fixture.address)
            .await
            .is_err()
    );
}

/// Some clients dispatch an empty event at a blank line without data before it.
#[tokio::test]
async fn drained_stream_ends_with_retry_and_no_blank_line() {
    for version in ["HTTP/1.1", "HTTP/1.0"] {
        let fixture = Fixture::with(&[("SHUTDOWN_DRAIN_SECONDS", "1")], |_| ()).await;
        let mut stream = Events::open_as(fixture.address, version).await;
        fixture.stop.cancel();
        let mut rest = String::new();
        let read = stream.connection.socket.read_to_string(&mut rest);
        timeout(SOON, read).await.expect("an end in time").unwrap();
        let last = match version {
            "HTTP/1.0" => &rest,
            _ => rest.strip_suffix("\r\n0\r\n\r\n").expect("a clean end"),
        };
        let (_, retry) = last.rsplit_once("retry: ").expect("a line retry:");
        let retry = retry.strip_suffix('\n').unwrap();
        assert!(retry.bytes().all(|byte| byte.is_ascii_digit()), "{rest:?}");
    }
}

#[tokio::test]
async fn request_that_waits_for_a_count_is_answered_at_shutdown() {
    let mut fixture = Fixture::with(&[], |config| config.limits.count_wait = LONG).await;
    let requests = fixture.worker.count_refresh_requests().await;
    let mut waiting = testkit::http::Connection::open(fixture.address).await;
    waiting
        .send("GET /api/visitors/today HTTP/1.1\r\nHost: x\r\n\r\n")
        .await;
    eventually("the refresh request is sent", SOON, async || {
        (requests.load(Ordering::Relaxed) > 0).then_some(())
    })
    .await;
    fixture.stop.cancel();
    assert_eq!(waiting.read_response(false).await.status, 202);
    let ended = timeout(SOON, &mut fixture.task)
        .await
        .expect("an end in time");
    ended.unwrap().unwrap();
}

#[tokio::test]
async fn blocked_stream_does_not_delay_the_exit() {
    let mut fixture = Fixture::with(&[("SHUTDOWN_DRAIN_SECONDS", "1")], |_| ()).await;
    fixture.worker.publish_count(&message(1, LONG), LONG).await;
    let _stuck = Events::open(fixture.address).await;
    let long = format!("{{\"pad\":\"{}\",", "x".repeat(200_000));
    for total in 2..200 {
        fixture
            .worker
            .publish_message(&message(total, LONG).replacen('{', &long, 1))
            .await;
    }
    let stopped = Instant::now();
    fixture.stop.cancel();
    let ended = timeout(SOON, &mut fixture.task)
        .await
        .expect("an end in time");
    ended.unwrap().unwrap();
    // A window of one second, at most two seconds after it, and one more for a busy machine.
    assert!(
        stopped.elapsed() < Duration::from_secs(4),
        "{:?}",
        stopped.elapsed()
    );
}
