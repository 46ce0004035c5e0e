//! Clients that disconnect: the gateway notices within 3 s and frees their permits, whatever they did before.

use crate::fixture::{Fixture, LONG, SOON, message};
use crate::process::start;
use std::net::SocketAddr;
use std::time::Duration;
use testkit::descriptors;
use testkit::eventually::eventually;
use testkit::http::{Connection, Events, get};
use testkit::scrape;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::Instant;

/// The promised limit.
const LIMIT: Duration = Duration::from_secs(3);
const CLIENTS: usize = 1_500;

/// How a client disconnects.
#[derive(Clone, Copy, Debug)]
enum Disconnect {
    Close,
    Reset,
    CloseSendingSide,
    /// Closes after sending so many bytes.
    CloseAfter(usize),
}

impl Disconnect {
    /// Disconnects; returns the socket if one side of it stays open.
    async fn apply(self, mut socket: TcpStream) -> Option<TcpStream> {
        match self {
            Self::Close => {}
            Self::Reset => socket.set_zero_linger().unwrap(),
            Self::CloseSendingSide => {
                socket.shutdown().await.unwrap();
                return Some(socket);
            }
            Self::CloseAfter(bytes) => {
                // As much as the kernels take: unread data must not hide the end.
                let data = vec![b'x'; bytes];
                let mut sent = 0;
                while let Ok(length @ 1..) = socket.try_write(&data[sent..]) {
                    sent += length;
                }
            }
        }
        None
    }
}

async fn open_streams(address: SocketAddr) -> usize {
    let metrics = get(address, "/metrics").await;
    scrape::figure(metrics.text(), "gateway_streams").unwrap()
}

#[tokio::test]
async fn streams_of_disconnected_clients_are_closed_within_3_seconds() {
    descriptors::raise().unwrap();
    let limit = CLIENTS.to_string();
    let (_process, address) = start(&[("SSE_MAX_CLIENTS", &limit)]).await;
    for how in [
        Disconnect::Close,
        Disconnect::Reset,
        Disconnect::CloseSendingSide,
        Disconnect::CloseAfter(700),
        Disconnect::CloseAfter(40_000),
        Disconnect::CloseAfter(200_000),
    ] {
        let mut streams = Vec::new();
        for _ in 0..CLIENTS {
            let stream = Events::open(address).await;
            assert_eq!(stream.status, 200, "{how:?}");
            streams.push(stream.connection.socket.into_inner());
        }
        let mut open = Vec::new();
        for socket in streams {
            open.extend(how.apply(socket).await);
        }
        let left = Instant::now();
        // No count comes meanwhile, so nothing is sent to them.
        eventually(&format!("{how:?}: all are noticed"), LIMIT, async || {
            (open_streams(address).await == 0).then_some(())
        })
        .await;
        println!(
            "{how:?}: {CLIENTS} permits are free after {:?}",
            left.elapsed()
        );
        drop(open);
    }
}

/// The client sends without end, and then disconnects.
#[tokio::test]
async fn client_that_sends_data_is_noticed_when_it_disconnects() {
    let fixture = Fixture::start().await;
    let streams = async || open_streams(fixture.address).await;
    let stream = Events::open(fixture.address).await;
    let mut socket = stream.connection.socket.into_inner();
    let sending =
        tokio::spawn(async move { while socket.write_all(&[b'x'; 4096]).await.is_ok() {} });
    // The gateway may disconnect it for sending so much; if not, the client disconnects now.
    tokio::time::sleep(Duration::from_millis(500)).await;
    sending.abort();
    eventually("its end is noticed", LIMIT, async || {
        (streams().await == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn blocked_client_that_closes_its_sending_side_is_noticed() {
    let fixture = Fixture::start().await;
    fixture.worker.publish_count(&message(1, LONG), LONG).await;
    let stream = Events::open(fixture.address).await;
    let long = format!("{{\"pad\":\"{}\",", "x".repeat(200_000));
    let skipped = "gateway_stream_frames_skipped_total";
    let mut total = 1;
    eventually("a frame is pending", SOON * 2, async || {
        total += 1;
        let message = message(total, LONG).replacen('{', &long, 1);
        fixture.worker.publish_message(&message).await;
        let metrics = fixture.get("/metrics").await;
        (scrape::figure::<u64>(metrics.text(), skipped)? > 0).then_some(())
    })
    .await;
    let mut socket = stream.connection.socket.into_inner();
    socket.shutdown().await.unwrap();
    eventually("its end is noticed", LIMIT, async || {
        (open_streams(fixture.address).await == 0).then_some(())
    })
    .await;
}

/// The same for connections that are not streams.
#[tokio::test]
async fn connection_of_a_disconnected_client_frees_its_permit() {
    let fixture = Fixture::with(&[], |config| config.limits.connections = 2).await;
    let live = "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n";
    for (state, request) in [
        ("new", ""),
        ("within a head", "GET /livez HT"),
        ("idle after an answer", live),
        (
            "waiting for a count",
            "GET /api/visitors/today HTTP/1.1\r\nHost: x\r\n\r\n",
        ),
    ] {
        for how in [
            Disconnect::Close,
            Disconnect::Reset,
            Disconnect::CloseSendingSide,
        ] {
            let mut filling = Vec::new();
            eventually(
                &format!("{state}: all permits are taken"),
                SOON,
                async || {
                    let mut connection = Connection::open(fixture.address).await;
                    connection.send(request).await;
                    if request == live && connection.read_response(false).await.status == 503 {
                        return Some(());
                    }
                    filling.push(connection);
                    (get(fixture.address, "/livez").await.status == 503).then_some(())
                },
            )
            .await;
            let mut open = Vec::new();
            for connection in filling {
                open.extend(how.apply(connection.socket.into_inner()).await);
            }
            eventually(
                &format!("{state}, {how:?}: a permit is free"),
                LIMIT,
                async || (get(fixture.address, "/livez").await.status == 200).then_some(()),
            )
            .await;
        }
    }
}
