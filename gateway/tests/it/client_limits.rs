//! `MAX_PER_ADDRESS`: connections and streams of one peer address.

use crate::fixture::{Fixture, SOON};
use std::net::{IpAddr, Ipv4Addr};
use testkit::descriptors;
use testkit::eventually::eventually;
use testkit::http::{Connection, Events, Response};

const LIVE: &str = "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n";
/// More refusals than the gateway writes at the same time.
const MANY: usize = 256 + 100;

/// The addresses of clients; the fixture itself uses 127.0.0.1.
const ONE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
const OTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3));

async fn with_limit(limit: &str) -> Fixture {
    Fixture::with(&[("MAX_PER_ADDRESS", limit)], |_| ()).await
}

async fn stream(fixture: &Fixture, from: IpAddr, headers: &[&str]) -> Events {
    let connection = Connection::open_from(from, fixture.address).await;
    Events::open_on(connection, "HTTP/1.1", headers).await
}

/// Opens a connection and sends a request; returns both the connection and the response.
async fn connect(fixture: &Fixture, from: IpAddr) -> (Connection, Response) {
    let mut connection = Connection::open_from(from, fixture.address).await;
    connection.send(LIVE).await;
    let answer = connection.read_response(false).await;
    (connection, answer)
}

fn assert_refused(answer: &Response, why: &str) {
    assert_eq!(answer.status, 503);
    let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((2..=8).contains(&seconds));
    let content_type = answer.header("content-type");
    assert_eq!(content_type, Some("application/problem+json"));
    assert!(answer.text().contains(why), "{}", answer.text());
}

#[tokio::test]
async fn stream_above_the_limit_of_its_address_is_503() {
    let fixture = with_limit("2").await;
    let first = stream(&fixture, ONE, &[]).await;
    let second = stream(&fixture, ONE, &[]).await;
    assert_eq!((first.status, second.status), (200, 200));
    // Their connections now count as streams, so that the address may open connections.
    let mut connection = eventually("the same address is served", SOON, async || {
        let (connection, answer) = connect(&fixture, ONE).await;
        (answer.status == 200).then_some(connection)
    })
    .await;
    let ask = "GET /api/visitors/today/stream HTTP/1.1\r\nHost: x\r\n\r\n";
    for _ in 0..3 {
        connection.send(ask).await;
        let refused = connection.read_response(false).await;
        assert_refused(&refused, "streams that one address");
    }
    assert_eq!(stream(&fixture, OTHER, &[]).await.status, 200);
    drop(first);
    eventually("a permit is free", SOON, async || {
        let third = stream(&fixture, ONE, &[]).await;
        (third.status == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn connection_above_the_limit_of_its_address_is_503() {
    let fixture = with_limit("2").await;
    let (first, answer) = connect(&fixture, ONE).await;
    let (_second, other_answer) = connect(&fixture, ONE).await;
    assert_eq!((answer.status, other_answer.status), (200, 200));
    for _ in 0..3 {
        let (mut refused, answer) = connect(&fixture, ONE).await;
        assert_refused(&answer, "connections that one address");
        assert!(refused.ends_within(SOON).await);
    }
    assert_eq!(connect(&fixture, OTHER).await.1.status, 200);
    drop(first);
    eventually("a permit is free", SOON, async || {
        (connect(&fixture, ONE).await.1.status == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn every_refused_connection_gets_503_and_other_addresses_are_served() {
    descriptors::raise().unwrap();
    let fixture = with_limit("1").await;
    let (_first, answer) = connect(&fixture, ONE).await;
    assert_eq!(answer.status, 200);
    let mut refused = Vec::new();
    for _ in 0..MANY {
        refused.push(Connection::open_from(ONE, fixture.address).await);
    }
    assert_eq!(connect(&fixture, OTHER).await.1.status, 200);
    for mut connection in refused {
        let answer = connection.read_response(false).await;
        assert_refused(&answer, "connections that one address");
    }
}

/// A client could claim any address.
#[tokio::test]
async fn stream_counts_for_its_peer_whatever_the_headers_claim() {
    let fixture = with_limit("1").await;
    let _stream = stream(&fixture, ONE, &["X-Forwarded-For: 198.51.100.7"]).await;
    for header in [
        "X-Forwarded-For: 198.51.100.8",
        "Forwarded: for=198.51.100.8",
    ] {
        assert_eq!(
            stream(&fixture, ONE, &[header]).await.status,
            503,
            "{header}"
        );
    }
}
