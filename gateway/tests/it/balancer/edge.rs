//! Balancers: TLS and HTTP/2 for browsers, client addresses for gateways, and streams without buffering.

use super::{Pair, browser};
use crate::fixture::{LONG, SOON, envelope, message};
use shared::catalog::Snapshot;
use std::net::{IpAddr, Ipv4Addr};
use testkit::balancer::{Balancer, Kind};
use testkit::eventually::eventually;
use testkit::http::{Connection, Events, request};

const KINDS: [Kind; 3] = [Kind::Nginx, Kind::Haproxy, Kind::Caddy];
const STREAM: &str = "/api/visitors/today/stream";
/// The addresses of clients; 127.0.0.1 is the balancer.
const ONE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
const OTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3));

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

#[tokio::test]
async fn address_limit_holds_behind_a_balancer_whatever_the_client_forwards() {
    for kind in KINDS {
        let limits = [("MAX_PER_ADDRESS", "1"), ("TRUSTED_PROXIES", "127.0.0.1")];
        let pair = Pair::start(&limits).await;
        let balancer = Balancer::before(kind, pair.addresses).await.unwrap();
        let open = async |from, invented: &str| {
            let connection = Connection::open_from(from, balancer.plain).await;
            let header = format!("X-Forwarded-For: {invented}");
            Events::open_on(connection, "HTTP/1.1", &[&header]).await
        };
        let mut streams = Vec::new();
        for (invented, status) in [("203.0.113.1", 200), ("203.0.113.2", 200)] {
            let stream = open(ONE, invented).await;
            assert_eq!(stream.status, status, "{kind:?} {invented}");
            streams.push(stream);
        }
        assert_eq!(pair.streams().await, [1, 1], "{kind:?}");
        for invented in ["203.0.113.3", "203.0.113.4", "127.0.0.1"] {
            assert_eq!(open(ONE, invented).await.status, 503, "{kind:?} {invented}");
            let read = request(balancer.plain, "GET", Snapshot::Weekly.path(), &[]).await;
            assert_eq!(read.status, 200, "{kind:?}");
        }
        let other = open(OTHER, "203.0.113.1").await;
        assert_eq!(other.status, 200, "{kind:?}");
    }
}
