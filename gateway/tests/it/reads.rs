//! Snapshots and summaries: bodies, headers, 202, methods, paths, CORS.

use crate::fixture::{Fixture, LONG, SOON, Worker, envelope, message};
use serde_json::{Value, json};
use shared::catalog::{Group, Snapshot};
use shared::time::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use testkit::eventually::eventually;
use testkit::http::{Connection, request, send_raw};
use testkit::server::shared_redis;

const SUMMARIES: [&str; 2] = [Group::Visitors.summary_path(), Group::Books.summary_path()];

#[tokio::test]
async fn snapshots_are_served_byte_for_byte_with_their_headers() {
    let fixture = Fixture::start().await;
    fixture.warm().await;
    for snapshot in Snapshot::ALL {
        let answer = fixture.get(snapshot.path()).await;
        assert_eq!(answer.text(), envelope(snapshot, 1));
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("vary"), Some("Accept-Encoding"));
        let cache = match snapshot.lists_people() {
            true => "private, no-cache",
            false => "no-cache",
        };
        assert_eq!(answer.header("cache-control"), Some(cache), "{snapshot}");
        let second = 10 + snapshot.index();
        let modified = format!("Tue, 23 Sep 2025 00:05:{second} GMT");
        assert_eq!(answer.header("last-modified"), Some(modified.as_str()));
        let etag = answer.header("etag").unwrap();
        assert!(etag.starts_with('"') && etag.ends_with('"'), "{etag}");
        assert!(answer.header("access-control-allow-origin").is_none());
    }
}

#[tokio::test]
async fn age_follows_the_clock() {
    let fixture = Fixture::start().await;
    fixture.warm().await;
    let generated_at = "2025-09-23T00:05:10.345Z";
    let generated_at: Timestamp = serde_json::from_value(json!(generated_at)).unwrap();
    let day = Duration::from_secs(86_400);
    fixture.clock.step_to(generated_at.plus(day).utc());
    let answer = fixture.get(Snapshot::Weekly.path()).await;
    let age: u64 = answer.header("age").unwrap().parse().unwrap();
    assert!((86_400..86_410).contains(&age), "{age}");
    // The clock is behind `generated_at`.
    fixture
        .clock
        .step_to(generated_at.utc() - chrono::Duration::days(1));
    let answer = fixture.get(Snapshot::Weekly.path()).await;
    assert_eq!(answer.header("age"), Some("0"));
}

