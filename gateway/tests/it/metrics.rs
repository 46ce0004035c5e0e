//! `/metrics`: every counter counts.

use crate::fixture::{Fixture, LONG, SOON, message};
use shared::catalog::Snapshot;
use std::time::Duration;
use testkit::eventually::eventually;
use testkit::http::{Events, request, send_raw};
use testkit::scrape;

/// The value of a series; `None` if there is no such series.
async fn figure(fixture: &Fixture, name: &str) -> Option<u64> {
    scrape::figure(fixture.get("/metrics").await.text(), name)
}

async fn wait_for(fixture: &Fixture, name: &str, wanted: u64) {
    eventually(name, SOON, async || {
        (figure(fixture, name).await == Some(wanted)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn responses_are_counted_by_route_and_status() {
    let fixture = Fixture::start().await;
    let answer = fixture.get("/metrics").await;
    let content_type = answer.header("content-type").unwrap();
    assert!(
        content_type.starts_with("application/openmetrics-text"),
        "{content_type}"
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));

    let weekly = "/api/visitors/weekly";
    fixture.get(weekly).await;
    fixture.warm().await;
    let etag = fixture.get(weekly).await.header("etag").unwrap().to_owned();
    let condition = format!("If-None-Match: {etag}");
    request(fixture.address, "GET", weekly, &[&condition]).await;
    request(fixture.address, "HEAD", "/api/books/summary", &[]).await;
    request(fixture.address, "POST", weekly, &[]).await;
    fixture.get("/wp-login.php?user=secret").await;
    for (labels, count) in [
        (r#"route="/api/visitors/weekly",code="202""#, 1),
        (r#"route="/api/visitors/weekly",code="304""#, 1),
        (r#"route="/api/visitors/weekly",code="405""#, 1),
        (r#"route="other",code="404""#, 1),
    ] {
        let name = format!("gateway_http_responses_total{{{labels}}}");
        assert_eq!(figure(&fixture, &name).await, Some(count), "{name}");
    }
    for route in [weekly, "/api/books/summary"] {
        let name = format!("gateway_http_responses_total{{route=\"{route}\",code=\"200\"}}");
        assert!(figure(&fixture, &name).await >= Some(1), "{name}");
    }
    // An unknown path is no label: there would be no limit to their number.
    assert!(!fixture.get("/metrics").await.text().contains("wp-login"));
}

#[tokio::test]
async fn malformed_requests_are_counted() {
    let fixture = Fixture::start().await;
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(20_000));
    for (raw, code) in [("GET  /livez HTTP/1.1\r\n\r\n", 400), (&long, 431)] {
        assert_eq!(send_raw(fixture.address, raw).await.status, code);
        let name = format!("gateway_http_responses_total{{route=\"other\",code=\"{code}\"}}");
        wait_for(&fixture, &name, 1).await;
    }
}

#[tokio::test]
async fn streams_are_counted_when_they_open_and_close() {
    let fixture = Fixture::with(&[("SSE_MAX_CLIENTS", "7")], |config| {
        // Long enough for the healthy client on a busy machine, so that only the idle one is stalled.
        config.limits.stalled = Duration::from_secs(3);
    })
    .await;
    fixture.worker.publish_count(&message(1, LONG), LONG).await;
    let leaving = Events::open(fixture.address).await;
    let idle = Events::open(fixture.address).await;
    let mut healthy = Events::open(fixture.address).await;
    wait_for(&fixture, "gateway_streams", 3).await;
    assert_eq!(figure(&fixture, "gateway_streams_limit").await, Some(7));
    wait_for(&fixture, "gateway_streams_opened_total", 3).await;
    drop(leaving);
    let closed = "gateway_streams_closed_total";
    wait_for(&fixture, &format!("{closed}{{reason=\"client\"}}"), 1).await;

    // Long messages fill what the two kernels hold for the client that never reads.
    let reader = tokio::spawn(async move { while healthy.next().await.is_some() {} });
    let long = format!("{{\"pad\":\"{}\",", "x".repeat(200_000));
    let mut total = 1;
    let stalled = format!("{closed}{{reason=\"stalled\"}}");
    eventually("the idle client is cut", SOON * 2, async || {
        total += 1;
        let message = message(total, LONG).replacen('{', &long, 1);
        fixture.worker.publish_message(&message).await;
        (figure(&fixture, &stalled).await == Some(1)).then_some(())
    })
    .await;
    assert!(figure(&fixture, "gateway_stream_frames_skipped_total").await > Some(0));
    assert_eq!(figure(&fixture, "gateway_streams").await, Some(1));
    drop(idle);
    reader.abort();
}

#[tokio::test]
async fn invalid_messages_are_counted() {
    let fixture = Fixture::start().await;
    let name = "gateway_redis_messages_refused_total";
    assert_eq!(figure(&fixture, name).await, Some(0));
    fixture.worker.publish_message("nonsense").await;
    fixture.worker.publish_message("{}").await;
    wait_for(&fixture, name, 2).await;
}

#[tokio::test]
async fn fanout_is_measured_from_receipt_to_the_last_stream() {
    let fixture = Fixture::start().await;
    let _streams = (
        Events::open(fixture.address).await,
        Events::open(fixture.address).await,
    );
    wait_for(&fixture, "gateway_streams_opened_total", 2).await;
    let count_time = async || {
        let text = fixture.get("/metrics").await.text().to_owned();
        scrape::figure::<f64>(&text, "gateway_today_timestamp_seconds")
    };
    assert_eq!(count_time().await, Some(0.0));
    // Each count is sent by every thread that has a stream: one or two. A second count that comes before the first is sent
    // would replace it.
    for count in 1..=2 {
        let message = message(count, LONG);
        fixture.worker.publish_count(&message, LONG).await;
        wait_for(&fixture, "gateway_redis_counts_received_total", count).await;
        eventually("it is sent", SOON, async || {
            let sent = figure(&fixture, "gateway_fanout_duration_seconds_count").await?;
            (count..=2 * count).contains(&sent).then_some(())
        })
        .await;
    }
    assert!(count_time().await > Some(1_700_000_000.0));
}

#[tokio::test]
async fn refresh_requests_are_counted() {
    let fixture = Fixture::start().await;
    let answer = fixture.get("/api/visitors/today").await;
    assert_eq!(answer.status, 202);
    assert!(figure(&fixture, "gateway_doorbell_rings_total").await >= Some(1));
}

#[tokio::test]
async fn streams_closed_at_shutdown_are_counted_as_drained() {
    let fixture = Fixture::with(&[("SHUTDOWN_DRAIN_SECONDS", "4")], |_| ()).await;
    fixture.worker.publish_count(&message(1, LONG), LONG).await;
    let mut first = Events::open(fixture.address).await;
    let mut second = Events::open(fixture.address).await;
    fixture.stop.cancel();
    // The first stream closes while the second one still keeps the gateway running.
    let name = "gateway_streams_closed_total{reason=\"drained\"}";
    wait_for(&fixture, name, 1).await;
    while first.next().await.is_some() {}
    while second.next().await.is_some() {}
}

#[tokio::test]
async fn snapshot_times_are_reported_even_if_stale() {
    let fixture = Fixture::start().await;
    let text = fixture.get("/metrics").await.text().to_owned();
    assert!(
        !text.contains("gateway_snapshot_timestamp_seconds{"),
        "{text}"
    );
    let weekly = Snapshot::Weekly;
    let value = r#"{"generated_at":"2025-09-23T00:05:12.500Z","ttl_seconds":60,"data":[]}"#;
    fixture.worker.store(weekly, value).await;
    fixture.shows(weekly.path(), value).await;
    let text = fixture.get("/metrics").await.text().to_owned();
    for line in [
        "gateway_redis_connected 1",
        r#"gateway_snapshot_timestamp_seconds{snapshot="visitors:weekly"} 1758585912.5"#,
        r#"gateway_snapshot_expires_timestamp_seconds{snapshot="visitors:weekly"} 1758585972.5"#,
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
}

#[tokio::test]
async fn redis_connected_follows_the_connection() {
    let redis = testkit::server::Redis::start().await.unwrap();
    let fixture = Fixture::on_redis(&redis).await;
    wait_for(&fixture, "gateway_redis_connected", 1).await;
    redis.kill().await.unwrap();
    wait_for(&fixture, "gateway_redis_connected", 0).await;
    redis.start_again().await.unwrap();
    wait_for(&fixture, "gateway_redis_connected", 1).await;
}
