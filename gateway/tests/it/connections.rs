//! The limits of connections: heads, bodies, time-outs, their number, file descriptors.

use crate::fixture::{Fixture, SOON};
use gateway::config::Config;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use testkit::eventually::eventually;
use testkit::http::{Connection, Events, send_raw};
use testkit::process::{Process, free_port};
use tokio::net::TcpStream;
use tokio::time::Instant;

const LIVE: &str = "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n";

#[tokio::test]
async fn request_with_a_body_is_answered_and_its_connection_closed() {
    let fixture = Fixture::start().await;
    for (status, raw) in [
        (
            200,
            "GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n",
        ),
        (
            405,
            "POST /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nabc",
        ),
        (
            404,
            "PUT /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n",
        ),
        (
            405,
            "POST /livez HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n",
        ),
    ] {
        let mut connection = Connection::open(fixture.address).await;
        connection.send(raw).await;
        let answer = connection.read_response(false).await;
        assert_eq!(answer.status, status, "{raw}");
        assert_eq!(answer.header("connection"), Some("close"));
        assert!(connection.ends_within(SOON).await);
    }
    let mut connection = Connection::open(fixture.address).await;
    for _ in 0..3 {
        connection
            .send("POST /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
            .await;
        let answer = connection.read_response(false).await;
        assert_eq!(answer.header("connection"), None);
    }
}

#[tokio::test]
async fn head_of_16_kib_is_accepted_and_a_longer_one_is_431() {
    let fixture = Fixture::start().await;
    let empty = "GET /livez HTTP/1.1\r\nHost: x\r\nX: \r\n\r\n".len();
    for (status, size) in [(200, 16_384), (431, 16_385), (431, 60_000)] {
        let filling = "a".repeat(size - empty);
        let raw = format!("GET /livez HTTP/1.1\r\nHost: x\r\nX: {filling}\r\n\r\n");
        assert_eq!(raw.len(), size);
        assert_eq!(
            send_raw(fixture.address, raw).await.status,
            status,
            "{size}"
        );
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered() {
    let fixture = Fixture::start().await;
    let mut connection = Connection::open(fixture.address).await;
    connection.send(LIVE.repeat(50)).await;
    for _ in 0..50 {
        assert_eq!(connection.read_response(false).await.status, 200);
    }
}

/// 300 ms for a head, 3 s between requests.
fn short(config: &mut Config) {
    config.limits.head = Duration::from_millis(300);
    config.limits.idle = Duration::from_secs(3);
}

#[tokio::test]
async fn connection_is_closed_if_its_head_takes_too_long() {
    let fixture = Fixture::with(&[], short).await;
    // Nothing at all; the beginning of a head; below, a byte now and then.
    for beginning in ["", "GET /livez HT"] {
        let mut connection = Connection::open(fixture.address).await;
        connection.send(beginning).await;
        let began = Instant::now();
        assert!(connection.ends_within(SOON).await);
        assert!(
            began.elapsed() < Duration::from_secs(2),
            "{:?}",
            began.elapsed()
        );
    }
    let mut connection = Connection::open(fixture.address).await;
    let began = Instant::now();
    while tokio::io::AsyncWriteExt::write_all(&mut connection.socket, b"G")
        .await
        .is_ok()
    {
        assert!(began.elapsed() < SOON, "a slow head is served for ever");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn idle_connection_has_its_own_timeout_and_its_next_head_is_timed_again() {
    let fixture = Fixture::with(&[], short).await;
    let mut connection = Connection::open(fixture.address).await;
    for _ in 0..2 {
        connection.send(LIVE).await;
        assert_eq!(connection.read_response(false).await.status, 200);
        // Longer than the time-out of a head, shorter than the idle time-out.
        tokio::time::sleep(Duration::from_millis(800)).await;
    }
    connection.send(&LIVE[..10]).await;
    let began = Instant::now();
    assert!(connection.ends_within(SOON).await);
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );

    let mut connection = Connection::open(fixture.address).await;
    connection.send(LIVE).await;
    assert_eq!(connection.read_response(false).await.status, 200);
    let began = Instant::now();
    assert!(connection.ends_within(SOON).await);
    assert!(
        began.elapsed() >= Duration::from_millis(2_500),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn slow_response_is_not_cut_by_the_timeouts_of_the_head() {
    let fixture = Fixture::with(&[], |config| {
        short(config);
        config.limits.idle = Duration::from_millis(300);
    })
    .await;
    // The response waits a second for a count.
    let today = fixture.get("/api/visitors/today").await;
    assert_eq!(today.status, 202);
    assert!(today.took > Duration::from_millis(900));
    let mut stream = testkit::http::Events::open(fixture.address).await;
    assert_eq!(stream.next_within(Duration::from_secs(1)).await, None);
    let count = crate::fixture::message(1, crate::fixture::LONG);
    fixture.worker.publish_message(&count).await;
    assert_eq!(stream.next().await.unwrap().event, "init");
}

#[tokio::test]
async fn connection_above_the_limit_is_503_with_a_random_retry_after() {
    let fixture = Fixture::with(&[], |config| config.limits.connections = 3).await;
    let mut open = Vec::new();
    // The readiness check of the fixture may still hold a permit for a moment.
    eventually("three connections are open", SOON, async || {
        let mut connection = Connection::open(fixture.address).await;
        connection.send(LIVE).await;
        if connection.read_response(false).await.status == 200 {
            open.push(connection);
        }
        (open.len() == 3).then_some(())
    })
    .await;
    let mut delays = std::collections::BTreeSet::new();
    for _ in 0..20 {
        let refused = send_raw(fixture.address, LIVE).await;
        assert_eq!(refused.status, 503);
        assert_eq!(
            refused.header("content-type"),
            Some("application/problem+json")
        );
        let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
        assert!((2..=8).contains(&seconds));
        delays.insert(seconds);
    }
    assert!(delays.len() > 1, "not all at once: {delays:?}");
    // A stream gives its connection permit back.
    open.pop();
    let streams = eventually("a stream opens", SOON, async || {
        let stream = testkit::http::Events::open(fixture.address).await;
        (stream.status == 200).then_some(stream)
    })
    .await;
    eventually("the permit is free", SOON, async || {
        (send_raw(fixture.address, LIVE).await.status == 200).then_some(())
    })
    .await;
    drop(streams);
}

/// Starts a gateway from a shell that sets `ulimit` first.
async fn start_with_ulimit(ulimit: &str) -> (Process, SocketAddr) {
    let port = free_port().unwrap();
    let script = format!("ulimit {ulimit}; exec '{}'", env!("CARGO_BIN_EXE_gateway"));
    let environment = [
        ("PORT", port.to_string()),
        ("HOST", "127.0.0.1".to_owned()),
        ("REDIS_URL", testkit::server::shared_redis().await.url()),
    ];
    let shell = Path::new("/bin/sh");
    let process = Process::spawn_at(shell, &["-c", &script], &environment).unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    eventually("it listens", SOON, async || {
        TcpStream::connect(address).await.ok()
    })
    .await;
    (process, address)
}

/// As in many containers and shells: a low soft limit under a higher hard limit.
#[tokio::test]
async fn soft_limit_of_open_files_is_raised() {
    let (process, address) = start_with_ulimit("-Sn 40").await;
    let mut streams = Vec::new();
    for _ in 0..60 {
        let stream = Events::open(address).await;
        assert_eq!(stream.status, 200);
        streams.push(stream);
    }
    assert!(!process.log().contains("LimitNOFILE"), "{}", process.log());
}

#[tokio::test]
async fn without_file_descriptors_clients_get_503_and_the_gateway_recovers() {
    let (process, address) = start_with_ulimit("-n 40").await;
    let log = process.log();
    assert!(
        log.contains("SSE_MAX_CLIENTS is 10000, but only 40"),
        "{log}"
    );
    let mut idle = Vec::new();
    for _ in 0..60 {
        idle.push(TcpStream::connect(address).await.unwrap());
    }
    eventually("a client gets 503", SOON, async || {
        let mut connection = Connection::open(address).await;
        connection.send(LIVE).await;
        (connection.read_response(false).await.status == 503).then_some(())
    })
    .await;
    drop(idle);
    eventually("the gateway has recovered", SOON, async || {
        let mut connection = Connection::open(address).await;
        connection.send(LIVE).await;
        (connection.read_response(false).await.status == 200).then_some(())
    })
    .await;
    let log = process.log();
    assert!(log.contains("no file descriptors are left"), "{log}");
}
