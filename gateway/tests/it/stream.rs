//! The event stream: events, keepalive, `SSE_EMIT`, limits, slow clients.

use crate::fixture::{Fixture, LONG, SOON, message};
use gateway::config::Config;
use std::collections::BTreeSet;
use std::time::Duration;
use testkit::eventually::eventually;
use testkit::http::{Block, Connection, Events, request};
use testkit::scrape;
use tokio::io::AsyncReadExt as _;
use tokio::time::{Instant, sleep_until, timeout};

const STREAM: &str = "/api/visitors/today/stream";

async fn publish_and_wait(fixture: &Fixture, total: u64) {
    fixture
        .worker
        .publish_count(&message(total, LONG), LONG)
        .await;
    eventually("the gateway has the count", SOON, async || {
        let body = fixture.get("/health").await.json();
        (body["today"]["total"] == total).then_some(())
    })
    .await;
}

fn assert_init(block: &Block, total: u64, source: &str) {
    let sent: serde_json::Value = serde_json::from_str(&message(total, LONG)).unwrap();
    let at = sent["generated_at"].as_str().unwrap();
    assert_eq!(block.event, "init");
    assert_eq!(
        block.data,
        format!(r#"{{"total":{total},"source":"{source}","at":"{at}","date":"2025-09-23"}}"#)
    );
    assert!((1_000..=5_000).contains(&block.retry.unwrap()));
    assert_eq!(block.id, millis(at));
}

fn millis(time: &str) -> String {
    let time = chrono::DateTime::parse_from_rfc3339(time).unwrap();
    time.timestamp_millis().to_string()
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = headers.iter().find(|(key, _)| key == name);
    found.map(|(_, value)| value.as_str())
}

#[tokio::test]
async fn stream_begins_with_init_and_sends_each_new_count() {
    let fixture = Fixture::start().await;
    publish_and_wait(&fixture, 100).await;
    let mut stream = Events::open(fixture.address).await;
    assert_eq!(stream.status, 200);
    assert_eq!(
        header(&stream.headers, "content-type"),
        Some("text/event-stream")
    );
    assert_eq!(
        header(&stream.headers, "cache-control"),
        Some("no-store, no-transform")
    );
    assert_eq!(header(&stream.headers, "x-accel-buffering"), Some("no"));
    assert_eq!(
        header(&stream.headers, "transfer-encoding"),
        Some("chunked")
    );
    assert!(header(&stream.headers, "content-length").is_none());
    assert_init(&stream.next().await.unwrap(), 100, "cache");
    // Each new count is an update, larger or smaller.
    for total in [101, 101_000, 99] {
        fixture
            .worker
            .publish_count(&message(total, LONG), LONG)
            .await;
        let update = stream.next().await.unwrap();
        assert_eq!(update.event, "update");
        assert_eq!(update.data, message(total, LONG));
        assert_eq!(update.retry, None);
        let sent: serde_json::Value = serde_json::from_str(&update.data).unwrap();
        assert_eq!(update.id, millis(sent["generated_at"].as_str().unwrap()));
    }
}

#[tokio::test]
async fn stream_without_a_count_begins_with_the_first_one() {
    let fixture = Fixture::start().await;
    let mut stream = Events::open(fixture.address).await;
    assert_eq!(stream.status, 200);
    fixture.worker.publish_count(&message(1, LONG), LONG).await;
    assert_init(&stream.next().await.unwrap(), 1, "db");
    fixture.worker.publish_count(&message(2, LONG), LONG).await;
    assert_eq!(stream.next().await.unwrap().data, message(2, LONG));
}

#[tokio::test]
async fn expired_count_is_never_sent_as_init() {
    let fixture = Fixture::start().await;
    let life = Duration::from_millis(200);
    fixture.worker.publish_message(&message(1, life)).await;
    publish_and_wait(&fixture, 2).await;
    fixture.worker.publish_count(&message(3, life), life).await;
    eventually("the count has expired", SOON, async || {
        let body = fixture.get("/health").await.json();
        body["today"].is_null().then_some(())
    })
    .await;
    let mut stream = Events::open(fixture.address).await;
    assert_eq!(stream.next_within(Duration::from_millis(300)).await, None);
    fixture.worker.publish_count(&message(4, LONG), LONG).await;
    assert_init(&stream.next().await.unwrap(), 4, "db");
}

#[tokio::test]
async fn keepalive_comments_fill_silence() {
    let keepalive = Duration::from_millis(300);
    let short = |config: &mut Config| config.limits.keepalive = keepalive;
    let fixture = Fixture::with(&[], short).await;
    let mut stream = Events::open(fixture.address).await;
    for _ in 0..3 {
        assert_eq!(stream.next().await.unwrap().comment, "keepalive");
    }
    publish_and_wait(&fixture, 1).await;
    let mut block = stream.next().await.unwrap();
    while block.event.is_empty() {
        assert_eq!(block.comment, "keepalive");
        block = stream.next().await.unwrap();
    }
    assert_init(&block, 1, "db");
    // No comments while there is other traffic.
    let mut before_last_update = Instant::now();
    for total in 2..22 {
        let began = Instant::now();
        sleep_until(Instant::now() + Duration::from_millis(50)).await;
        fixture
            .worker
            .publish_count(&message(total, LONG), LONG)
            .await;
        let mut block = stream.next().await.unwrap();
        if !block.comment.is_empty() {
            // Only if the machine was busy; the update follows the comment.
            assert!(before_last_update.elapsed() >= keepalive);
            block = stream.next().await.unwrap();
        }
        assert_eq!(block.data, message(total, LONG));
        before_last_update = began;
    }
}

#[tokio::test]
async fn emit_change_sends_only_counts_that_differ() {
    let fixture = Fixture::with(&[("SSE_EMIT", "change")], |_| ()).await;
    publish_and_wait(&fixture, 50).await;
    let mut stream = Events::open(fixture.address).await;
    assert_init(&stream.next().await.unwrap(), 50, "cache");
    let again = |total: u64| message(total, LONG).replacen(&format!(":{total},"), ":50,", 1);
    fixture.worker.publish_count(&again(51), LONG).await;
    fixture.worker.publish_count(&again(52), LONG).await;
    fixture.worker.publish_count(&message(53, LONG), LONG).await;
    assert_eq!(stream.next().await.unwrap().data, message(53, LONG));
    let next_day = message(53, LONG).replace("\"date\":\"2025-09-23", "\"date\":\"2025-09-24");
    fixture.worker.publish_count(&next_day, LONG).await;
    assert_eq!(stream.next().await.unwrap().data, next_day);
}

#[tokio::test]
async fn emit_change_sends_an_equal_count_after_a_silence() {
    let short = |config: &mut Config| config.limits.keepalive = Duration::from_millis(500);
    let fixture = Fixture::with(&[("SSE_EMIT", "change")], short).await;
    publish_and_wait(&fixture, 50).await;
    let mut stream = Events::open(fixture.address).await;
    assert_init(&stream.next().await.unwrap(), 50, "cache");
    assert_eq!(stream.next().await.unwrap().comment, "keepalive");
    let equal = message(51, LONG).replacen(":51,", ":50,", 1);
    fixture.worker.publish_count(&equal, LONG).await;
    let mut block = stream.next().await.unwrap();
    while !block.comment.is_empty() {
        block = stream.next().await.unwrap();
    }
    assert_eq!(block.data, equal);
}

/// An `EventSource` must be refused with a 200: after any other status it never reconnects.
async fn assert_refused_as_stream(fixture: &Fixture, version: &str, accept: &str, why: &str) {
    let mut connection = Connection::open(fixture.address).await;
    connection
        .send(format!(
            "GET {STREAM} {version}\r\nHost: x\r\nAccept: {accept}\r\n\r\n"
        ))
        .await;
    let mut answer = String::new();
    let read = connection.socket.read_to_string(&mut answer);
    timeout(SOON, read).await.expect("an end in time").unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    for line in [
        "content-type: text/event-stream",
        "cache-control: no-store, no-transform",
        "x-accel-buffering: no",
        "connection: close",
    ] {
        assert!(head.lines().any(|found| found == line), "{line}: {head}");
    }
    assert!(!head.contains("content-length"), "{head}");
    let block = match version {
        "HTTP/1.0" => body,
        _ => {
            let (_, chunk) = body.split_once("\r\n").unwrap();
            chunk.strip_suffix("\r\n0\r\n\r\n").expect("a clean end")
        }
    };
    let retry = block.strip_prefix("retry: ").unwrap();
    let (retry, comment) = retry.split_once('\n').unwrap();
    let retry: u64 = retry.parse().unwrap();
    assert!((2_000..=8_000).contains(&retry), "{retry}");
    // A blank line would be an event without data to some clients.
    assert_eq!(comment, format!(": {why}\n"));
}

#[tokio::test]
async fn stream_above_the_limit_is_refused_with_retry() {
    let fixture = Fixture::with(&[("SSE_MAX_CLIENTS", "2")], |_| ()).await;
    let one = Events::open(fixture.address).await;
    let two = Events::open(fixture.address).await;
    assert_eq!((one.status, two.status), (200, 200));
    for _ in 0..5 {
        let answer = request(fixture.address, "GET", STREAM, &[]).await;
        assert_eq!(answer.status, 503);
        let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((2..=8).contains(&seconds));
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json")
        );
    }
    let opened = ("gateway_streams_opened_total", 2);
    let refused = "gateway_streams_refused_total{reason=\"full\"}";
    for accept in ["text/event-stream", "text/html, text/event-stream;q=0.9"] {
        assert_refused_as_stream(
            &fixture,
            "HTTP/1.1",
            accept,
            "the gateway has too many open streams",
        )
        .await;
        assert_refused_as_stream(
            &fixture,
            "HTTP/1.0",
            accept,
            "the gateway has too many open streams",
        )
        .await;
    }
    let any = request(fixture.address, "GET", STREAM, &["Accept: */*"]).await;
    assert_eq!(any.status, 503);
    for (name, wanted) in [opened, (refused, 10), ("gateway_streams", 2)] {
        let metrics = fixture.get("/metrics").await;
        assert_eq!(scrape::figure(metrics.text(), name), Some(wanted), "{name}");
    }
    // HEAD needs no permit.
    let head = request(fixture.address, "HEAD", STREAM, &[]).await;
    assert_eq!(head.status, 200);
    assert_eq!(head.header("cache-control"), Some("no-store, no-transform"));
    drop(one);
    eventually("the permit is free again", SOON, async || {
        let stream = Events::open(fixture.address).await;
        (stream.status == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn head_returns_the_headers_of_the_stream() {
    let fixture = Fixture::start().await;
    let get = Events::open(fixture.address).await;
    let mut connection = testkit::http::Connection::open(fixture.address).await;
    for _ in 0..2 {
        connection
            .send(format!("HEAD {STREAM} HTTP/1.1\r\nHost: x\r\n\r\n"))
            .await;
        let head = connection.read_response(true).await;
        assert_eq!(head.status, 200);
        for name in [
            "content-type",
            "cache-control",
            "x-accel-buffering",
            "content-length",
        ] {
            assert_eq!(head.header(name), header(&get.headers, name), "{name}");
        }
    }
}

#[tokio::test]
async fn stream_over_http_1_0_is_not_chunked() {
    let fixture = Fixture::start().await;
    publish_and_wait(&fixture, 5).await;
    let mut stream = Events::open_as(fixture.address, "HTTP/1.0").await;
    assert!(header(&stream.headers, "transfer-encoding").is_none());
    assert!(header(&stream.headers, "content-length").is_none());
    assert_init(&stream.next().await.unwrap(), 5, "cache");
    fixture.stop.cancel();
    let last = stream.next().await.expect("a line retry:");
    assert!(last.retry.is_some() && last.event.is_empty(), "{last:?}");
    assert_eq!(stream.next().await, None);
}

#[tokio::test]
async fn stream_can_be_disabled() {
    let fixture = Fixture::with(&[("ENABLE_SSE_TODAY", "off")], |_| ()).await;
    for method in ["GET", "HEAD", "OPTIONS", "POST"] {
        assert_eq!(
            request(fixture.address, method, STREAM, &[]).await.status,
            404
        );
    }
}

#[tokio::test]
async fn stalled_client_is_disconnected_and_its_permit_released() {
    let fixture = Fixture::with(&[("SSE_MAX_CLIENTS", "1")], |config| {
        config.limits.stalled = Duration::from_millis(500);
    })
    .await;
    publish_and_wait(&fixture, 1).await;
    // It never reads. Long messages fill the buffers of both kernels.
    let idle = Events::open(fixture.address).await;
    let long = format!("{{\"pad\":\"{}\",", "x".repeat(200_000));
    let mut total = 1;
    eventually("the idle client is cut", SOON * 2, async || {
        total += 1;
        let message = message(total, LONG).replacen('{', &long, 1);
        fixture.worker.publish_message(&message).await;
        let answer = request(fixture.address, "HEAD", "/livez", &[]).await;
        assert_eq!(answer.status, 200);
        (Events::open(fixture.address).await.status == 200).then_some(())
    })
    .await;
    drop(idle);
}

#[tokio::test]
async fn slow_client_skips_to_the_latest_count() {
    let fixture = Fixture::start().await;
    publish_and_wait(&fixture, 1).await;
    let mut stream = Events::open(fixture.address).await;
    let last = 400;
    let long = format!("{{\"pad\":\"{}\",", "x".repeat(100_000));
    let padded = |total: u64| message(total, LONG).replacen('{', &long, 1);
    // Waits for each count, so that the hubs skip none of them.
    let mut fast_stream = Events::open(fixture.address).await;
    for total in 2..=last {
        fixture.worker.publish_message(&padded(total)).await;
        while fast_stream.next().await.unwrap().data != padded(total) {}
    }
    publish_and_wait(&fixture, last + 1).await;
    let newest = message(last + 1, LONG);
    let mut received = 0;
    while stream.next().await.unwrap().data != newest {
        received += 1;
    }
    // 40 MB were published. The socket buffers on both sides hold at most 10 MB, and the gateway has no queue.
    println!("{received} of {last} counts were received");
    assert!(received < last / 2, "{received} counts were queued");
}

/// A stream that opens during a broadcast gets the count as `init` or as `update`, but not both.
#[tokio::test]
async fn stream_opened_during_a_broadcast_gets_the_count_once() {
    let fixture = Fixture::start().await;
    for total in 1..=100 {
        let message = message(total, LONG);
        let coming = fixture.worker.publish_count(&message, LONG);
        let opening = futures_util::future::join_all((0..8).map(|_| Events::open(fixture.address)));
        let ((), streams) = tokio::join!(coming, opening);
        for mut stream in streams {
            let is_count = |block: &Block| {
                let data = serde_json::from_str::<serde_json::Value>(&block.data);
                data.is_ok_and(|data| data["total"] == total)
            };
            let mut received = vec![stream.next().await.unwrap()];
            while !received.last().is_some_and(is_count) {
                received.push(stream.next().await.unwrap());
            }
            // Time for a wrong block.
            received.extend(stream.next_within(Duration::from_millis(5)).await);
            let ids: BTreeSet<_> = received.iter().map(|block| &block.id).collect();
            assert_eq!(ids.len(), received.len(), "{total}: {received:?}");
        }
    }
}
