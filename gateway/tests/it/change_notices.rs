//! What streams are told of figures that have changed.

use crate::fixture::{Fixture, LONG, envelope, message};
use futures_util::future::join_all;
use shared::catalog::Snapshot;
use std::collections::BTreeSet;
use std::time::Duration;
use testkit::http::{Events, ask};
use tokio::time::Instant;

/// Over which the streams are told, and a bit.
const SPREAD: Duration = Duration::from_secs(6);
/// Far longer than any stream waits to be told.
const TOLD: Duration = Duration::from_secs(10);

/// A gateway whose streams are silent when there is nothing to tell.
async fn without_comments() -> Fixture {
    Fixture::with(&[], |config| {
        config.limits.keepalive = Duration::from_secs(3_600);
    })
    .await
}

/// A stream that has begun.
async fn begun(fixture: &Fixture) -> Events {
    let mut stream = Events::open(fixture.address).await;
    assert_eq!(stream.next().await.unwrap().event, "init");
    stream
}

/// The next change that a stream is told of: path and tag.
async fn change(stream: &mut Events) -> (String, String) {
    let block = stream.any_within(TOLD).await.expect("it is told");
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
    fixture.worker.count(&message(1, LONG), LONG).await;
    let mut streams = join_all((0..40).map(|_| begun(&fixture))).await;
    let start = Instant::now();
    let stored = envelope(Snapshot::Weekly, 1);
    fixture.worker.store(Snapshot::Weekly, &stored).await;
    fixture.shows(Snapshot::Weekly.path(), &stored).await;
    let expected = (
        Snapshot::Weekly.path().to_owned(),
        tag(&fixture, Snapshot::Weekly).await,
    );
    let told = join_all(streams.iter_mut().map(async |stream| {
        assert_eq!(change(stream).await, expected);
        start.elapsed()
    }))
    .await;
    let (first, last) = (told.iter().min().unwrap(), told.iter().max().unwrap());
    // Drawn from 5 s; that forty moments lie within one of them is less likely than one in 10^26.
    assert!(*last - *first > Duration::from_secs(1), "{told:?}");
    // Whoever asks with this tag has the present value.
    let lines = [format!("If-None-Match: {}", expected.1)];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let answer = ask(fixture.address, "GET", Snapshot::Weekly.path(), &lines).await;
    assert_eq!(answer.status, 304);
}

#[tokio::test]
async fn unchanged_snapshots_send_no_notice() {
    let fixture = without_comments().await;
    fixture.warm().await;
    fixture.worker.count(&message(1, LONG), LONG).await;
    let mut stream = begun(&fixture).await;
    for _ in Snapshot::ALL {
        change(&mut stream).await;
    }
    for snapshot in Snapshot::ALL {
        fixture.worker.store(snapshot, &envelope(snapshot, 1)).await;
    }
    let stored = envelope(Snapshot::Collection, 2);
    fixture.worker.store(Snapshot::Collection, &stored).await;
    let (path, _) = change(&mut stream).await;
    assert_eq!(path, Snapshot::Collection.path());
    assert_eq!(stream.any_within(SPREAD).await, None);
}

/// A worker that may not read the visits makes the other figures all the same.
#[tokio::test]
async fn stream_without_a_count_gets_notices() {
    let fixture = without_comments().await;
    let mut stream = Events::open(fixture.address).await;
    fixture.warm().await;
    let mut told = BTreeSet::new();
    for _ in Snapshot::ALL {
        told.insert(change(&mut stream).await.0);
    }
    assert_eq!(told, Snapshot::ALL.map(|one| one.path().to_owned()).into());
    fixture.worker.count(&message(1, LONG), LONG).await;
    assert_eq!(stream.any_within(TOLD).await.unwrap().event, "init");
}

#[tokio::test]
async fn stream_opened_soon_after_a_change_gets_the_notice() {
    let fixture = without_comments().await;
    fixture.worker.count(&message(1, LONG), LONG).await;
    let stored = envelope(Snapshot::Yearly, 1);
    fixture.worker.store(Snapshot::Yearly, &stored).await;
    fixture.shows(Snapshot::Yearly.path(), &stored).await;
    let mut stream = begun(&fixture).await;
    assert_eq!(change(&mut stream).await.0, Snapshot::Yearly.path());
}

#[tokio::test]
async fn slow_client_loses_no_notice() {
    let fixture = without_comments().await;
    fixture.worker.count(&message(1, LONG), LONG).await;
    let mut stream = begun(&fixture).await;
    let long = format!("{{\"pad\":\"{}\",", "x".repeat(100_000));
    // 40 MB: more than the kernels hold for a client that reads nothing.
    for total in 2..=400 {
        let padded = message(total, LONG).replacen('{', &long, 1);
        fixture.worker.message(&padded).await;
    }
    for version in 1..=3 {
        let stored = envelope(Snapshot::Monthly, version);
        fixture.worker.store(Snapshot::Monthly, &stored).await;
        fixture.shows(Snapshot::Monthly.path(), &stored).await;
    }
    // When another one is told no more, all is due, and here is no room for it.
    let mut other = begun(&fixture).await;
    while other.any_within(SPREAD).await.is_some() {}
    let expected = tag(&fixture, Snapshot::Monthly).await;
    let mut told = Vec::new();
    while let Some(block) = stream.any_within(SPREAD).await {
        if block.event == "snapshot" {
            told.push(block.data);
        }
    }
    assert_eq!(told.len(), 1, "{told:?}");
    let data: serde_json::Value = serde_json::from_str(&told[0]).unwrap();
    assert_eq!(data["etag"], expected);
}
