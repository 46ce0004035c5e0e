//! Balancers: TLS and HTTP/2 for browsers, request ids for gateways, and streams without buffering.

use super::{Pair, browser};
use crate::fixture::{LONG, SOON, envelope, message};
use shared::catalog::Snapshot;
use testkit::balancer::{Balancer, Kind};
use testkit::eventually::eventually;

const KINDS: [Kind; 3] = [Kind::Nginx, Kind::Haproxy, Kind::Caddy];
const STREAM: &str = "/api/visitors/today/stream";

#[tokio::test]
async fn browsers_are_served_over_tls_and_http_2_and_their_requests_are_logged() {
    let pair = Pair::start(&[("ACCESS_LOG", "on"), ("LOG_FORMAT", "json")]).await;
    for kind in KINDS {
        let balancer = Balancer::before(kind, pair.addresses).await.unwrap();
        let read = browser::request(&balancer, Snapshot::Weekly.path()).await;
        assert_eq!(read.status, "HTTP/2 200", "{kind:?}");
        let id = read.header("x-request-id").expect("an id");
        let line = format!(r#""request_id":"{id}""#);
        eventually("the request is in a log", SOON, async || {
            let mut processes = pair.processes.iter();
            processes
                .any(|process| process.log().contains(&line))
                .then_some(())
        })
        .await;
        assert_eq!(read.body().await, envelope(Snapshot::Weekly, 1), "{kind:?}");
        for path in ["/metrics", "/metrics?all", "/%6Detrics", "//metrics"] {
            let denied = browser::request(&balancer, path).await;
            let status = denied.status.split(' ').nth(1);
            assert!(
                matches!(status, Some("403" | "404")),
                "{kind:?} {path}: {status:?}"
            );
            assert!(!denied.body().await.contains("gateway_"), "{kind:?} {path}");
        }
    }
}

#[tokio::test]
async fn each_event_arrives_before_the_next_is_published() {
    for kind in KINDS {
        let pair = Pair::start(&[]).await;
        let balancer = Balancer::before(kind, pair.addresses).await.unwrap();
        let mut stream = browser::request(&balancer, STREAM).await;
        assert_eq!(stream.status, "HTTP/2 200", "{kind:?}");
        for total in 1..=10 {
            let wanted = format!(r#""total":{total},"#);
            if total > 1 {
                pair.worker.publish_count(&message(total, LONG), LONG).await;
            }
            while !stream.line().await.contains(&wanted) {}
        }
        // When a browser disconnects, the gateway notices, although no event is sent.
        drop(stream);
        eventually(&format!("{kind:?}: its permit is free"), SOON, async || {
            (pair.streams().await == [0, 0]).then_some(())
        })
        .await;
    }
}
