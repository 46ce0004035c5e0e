//! Security headers on every response, and the admin port.

use crate::fixture::{Fixture, LONG, SOON, message};
use crate::process::start;
use gateway::http::resource::Resource;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::process::Command;
use testkit::eventually::eventually;
use testkit::http::{Connection, Events, Response, get, request};
use testkit::process::free_port;

const HEADERS: [(&str, &str); 2] = [
    ("x-content-type-options", "nosniff"),
    (
        "content-security-policy",
        "default-src 'none'; frame-ancestors 'none'",
    ),
];

#[track_caller]
fn assert_security_headers(what: &str, headers: &[(String, String)]) {
    for (name, value) in HEADERS {
        let found: Vec<&str> = headers
            .iter()
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
            .collect();
        assert_eq!(found, [value], "{name} of {what}");
    }
}

/// A page has its own policy, which allows only its own content.
#[track_caller]
fn assert_page_policy(what: &str, answer: &Response) {
    let policy = answer.header("content-security-policy").unwrap();
    for part in ["default-src 'none';", "frame-ancestors 'none'"] {
        assert!(policy.contains(part), "{what}: {policy}");
    }
    for part in ["unsafe", "*", "http:", "https:"] {
        assert!(!policy.contains(part), "{what}: {policy}");
    }
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
}

/// Sends every kind of request to every path; returns the statuses that were seen.
async fn request_all(address: SocketAddr, origin: &str) -> BTreeSet<u16> {
    let mut seen = BTreeSet::new();
    let paths = Resource::ALL.map(Resource::path);
    for path in paths.into_iter().chain(["/nothing"]) {
        for method in ["GET", "HEAD", "OPTIONS", "POST"] {
            if (method, path) == ("GET", Resource::Stream.path()) {
                continue;
            }
            let lines = [origin, "If-None-Match: *"];
            let answers: [Response; 2] = [
                request(address, method, path, &lines[..1]).await,
                request(address, method, path, &lines).await,
            ];
            for answer in answers {
                let what = format!("{method} {path}");
                let is_page = matches!(Resource::find(path), Some(Resource::Page(_)));
                match is_page && [200, 304].contains(&answer.status) {
                    true => assert_page_policy(&what, &answer),
                    false => assert_security_headers(&what, &answer.headers),
                }
                seen.insert(answer.status);
            }
        }
    }
    seen
}

#[tokio::test]
async fn every_response_has_the_security_headers() {
    let all = [
        ("CORS_ORIGINS", "https://a.example"),
        ("SSE_MAX_CLIENTS", "1"),
    ];
    let cold = Fixture::with(&all, |_| ()).await;
    let origin = "Origin: https://a.example";
    let mut seen = request_all(cold.address, origin).await;
    cold.warm().await;
    cold.worker.publish_count(&message(7, LONG), LONG).await;
    seen.extend(request_all(cold.address, origin).await);
    let stream = Events::open(cold.address).await;
    assert_eq!(stream.status, 200);
    assert_security_headers("the stream", &stream.headers);
    let full = eventually("the only permit is taken", SOON, async || {
        let answer = get(cold.address, Resource::Stream.path()).await;
        (answer.status == 503).then_some(answer)
    });
    let full = full.await;
    assert_security_headers("a full gateway", &full.headers);
    seen.insert(full.status);
    assert_eq!(seen, [200, 202, 204, 304, 404, 405, 503].into());

    let crowded = Fixture::with(&[], |config| config.limits.connections = 1).await;
    eventually("a second connection is refused", SOON, async || {
        let first = Connection::open(crowded.address).await;
        let answer = get(crowded.address, "/livez").await;
        drop(first);
        (answer.status == 503).then(|| assert_security_headers("a refusal", &answer.headers))
    })
    .await;
}

#[tokio::test]
async fn admin_port_serves_health_and_metrics() {
    let admin = free_port().unwrap();
    let (process, public) = start(&[("ADMIN_PORT", &admin.to_string())]).await;
    let admin = SocketAddr::from(([127, 0, 0, 1], admin));
    for resource in Resource::ALL {
        if resource == Resource::Stream {
            continue;
        }
        let path = resource.path();
        let found = (
            get(public, path).await.status,
            get(admin, path).await.status,
        );
        match resource {
            Resource::Live | Resource::Ready => assert_eq!(found, (200, 200), "{path}"),
            Resource::Health | Resource::Metrics => assert_eq!(found, (404, 200), "{path}"),
            Resource::Badge | Resource::Library | Resource::Page(_) => {
                assert_eq!(found, (200, 404), "{path}");
            }
            Resource::Logo => assert_eq!(found, (404, 404), "{path}"),
            _ => assert_eq!(found, (202, 404), "{path}"),
        }
    }
    assert_eq!(Events::open(public).await.status, 200);
    assert_eq!(get(admin, Resource::Stream.path()).await.status, 404);
    let metrics = get(admin, "/metrics").await;
    let counted = r#"gateway_http_responses_total{route="/livez",code="200"} 2"#;
    let is_counted = metrics.text().lines().any(|line| line == counted);
    assert!(is_counted, "{}", metrics.text());
    drop(process);
}

#[test]
fn admin_port_in_use_is_an_error_that_names_it() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = Command::new(env!("CARGO_BIN_EXE_gateway"))
        .env_clear()
        .envs([("PORT", "0"), ("ADMIN_PORT", &port), ("HOST", "127.0.0.1")])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(
        stdout.contains("ADMIN_PORT") && stdout.contains(&port),
        "{stdout}"
    );
}