#[tokio::test]
async fn everything_is_202_while_redis_is_empty() {
    let fixture = Fixture::start().await;
    let paths = Snapshot::ALL.map(Snapshot::path);
    for path in paths.into_iter().chain(SUMMARIES) {
        let answer = fixture.get(path).await;
        assert_eq!(answer.status, 202, "{path}");
        assert_eq!(answer.header("retry-after"), Some("5"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let body = answer.json();
        assert_eq!(body["status"], "warming");
        assert_eq!(body["retry_after_seconds"], 5);
        assert_eq!(body.as_object().unwrap().len(), 3);
    }
    let weekly = fixture.get(Snapshot::Weekly.path()).await;
    assert_eq!(
        weekly.text(),
        r#"{"status":"warming","message":"weekly visitors are being prepared","retry_after_seconds":5}"#
    );
}

#[tokio::test]
async fn warming_summary_of_visitors_contains_the_count() {
    let fixture = Fixture::start().await;
    fixture.worker.publish_count(&message(7, LONG), LONG).await;
    eventually("the count is in the summary", SOON, async || {
        let answer = fixture.get(SUMMARIES[0]).await;
        assert_eq!(answer.status, 202);
        (answer.json()["today"]["total"] == 7).then_some(())
    })
    .await;
    let today = &fixture.get(SUMMARIES[0]).await.json()["today"];
    assert_eq!(today, &fixture.get("/api/visitors/today").await.json());
}

#[tokio::test]
async fn summaries_contain_their_parts_in_order() {
    let fixture = Fixture::start().await;
    fixture.warm().await;
    for (group, first) in [(Group::Visitors, Some("today")), (Group::Books, None)] {
        let answer = fixture.get(group.summary_path()).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("cache-control"), Some("private, no-cache"));
        assert_eq!(answer.header("vary"), Some("Accept-Encoding"));
        let visitors = group == Group::Visitors;
        assert_eq!(answer.header("last-modified").is_none(), visitors);
        let oldest = group.summary().next().unwrap().index() + 10;
        let body = answer.json();
        let generated_at = format!("2025-09-23T00:05:{oldest:02}.345Z");
        assert_eq!(body["generated_at"], generated_at);
        assert_eq!(body["ttl_seconds"], 90_001);
        let mut fields: Vec<_> = first.map(str::to_owned).into_iter().collect();
        fields.extend(group.summary().map(Snapshot::field));
        let mut at = 0;
        for field in fields {
            let found = answer.text()[at..].find(&format!("\"{field}\":"));
            at += found.unwrap_or_else(|| panic!("{field} in {}", answer.text()));
        }
    }
    let part = r#""weekly":[ 1 , "é\u00e9" ]"#;
    let text = fixture.get(SUMMARIES[0]).await;
    assert!(text.text().contains(part), "{}", text.text());
    assert_eq!(text.json()["data"]["today"], Value::Null);

    fixture.worker.publish_count(&message(8, LONG), LONG).await;
    eventually("today is in the summary", SOON, async || {
        let body = fixture.get(SUMMARIES[0]).await.json();
        (body["data"]["today"]["total"] == 8).then_some(())
    })
    .await;
}

#[tokio::test]
async fn snapshot_is_read_when_a_message_names_its_key() {
    // No periodic read: only the message can be the reason.
    let fixture = Fixture::with(&[], |config| config.limits.reread = LONG).await;
    for version in 1..=3 {
        let value = envelope(Snapshot::Yearly, version);
        fixture.worker.store(Snapshot::Yearly, &value).await;
        fixture.shows(Snapshot::Yearly.path(), &value).await;
    }
    // A message names one key, and no other key is read.
    let key = fixture.worker.keys.snapshot(Snapshot::Weekly);
    fixture
        .worker
        .set(&key, &envelope(Snapshot::Weekly, 1))
        .await;
    fixture
        .worker
        .store(Snapshot::Yearly, &envelope(Snapshot::Yearly, 4))
        .await;
    fixture
        .shows(Snapshot::Yearly.path(), &envelope(Snapshot::Yearly, 4))
        .await;
    assert_eq!(fixture.get(Snapshot::Weekly.path()).await.status, 202);
}

#[tokio::test]
async fn snapshot_is_read_without_a_message() {
    let fixture = Fixture::start().await;
    let value = envelope(Snapshot::TopBorrowed, 1);
    let key = fixture.worker.keys.snapshot(Snapshot::TopBorrowed);
    fixture.worker.set(&key, &value).await;
    fixture.shows(Snapshot::TopBorrowed.path(), &value).await;
}

#[tokio::test]
async fn invalid_envelope_is_not_served() {
    let fixture = Fixture::start().await;
    fixture.warm().await;
    let large = envelope(Snapshot::Weekly, 1).replace('é', &"x".repeat(1 << 20));
    for bad in ["", "[]", "{\"data\":[]}", large.as_str()] {
        fixture.worker.store(Snapshot::Weekly, bad).await;
        // Read after the invalid value, on the same connection.
        let marker = envelope(Snapshot::Monthly, u32::try_from(bad.len()).unwrap() + 2);
        fixture.worker.store(Snapshot::Monthly, &marker).await;
        fixture.shows(Snapshot::Monthly.path(), &marker).await;
        let answer = fixture.get(Snapshot::Weekly.path()).await;
        assert_eq!(answer.text(), envelope(Snapshot::Weekly, 1));
    }
    // A list instead of a string, and a message that names no key.
    let key = fixture.worker.keys.snapshot(Snapshot::Weekly);
    fixture.worker.delete(key.clone()).await;
    let list = fixture.worker.keys.snapshot(Snapshot::Yearly);
    fixture.worker.delete(list.clone()).await;
    fixture.worker.push(&list, "an element").await;
    let channel = fixture.worker.keys.snapshots_channel();
    fixture.worker.publish(channel.clone(), "nonsense").await;
    fixture.worker.publish(channel.clone(), &key).await;
    fixture.worker.publish(channel, &list).await;
    let marker = envelope(Snapshot::Monthly, 99);
    fixture.worker.store(Snapshot::Monthly, &marker).await;
    fixture.shows(Snapshot::Monthly.path(), &marker).await;
    for kept in [Snapshot::Weekly, Snapshot::Yearly] {
        assert_eq!(fixture.get(kept.path()).await.text(), envelope(kept, 1));
    }
}

#[tokio::test]
async fn head_has_the_headers_of_get() {
    let fixture = Fixture::start().await;
    fixture.warm().await;
    for path in [
        Snapshot::Weekly.path(),
        SUMMARIES[1],
        "/livez",
        "/health",
        "/none",
    ] {
        let get = fixture.get(path).await;
        let mut connection = Connection::open(fixture.address).await;
        let raw = format!("HEAD {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        connection.send(&raw).await;
        let head = connection.read_response(true).await;
        assert_eq!(head.status, get.status);
        let names = |headers: &[(String, String)]| -> Vec<_> {
            let volatile = ["date", "age", "content-length"];
            let kept = headers
                .iter()
                .filter(|(n, _)| !volatile.contains(&n.as_str()));
            kept.cloned().collect()
        };
        assert_eq!(names(&head.headers), names(&get.headers), "{path}");
        if path != "/health" {
            assert_eq!(head.header("content-length"), get.header("content-length"));
        }
        // There was no body: the next response begins right after this head.
        connection.send(raw).await;
        assert_eq!(connection.read_response(true).await.status, get.status);
    }
}

#[tokio::test]
async fn other_methods_and_other_paths_are_refused() {
    let fixture = Fixture::start().await;
    for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW", "get"] {
        let answer = request(fixture.address, method, "/api/visitors/weekly", &[]).await;
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(answer.header("allow"), Some("GET, HEAD, OPTIONS"));
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json")
        );
        let body = answer.json();
        assert_eq!(body["type"], "about:blank");
        assert_eq!(body["title"], "Method Not Allowed");
        assert_eq!(body["status"], 405);
        assert!(body["detail"].is_string());
    }
    let unknown = [
        "//",
        "/api",
        "/api/visitors/weekly/",
        "/api/visitors/week%6cy",
        "/docs/",
    ];
    for path in unknown {
        for method in ["GET", "POST", "OPTIONS"] {
            let answer = request(fixture.address, method, path, &[]).await;
            assert_eq!(answer.status, 404, "{method} {path}");
            assert_eq!(answer.json()["status"], 404);
        }
    }
}

