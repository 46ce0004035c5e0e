//! The event `snapshot`: streams get a notice when a figure has changed.

use crate::fixture::{Fixture, LONG, envelope, message};
use futures_util::future::join_all;
use shared::catalog::Snapshot;
use std::collections::BTreeSet;
use std::time::Duration;
use testkit::http::{Events, request};
use tokio::time::Instant;

/// A little longer than the 5 s over which notices are spread.
const SPREAD: Duration = Duration::from_secs(6);
/// Far longer than any stream waits for a notice.
const NOTICE_TIMEOUT: Duration = Duration::from_secs(10);

/// A gateway whose streams send no keepalive comments.
async fn without_comments() -> Fixture {
    Fixture::with(&[], |config| {
        config.limits.keepalive = Duration::from_secs(3_600);
    })
    .await
}

/// Opens a stream and reads its `init`.
async fn open_with_init(fixture: &Fixture) -> Events {
    let mut stream = Events::open(fixture.address).await;
    assert_eq!(stream.next().await.unwrap().event, "init");
    stream
}

/// The path and the tag of the next notice.
async fn next_notice(stream: &mut Events) -> (String, String) {
    let block = stream.any_within(NOTICE_TIMEOUT).await.expect("a notice");
    assert_eq!((block.event.as_str(), &*block.id), ("snapshot", ""));
    let data: serde_json::Value = serde_json::from_str(&block.data).unwrap();
    assert_eq!(data.as_object().unwrap().len(), 2);
    let text = |key: &str| data[key].as_str().unwrap().to_owned();
    (text("path"), text("etag"))
}

async fn tag(fixture: &Fixture, snapshot: Snapshot) -> String {
    let answer = fixture.get(snapshot.path()).await;
    answer.header("etag").unwrap().to_owned()
}

#[tokio::test]
async fn every_stream_gets_the_notice_at_a_random_moment() {
    let fixture = without_comments().await;
    fixture.worker.publish_count(&message(1, LONG), LONG).await;
    let mut streams = join_all((0..40).map(|_| open_with_init(&fixture))).await;
    let start = Instant::now();
    let stored = envelope(Snapshot::Weekly, 1);
    fixture.worker.store(Snapshot::Weekly, &stored).await;
    fixture.shows(Snapshot::Weekly.path(), &stored).await;
    let expected = (
        Snapshot::Weekly.path().to_owned(),
        tag(&fixture, Snapshot::Weekly).await,
    );
    let delays = join_all(streams.iter_mut().map(async |stream| {
        assert_eq!(next_notice(stream).await, expected);
        start.elapsed()
    }))
    .await;
    let (first, last) = (delays.iter().min().unwrap(), delays.iter().max().unwrap());
    // Random within 5 s: that all forty fall within one second is less likely than one in 10^26.
    assert!(*last - *first > Duration::from_secs(1), "{delays:?}");
    // The tag is that of the present value.
    let lines = [format!("If-None-Match: {}", expected.1)];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let answer = request(fixture.address, "GET", Snapshot::Weekly.path(), &lines).await;
    assert_eq!(answer.status, 304);
}

#[tokio::test]
async fn unchanged_snapshots_send_no_notice() {
    let fixture = without_comments().await;
    fixture.warm().await;
    fixture.worker.publish_count(&message(1, LONG), LONG).await;
    let mut stream = open_with_init(&fixture).await;
    for _ in Snapshot::ALL {
        next_notice(&mut stream).await;
    }
    for snapshot in Snapshot::ALL {
        fixture.worker.store(snapshot, &envelope(snapshot, 1)).await;
    }
    let stored = envelope(Snapshot::Collection, 2);
    fixture.worker.store(Snapshot::Collection, &stored).await;
    let (path, _) = next_notice(&mut stream).await;
    assert_eq!(path, Snapshot::Collection.path());
    assert_eq!(stream.any_within(SPREAD).await, None);
}

/// A worker that cannot count visits still refreshes the other figures.
#[tokio::test]
async fn stream_without_a_count_gets_notices() {
    let fixture = without_comments().await;
    let mut stream = Events::open(fixture.address).await;
    fixture.warm().await;
    let mut paths = BTreeSet::new();
    for _ in Snapshot::ALL {
        paths.insert(next_notice(&mut stream).await.0);
    }
    assert_eq!(paths, Snapshot::ALL.map(|one| one.path().to_owned()).into());
    fixture.worker.publish_count(&message(1, LONG), LONG).await;
    assert_eq!(
        stream.any_within(NOTICE_TIMEOUT).await.unwrap().event,
        "init"
    );
}

#[tokio::test]
async fn stream_opened_soon_after_a_change_gets_the_notice() {
    let fixture = without_comments().await;
    fixture.worker.publish_count(&message(1, LONG), LONG).await;
    let stored = envelope(Snapshot::Yearly, 1);
    fixture.worker.store(Snapshot::Yearly, &stored).await;
    fixture.shows(Snapshot::Yearly.path(), &stored).await;
    let mut stream = open_with_init(&fixture).await;
    assert_eq!(next_notice(&mut stream).await.0, Snapshot::Yearly.path());
}

#[tokio::test]
async fn slow_client_loses_no_notice() {
    let fixture = without_comments().await;
    fixture.worker.publish_count(&message(1, LONG), LONG).await;
    let mut stream = open_with_init(&fixture).await;
    let long = format!("{{\"pad\":\"{}\",", "x".repeat(100_000));
    // 40 MB: more than the kernels hold for a client that reads nothing.
    for total in 2..=400 {
        let padded = message(total, LONG).replacen('{', &long, 1);
        fixture.worker.publish_message(&padded).await;
    }
    for version in 1..=3 {
        let stored = envelope(Snapshot::Monthly, version);
        fixture.worker.store(Snapshot::Monthly, &stored).await;
        fixture.shows(Snapshot::Monthly.path(), &stored).await;
    }
    // When another stream gets no more notices, all are due on this one too, whose socket is full.
    let mut other = open_with_init(&fixture).await;
    while other.any_within(SPREAD).await.is_some() {}
    let expected = tag(&fixture, Snapshot::Monthly).await;
    let mut notices = Vec::new();
    while let Some(block) = stream.any_within(SPREAD).await {
        if block.event == "snapshot" {
            notices.push(block.data);
        }
    }
    assert_eq!(notices.len(), 1, "{notices:?}");
    let data: serde_json::Value = serde_json::from_str(&notices[0]).unwrap();
    assert_eq!(data["etag"], expected);
}
