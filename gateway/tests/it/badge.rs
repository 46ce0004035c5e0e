//! `/badge.svg`: today's count as a picture.

use crate::fixture::{Fixture, LONG, SOON, message};
use std::sync::atomic::Ordering;
use std::time::Duration;
use testkit::eventually::eventually;
use testkit::http::{Response, request};

const PATH: &str = "/badge.svg";
const UNKNOWN: &str = "<title>kunjungan hari ini: belum diketahui</title>";

#[track_caller]
fn assert_picture(answer: &Response) {
    assert_eq!(answer.status, 200);
    for (name, value) in [
        ("content-type", "image/svg+xml"),
        ("cache-control", "no-cache"),
        ("x-content-type-options", "nosniff"),
        (
            "content-security-policy",
            "default-src 'none'; frame-ancestors 'none'",
        ),
    ] {
        assert_eq!(answer.header(name), Some(value));
    }
    // Without this header other sites may show the picture.
    assert!(answer.header("cross-origin-resource-policy").is_none());
    let picture = answer.text();
    assert!(
        picture.starts_with("<svg ") && !picture.contains("script"),
        "{picture}"
    );
}

async fn shows(fixture: &Fixture, text: &str) -> Response {
    eventually(&format!("the badge shows {text}"), SOON, async || {
        let answer = fixture.get(PATH).await;
        assert_picture(&answer);
        answer.text().contains(text).then_some(answer)
    })
    .await
}

#[tokio::test]
async fn badge_shows_the_count_while_it_is_known_and_has_not_expired() {
    let fixture = Fixture::start().await;
    let unknown = fixture.get(PATH).await;
    assert_picture(&unknown);
    assert!(unknown.text().contains(UNKNOWN) && unknown.text().contains(">–<"));

    fixture
        .worker
        .publish_count(&message(12_345, LONG), LONG)
        .await;
    let known = shows(&fixture, "<title>kunjungan hari ini: 12.345</title>").await;
    assert!(known.text().contains(">12.345<") && !known.text().contains('–'));
    assert_ne!(known.header("etag"), unknown.header("etag"));

    let short = Duration::from_millis(200);
    fixture
        .worker
        .publish_count(&message(12_346, short), short)
        .await;
    let expired = shows(&fixture, UNKNOWN).await;
    assert_eq!(expired.header("etag"), unknown.header("etag"));
}

#[tokio::test]
async fn unchanged_badge_is_304() {
    let fixture = Fixture::start().await;
    fixture.worker.publish_count(&message(7, LONG), LONG).await;
    let known = shows(&fixture, ">7<").await;
    let tag = format!("If-None-Match: {}", known.header("etag").unwrap());
    for method in ["GET", "HEAD"] {
        let again = request(fixture.address, method, PATH, &[&tag]).await;
        assert_eq!(again.status, 304);
        assert_eq!(again.header("cache-control"), Some("no-cache"));
    }
    fixture.worker.publish_count(&message(8, LONG), LONG).await;
    shows(&fixture, ">8<").await;
    let changed = request(fixture.address, "GET", PATH, &[&tag]).await;
    assert_eq!(changed.status, 200);
}

#[tokio::test]
async fn badge_without_a_count_sends_a_refresh_request_and_does_not_wait() {
    let never = |config: &mut gateway::config::Config| config.limits.count_wait = LONG;
    let fixture = Fixture::with(&[], never).await;
    let requests = fixture.worker.count_refresh_requests().await;
    assert!(fixture.get(PATH).await.text().contains(UNKNOWN));
    eventually("a refresh request is sent", SOON, async || {
        (requests.load(Ordering::SeqCst) > 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn badge_is_served_without_the_dashboard() {
    let fixture = Fixture::with(&[("ENABLE_DASHBOARD", "false")], |_| ()).await;
    assert_picture(&fixture.get(PATH).await);
}