#[tokio::test]
async fn query_and_absolute_form_are_ignored() {
    let fixture = Fixture::start().await;
    fixture.warm().await;
    let expected = envelope(Snapshot::Weekly, 1);
    for target in [
        "/api/visitors/weekly?x=/api/none",
        "http://elsewhere:99/api/visitors/weekly",
        "http://elsewhere/api/visitors/weekly?y",
    ] {
        let answer = request(fixture.address, "GET", target, &[]).await;
        assert_eq!(answer.text(), expected, "{target}");
    }
    let http10 = "GET /api/visitors/weekly HTTP/1.0\r\n\r\n";
    assert_eq!(send_raw(fixture.address, http10).await.text(), expected);
}

#[tokio::test]
async fn options_answers_preflight() {
    let fixture = Fixture::with(&[("CORS_ORIGINS", "https://a.example")], |_| ()).await;
    let origin = [
        "Origin: https://a.example",
        "Access-Control-Request-Method: GET",
    ];
    let answer = request(fixture.address, "OPTIONS", "/api/visitors/weekly", &origin).await;
    assert_eq!(answer.status, 204);
    assert_eq!(
        answer.header("access-control-allow-origin"),
        Some("https://a.example")
    );
    let methods = answer.header("access-control-allow-methods");
    assert_eq!(methods, Some("GET, HEAD, OPTIONS"));
    let vary = answer.header("vary");
    assert_eq!(vary, Some("Access-Control-Request-Headers, Origin"));
    assert!(answer.header("access-control-allow-headers").is_none());
    assert!(answer.header("access-control-allow-credentials").is_none());
    assert!(answer.header("content-length").is_none());
}

