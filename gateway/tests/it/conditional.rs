//! Conditional requests: `If-None-Match` and `If-Modified-Since`.

use crate::fixture::{Fixture, LONG, SOON, envelope, message};
use shared::catalog::{Group, Snapshot};
use testkit::eventually::eventually;
use testkit::http::request;
use testkit::server::shared_redis;

#[tokio::test]
async fn matching_etag_is_304() {
    let fixture = Fixture::start().await;
    fixture.warm().await;
    for path in [
        Snapshot::MonthlyTop.path(),
        Group::Visitors.summary_path(),
        Group::Books.summary_path(),
    ] {
        let full = fixture.get(path).await;
        let etag = full.header("etag").unwrap();
        for header in [
            format!("If-None-Match: {etag}"),
            format!("If-None-Match: W/{etag}"),
            format!("If-None-Match: \"a\", W/\"b\" ,{etag}"),
            format!("If-None-Match: \"a\"\r\nIf-None-Match: {etag}"),
            "If-None-Match: *".to_owned(),
        ] {
            for method in ["GET", "HEAD"] {
                let answer = request(fixture.address, method, path, &[&header]).await;
                assert_eq!(answer.status, 304, "{header}");
                for name in ["etag", "cache-control", "vary"] {
                    assert_eq!(answer.header(name), full.header(name));
                }
                assert!(answer.header("content-length").is_none());
                assert!(answer.header("content-type").is_none());
            }
        }
        let answer = request(fixture.address, "GET", path, &["If-None-Match: \"x\""]).await;
        assert_eq!(answer.status, 200);
    }
}

#[tokio::test]
async fn date_is_ignored_if_there_is_a_tag() {
    let fixture = Fixture::start().await;
    fixture.warm().await;
    let path = Snapshot::Weekly.path();
    let same = "If-Modified-Since: Tue, 23 Sep 2025 00:05:10 GMT";
    let earlier = "If-Modified-Since: Tue, 23 Sep 2025 00:05:09 GMT";
    for (status, headers) in [
        (304, vec![same]),
        (200, vec![earlier]),
        (200, vec![same, "If-None-Match: \"x\""]),
        (304, vec![earlier, "If-None-Match: *"]),
        (200, vec!["If-Modified-Since: today"]),
    ] {
        let answer = request(fixture.address, "GET", path, &headers).await;
        assert_eq!(answer.status, status, "{headers:?}");
    }
    // The summary of visitors has no date, so none can match.
    let late = ["If-Modified-Since: Tue, 23 Sep 2035 00:05:09 GMT"];
    let summary = Group::Visitors.summary_path();
    assert_eq!(
        request(fixture.address, "GET", summary, &late).await.status,
        200
    );
}

#[tokio::test]
async fn etags_are_equal_on_all_gateways_and_change_with_the_bytes() {
    let fixture = Fixture::start().await;
    fixture.warm().await;
    let url = shared_redis().await.url();
    let other = Fixture::with_worker(fixture.worker.clone(), &url, &[], |_| ()).await;
    fixture.worker.publish_count(&message(5, LONG), LONG).await;
    let path = Group::Visitors.summary_path();
    for gateway in [&fixture, &other] {
        eventually("the count is in the summary", SOON, async || {
            let answer = gateway.get(path).await;
            (answer.status == 200 && answer.json()["data"]["today"]["total"] == 5).then_some(())
        })
        .await;
    }
    for path in [Snapshot::Weekly.path(), path] {
        let (here, there) = (fixture.get(path).await, other.get(path).await);
        assert!(here.header("etag").is_some());
        assert_eq!(here.header("etag"), there.header("etag"));
    }
    let before = fixture.get(Snapshot::Weekly.path()).await;
    let value = envelope(Snapshot::Weekly, 2);
    fixture.worker.store(Snapshot::Weekly, &value).await;
    let after = fixture.shows(Snapshot::Weekly.path(), &value).await;
    assert_ne!(before.header("etag"), after.header("etag"));
    let summary = fixture.get(path).await;
    fixture.worker.publish_count(&message(6, LONG), LONG).await;
    eventually(
        "the summary's tag changes with the count",
        SOON,
        async || {
            let answer = fixture.get(path).await;
            (answer.header("etag") != summary.header("etag")).then_some(())
        },
    )
    .await;
}

#[tokio::test]
async fn long_value_is_encoded_if_the_client_accepts_it() {
    let fixture = Fixture::start().await;
    fixture.warm().await;
    let title = "Laskar Pelangi ".repeat(200);
    let long = format!(
        r#"{{"generated_at":"2025-09-23T00:06:00.000Z","ttl_seconds":90000,"data":["{title}"]}}"#
    );
    fixture.worker.store(Snapshot::TopBorrowed, &long).await;
    let path = Snapshot::TopBorrowed.path();
    eventually("the long value is served", SOON, async || {
        (fixture.get(path).await.text() == long).then_some(())
    })
    .await;
    let plain = fixture.get(path).await;
    assert_eq!(plain.header("content-encoding"), None);
    for (accepted, coding) in [("gzip", "gzip"), ("gzip, deflate, br", "br")] {
        let accepted = format!("Accept-Encoding: {accepted}");
        let answer = request(fixture.address, "GET", path, &[&accepted]).await;
        assert_eq!(answer.header("content-encoding"), Some(coding));
        assert_eq!(answer.header("vary"), plain.header("vary"));
        assert!(answer.body.len() < long.len() / 4);
        assert_ne!(answer.header("etag"), plain.header("etag"));
        let tag = format!("If-None-Match: {}", answer.header("etag").unwrap());
        let again = request(fixture.address, "GET", path, &[&accepted, &tag]).await;
        assert_eq!(again.status, 304);
        // The tag belongs to this coding only.
        assert_eq!(
            request(fixture.address, "GET", path, &[&tag]).await.status,
            200
        );
    }
    // A short value is not encoded.
    let short = request(
        fixture.address,
        "GET",
        Snapshot::Weekly.path(),
        &["Accept-Encoding: br"],
    )
    .await;
    assert_eq!(short.header("content-encoding"), None);
}
