//! Malformed and ambiguous requests against the real process: each gets a clean status or a clean end. When the end of
//! a request is ambiguous, the bytes after it are never taken for a second request.

use crate::fixture::{LONG, SOON, Worker, message};
use crate::process::start;
use socket2::SockRef;
use std::net::SocketAddr;
use std::time::Duration;
use testkit::eventually::eventually;
use testkit::http::{Connection, Events, RESPONSE_LIMIT};
use testkit::server::{shared_redis, unique};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Follows every request, like the request of another client that a proxy sends on the same connection.
const NEXT: &[u8] = b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

/// The expected outcome of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// This status, and the next request is answered too.
    Served(u16),
    /// This status; then the connection ends.
    Ended(u16),
    /// The connection ends without a response.
    Cut,
}
use Fate::{Cut, Ended, Served};

/// Headers that make the end of a request ambiguous. The body is the rest of the connection.
const AMBIGUOUS: &[(Fate, &str)] = &[
    (
        Ended(405),
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        Ended(405),
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    ),
    (
        Ended(405),
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        Ended(405),
        "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        Ended(400),
        "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    ),
    (Ended(400), "Transfer-Encoding: identity\r\n\r\n"),
    (Ended(400), "Transfer-Encoding: xchunked\r\n\r\n"),
    (Ended(400), "Transfer-Encoding: \r\n\r\n"),
    (
        Ended(400),
        "Transfer-Encoding: \u{b}chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        Ended(400),
        "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    ),
    (Ended(400), "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
    (
        Ended(405),
        "X: a\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        Ended(400),
        "X: a\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (Ended(400), "X: a\r\n Content-Length: 5\r\n\r\n"),
    (Ended(400), "X: a\0b\r\nContent-Length: 5\r\n\r\n"),
    (Ended(400), "Content-Length: 0\r\nContent-Length: 5\r\n\r\n"),
    (Ended(400), "Content-Length: 5\r\nContent-Length: 0\r\n\r\n"),
    (Ended(400), "Content-Length: 0, 5\r\n\r\n"),
    (Ended(400), "Content-Length: +0\r\n\r\n"),
    (Ended(400), "Content-Length: -1\r\n\r\n"),
    (Ended(400), "Content-Length: 0x0\r\n\r\n"),
    (Ended(400), "Content-Length: \r\n\r\n"),
    (
        Ended(400),
        "Content-Length: 99999999999999999999999\r\n\r\n",
    ),
    (Ended(431), "Content-Length: 18446744073709551615\r\n\r\n"),
    (Ended(405), "Content-Length: 53\r\n\r\n"),
    (Ended(405), "Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
    (
        Ended(405),
        "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
    ),
    (
        Ended(405),
        "Transfer-Encoding: chunked\r\n\r\n1;x=\"\r\na\r\n0\r\nX: y\r\n\r\n",
    ),
    (
        Ended(405),
        "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n",
    ),
    (
        Ended(405),
        "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n",
    ),
];

/// Other unusual heads, each up to its empty line.
const UNUSUAL: &[(Fate, &[u8])] = &[
    // Valid, without a body.
    (Served(200), b"GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
    (Served(200), b"GET http://other.example/livez HTTP/1.1\r\nHost: x\r\n\r\n"),
    (Served(200), b"GET http://other.example HTTP/1.1\r\nHost: x\r\n\r\n"),
    (Served(404), b"GET /liv\xc3\xa9ez HTTP/1.1\r\nHost: x\r\n\r\n"),
    (Served(404), b"GET /../livez HTTP/1.1\r\nHost: x\r\n\r\n"),
    (Served(404), b"GET /%2e%2e/%00 HTTP/1.1\r\nHost: x\r\n\r\n"),
    (Served(404), b"GET * HTTP/1.1\r\nHost: x\r\n\r\n"),
    (Served(404), b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"),
    (Served(404), b"CONNECT other.example:443 HTTP/1.1\r\nHost: x\r\n\r\n"),
    (Served(405), b"TRACE /livez HTTP/1.1\r\nHost: x\r\n\r\n"),
    (Served(200), b"GET /livez HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n"),
    (Served(200), b"GET /livez HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n"),
    (Served(200), b"GET /livez HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n"),
    (Served(200), b"GET /livez HTTP/1.1\r\nIf-None-Match: \xff\xfe\r\nAccept-Encoding: \xff\r\nOrigin: \xff\r\n\r\n"),
    (Served(200), b"GET /livez HTTP/1.1\nHost: x\n\n"),
    (Served(200), b"\r\n\r\nGET /livez HTTP/1.1\r\nHost: x\r\n\r\n"),
    (Served(200), b"GET /livez HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
    (Ended(200), b"GET /livez HTTP/1.0\r\n\r\n"),
    // Not valid HTTP.
    (Ended(400), b"GET /livez\0 HTTP/1.1\r\nHost: x\r\n\r\n"),
    (Ended(400), b"GET /livez HTTP/1.1\r\nX\0: a\r\n\r\n"),
    (Ended(400), b"GET /livez HTTP/1.1\r\nX\xff: a\r\n\r\n"),
    (Ended(400), b"GET /livez HTTP/1.1\r\nX: a\r\n b\r\n\r\n"),
    (Ended(400), b"GET /livez HTTP/1.1\r\n Host: x\r\n\r\n"),
    (Ended(400), b"GET /livez HTTP/1.1\r\nX : a\r\n\r\n"),
    (Ended(400), b"GET /livez HTTP/1.1\r\n: a\r\n\r\n"),
    (Ended(400), b"GET /livez HTTP/1.1\r\njunk\r\n\r\n"),
    (Ended(400), b"GET /livez HTTP/1.1\rHost: x\r\r"),
    (Ended(400), b"GET /liv\xff\xfeez HTTP/1.1\r\nHost: x\r\n\r\n"),
    (Ended(400), b"GET  /livez HTTP/1.1\r\nHost: x\r\n\r\n"),
    (Ended(400), b"GET /li vez HTTP/1.1\r\nHost: x\r\n\r\n"),
    (Ended(400), b"G\x01T /livez HTTP/1.1\r\nHost: x\r\n\r\n"),
    (Ended(400), b"GET /livez\r\n\r\n"),
    (Ended(400), b"GET /livez HTTP/2.0\r\nHost: x\r\n\r\n"),
    (Ended(400), b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03client-hello"),
    (Cut, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
];

/// Sends `request` and reads until the connection ends; returns the statuses in their order.
async fn statuses(address: SocketAddr, request: &[u8]) -> Vec<u16> {
    let mut socket = TcpStream::connect(address).await.unwrap();
    // If the gateway refuses a long head before its end, the rest of it cannot be sent.
    drop(socket.write_all(request).await);
    let mut text = Vec::new();
    // After the response there may be a reset, because the gateway did not read everything.
    let ended = timeout(RESPONSE_LIMIT, socket.read_to_end(&mut text)).await;
    assert!(ended.is_ok(), "open: {}", String::from_utf8_lossy(request));
    let text = String::from_utf8(text).unwrap();
    let answers = text.split("HTTP/1.").skip(1);
    answers
        .map(|answer| answer[2..5].parse().unwrap())
        .collect()
}

async fn assert_fate(address: SocketAddr, fate: Fate, request: &[u8]) {
    let all = [request, NEXT].concat();
    let expected = match fate {
        Served(status) => vec![status, 200],
        Ended(status) => vec![status],
        Cut => vec![],
    };
    let shown = String::from_utf8_lossy(&request[..request.len().min(200)]);
    assert_eq!(statuses(address, &all).await, expected, "{shown}");
}

/// Heads around the limits.
fn large() -> Vec<(Fate, String)> {
    let fields = |count: usize| {
        let fields: String = (0..count).map(|index| format!("X{index}: y\r\n")).collect();
        format!("GET /livez HTTP/1.1\r\n{fields}\r\n")
    };
    let target = |length| format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(length));
    let name = |length| format!("GET /livez HTTP/1.1\r\n{}: x\r\n\r\n", "a".repeat(length));
    vec![
        (Served(200), fields(100)),
        (Ended(431), fields(101)),
        (Ended(431), fields(1_500)),
        (Served(404), target(16_000)),
        (Ended(431), target(17_000)),
        (Ended(431), target(70_000)),
        (Served(200), name(16_000)),
        (Ended(431), name(17_000)),
        (
            Served(405),
            format!("{} /livez HTTP/1.1\r\n\r\n", "A".repeat(5_000)),
        ),
        (Ended(431), "\r\n".repeat(20_000)),
    ]
}

#[tokio::test]
async fn hostile_requests_get_their_status_and_other_clients_are_served() {
    let prefix = unique("gw");
    let (process, address) = start(&[("REDIS_KEY_PREFIX", &prefix)]).await;
    let worker = Worker::on(&shared_redis().await.url(), &prefix).await;
    let files = process.open_files().unwrap();
    let mut stream = Events::open(address).await;
    let mut kept = Connection::open(address).await;
    let memory = process.resident_bytes().unwrap();
    for round in 1..=5 {
        for method in ["POST", "PUT", "DELETE"] {
            for (fate, headers) in AMBIGUOUS {
                let request = format!("{method} /livez HTTP/1.1\r\nHost: x\r\n{headers}");
                assert_fate(address, *fate, request.as_bytes()).await;
            }
        }
        for (fate, headers) in AMBIGUOUS {
            // A GET with a body is answered, and its body is not taken for a request either.
            let fate = if *fate == Ended(405) {
                Ended(200)
            } else {
                *fate
            };
            let request = format!("GET /livez HTTP/1.1\r\nHost: x\r\n{headers}");
            assert_fate(address, fate, request.as_bytes()).await;
        }
        for (fate, request) in UNUSUAL {
            assert_fate(address, *fate, request).await;
        }
        for (fate, request) in large() {
            assert_fate(address, fate, request.as_bytes()).await;
        }
        kept.send("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert_eq!(kept.read_response(false).await.status, 200);
        worker.publish_count(&message(round, LONG), LONG).await;
        let update = stream.next().await.unwrap();
        assert!(
            update.data.contains(&format!("\"total\":{round},")),
            "{update:?}"
        );
    }
    drop((stream, kept));
    files_are_back(&process, files).await;
    let more = process.resident_bytes().unwrap().saturating_sub(memory);
    println!(
        "{} KiB more after {} hostile connections",
        more >> 10,
        5 * 165
    );
    assert!(more < 16 << 20, "{more} bytes more");
    assert!(!process.log().contains("panicked"), "{}", process.log());
}

async fn files_are_back(process: &testkit::process::Process, files: usize) {
    eventually("the descriptors are free again", SOON, async || {
        (process.open_files().unwrap() <= files).then_some(())
    })
    .await;
}

#[tokio::test]
async fn thousand_pipelined_requests_are_answered_in_order() {
    let (_process, address) = start(&[]).await;
    let one = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\nGET /x HTTP/1.1\r\nHost: x\r\n\r\n";
    let all = [&one.repeat(500)[..], NEXT].concat();
    let expected = [&[200, 404].repeat(500)[..], &[200]].concat();
    assert_eq!(statuses(address, &all).await, expected);
}

#[tokio::test]
async fn broken_connections_leak_no_descriptor() {
    let (process, address) = start(&[]).await;
    let files = process.open_files().unwrap();
    let stream = "GET /api/visitors/today/stream HTTP/1.1\r\nHost: x\r\n\r\n";
    let today = "GET /api/visitors/today HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut half_open = Vec::new();
    for turn in 0..600 {
        let request = ["", "GET /livez HT", NEXT_TEXT, stream, today][turn % 5];
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.write_all(request.as_bytes()).await.unwrap();
        match turn % 3 {
            // A reset.
            0 => SockRef::from(&socket)
                .set_linger(Some(Duration::ZERO))
                .unwrap(),
            // The client closes its sending side only.
            1 => {
                socket.shutdown().await.unwrap();
                half_open.push(socket);
            }
            // The client closes without reading.
            _ => {}
        }
    }
    files_are_back(&process, files).await;
    drop(half_open);
    let next = statuses(address, NEXT).await;
    assert_eq!(next, [200]);
}

const NEXT_TEXT: &str = "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n";

#[tokio::test]
async fn partial_head_after_a_request_times_out() {
    let fixture = crate::fixture::Fixture::with(&[], |config| {
        config.limits.head = Duration::from_millis(300);
        config.limits.idle = SOON * 6;
    })
    .await;
    for (requests, rest) in [(1, "G"), (3, "GET /livez HTTP/1.1\r\nHost: x\r\n")] {
        let mut connection = Connection::open(fixture.address).await;
        connection.send(NEXT_TEXT.repeat(requests) + rest).await;
        for _ in 0..requests {
            assert_eq!(connection.read_response(false).await.status, 200);
        }
        assert!(connection.ends_within(SOON).await, "{rest}");
    }
    // A connection without a partial head may be idle and continue later.
    let mut connection = Connection::open(fixture.address).await;
    for part in [NEXT_TEXT, &NEXT_TEXT[..20]] {
        connection.send(part).await;
    }
    connection.send(&NEXT_TEXT[20..]).await;
    for _ in 0..2 {
        assert_eq!(connection.read_response(false).await.status, 200);
    }
    assert!(!connection.ends_within(Duration::from_secs(1)).await);
}