/// A wildcard would not cover `Authorization`, so the names are repeated.
#[tokio::test]
async fn preflight_allows_the_headers_that_it_asks_for() {
    for (origins, vary) in [
        ("", "Access-Control-Request-Headers"),
        ("*", "Access-Control-Request-Headers"),
        (
            "https://a.example",
            "Access-Control-Request-Headers, Origin",
        ),
    ] {
        let fixture = Fixture::with(&[("CORS_ORIGINS", origins)], |_| ()).await;
        for (requested, allowed) in [
            (
                "authorization,if-none-match",
                Some("authorization, if-none-match"),
            ),
            ("Authorization", Some("authorization")),
            ("a b", None),
            ("authorization,", None),
        ] {
            let requested = format!("Access-Control-Request-Headers: {requested}");
            let lines = ["Origin: https://a.example", &requested];
            let path = Snapshot::Weekly.path();
            let answer = request(fixture.address, "OPTIONS", path, &lines).await;
            assert_eq!(answer.status, 204);
            let names = answer.header("access-control-allow-headers");
            assert_eq!(names, allowed, "{requested}");
            assert_eq!(answer.header("vary"), Some(vary));
        }
    }
}

#[tokio::test]
async fn cors_headers_are_on_every_response() {
    let full = ("SSE_MAX_CLIENTS", "1");
    let worker = Worker::on(&shared_redis().await.url(), &testkit::server::unique("gw")).await;
    let worker = Arc::new(worker);
    let url = shared_redis().await.url();
    for (origins, allowed, vary) in [
        ("*", Some("*"), None),
        (
            "https://b.example,https://a.example",
            Some("https://a.example"),
            Some("Origin"),
        ),
        ("https://b.example", None, Some("Origin")),
    ] {
        let variables = [("CORS_ORIGINS", origins), full];
        let fixture = Fixture::with_worker(worker.clone(), &url, &variables, |_| ()).await;
        let value = envelope(Snapshot::Weekly, 1);
        worker.store(Snapshot::Weekly, &value).await;
        let etag = fixture.shows(Snapshot::Weekly.path(), &value).await;
        let fresh = format!("If-None-Match: {}", etag.header("etag").unwrap());
        let _stream = testkit::http::Events::open(fixture.address).await;
        for (status, method, path) in [
            (200, "GET", "/api/visitors/weekly"),
            (304, "GET", "/api/visitors/weekly"),
            (202, "GET", "/api/visitors/yearly"),
            (404, "GET", "/none"),
            (405, "POST", "/livez"),
            (503, "GET", "/api/visitors/today/stream"),
            (200, "HEAD", "/api/visitors/today/stream"),
        ] {
            let mut headers = vec!["Origin: https://a.example"];
            if status == 304 {
                headers.push(&fresh);
            }
            let answer = request(fixture.address, method, path, &headers).await;
            assert_eq!(answer.status, status, "{path}");
            assert_eq!(answer.header("access-control-allow-origin"), allowed);
            let exposed = answer.header("access-control-expose-headers");
            assert_eq!(
                exposed,
                allowed.map(|_| "ETag, Age, Date, Last-Modified, Retry-After")
            );
            let encoded = matches!((status, path), (200 | 304, "/api/visitors/weekly"));
            let expected = match (encoded, vary) {
                (true, Some(_)) => Some("Accept-Encoding, Origin"),
                (true, None) => Some("Accept-Encoding"),
                (false, vary) => vary,
            };
            assert_eq!(answer.header("vary"), expected, "{status} {path}");
        }
    }
}
