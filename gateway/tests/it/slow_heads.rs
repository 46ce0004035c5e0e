//! Thousands of clients that send a head byte by byte and never end it, against the real process with its default
//! limits.

use crate::fixture::{LONG, SOON, Worker, message};
use crate::process::start;
use shared::catalog::Snapshot;
use std::net::SocketAddr;
use std::time::Duration;
use testkit::descriptors;
use testkit::eventually::eventually;
use testkit::http::{Connection, Events, get};
use testkit::server::{shared_redis, unique};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

const CLIENTS: u32 = 5_000;
/// The promised time-out of a head.
const HEAD_TIME: Duration = Duration::from_secs(5);
/// File descriptors for the other tests.
const RESERVED: u32 = 500;
/// The time over which they connect: short enough that all are connected together, and long enough that other tests,
/// which run at the same time, are not delayed.
const ARRIVAL: Duration = Duration::from_secs(1);
/// Between two bytes of one client.
const BETWEEN_BYTES: Duration = Duration::from_secs(1);
/// Between two checks of the healthy clients.
const BETWEEN_CHECKS: Duration = Duration::from_millis(20);
/// The beginning of a valid head.
const ENDLESS_HEAD: &[u8] = b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow: ";

/// Waits for `arrival`, then sends byte by byte until the connection ends; returns how long that took. A response is an
/// error.
async fn send_slowly(address: SocketAddr, arrival: Duration) -> Duration {
    sleep(arrival).await;
    let began = Instant::now();
    let mut socket = TcpStream::connect(address).await.unwrap();
    let mut head = ENDLESS_HEAD.iter().chain(std::iter::repeat(&b'x'));
    loop {
        // If the connection has ended, the read reports it.
        drop(socket.write_all(&[*head.next().unwrap()]).await);
        match timeout(BETWEEN_BYTES, socket.read(&mut [0])).await {
            Ok(Ok(0) | Err(_)) => return began.elapsed(),
            Ok(Ok(_)) => panic!("a response to a head that has not ended"),
            Err(_) => {}
        }
    }
}

#[tokio::test]
async fn clients_that_never_end_their_heads_are_disconnected_and_others_are_served() {
    // This process has one end of each connection, the gateway the other.
    let room = u32::try_from(descriptors::raise().unwrap()).unwrap_or(u32::MAX);
    let clients = CLIENTS.min(room.saturating_sub(RESERVED));
    assert!(clients > 0, "the hard limit of open files leaves no room");
    if clients < CLIENTS {
        println!("only {clients} clients instead of {CLIENTS}: raise the hard limit of open files");
    }
    let prefix = unique("gw");
    let (_process, address) = start(&[("REDIS_KEY_PREFIX", &prefix)]).await;
    let worker = Worker::on(&shared_redis().await.url(), &prefix).await;
    let weekly = Snapshot::Weekly;
    let stored = crate::fixture::envelope(weekly, 1);
    worker.store(weekly, &stored).await;
    worker.publish_count(&message(1, LONG), LONG).await;
    eventually("it has a snapshot and a count", SOON, async || {
        let health = get(address, "/health").await.json();
        let has_count = health["today"]["total"] == 1;
        (has_count && get(address, weekly.path()).await.status == 200).then_some(())
    })
    .await;
    let mut stream = Events::open(address).await;
    assert_eq!(stream.next().await.unwrap().event, "init");
    let mut kept = Connection::open(address).await;

    let began = Instant::now();
    let mut slow_clients = JoinSet::new();
    for index in 0..clients {
        slow_clients.spawn(send_slowly(address, ARRIVAL * index / clients));
    }
    let mut gone = 0;
    let mut total = 1;
    while gone < clients {
        // The healthy clients: a new connection, one that is kept, and a stream.
        let answer = get(address, weekly.path()).await;
        assert_eq!((answer.status, answer.text()), (200, &*stored));
        let request = format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", weekly.path());
        kept.send(request).await;
        assert_eq!(kept.read_response(false).await.status, 200);
        total += 1;
        worker.publish_count(&message(total, LONG), LONG).await;
        assert_eq!(stream.next().await.unwrap().data, message(total, LONG));

        while let Some(lasted) = slow_clients.try_join_next() {
            let lasted = lasted.unwrap();
            // Each was connected for the whole time-out while the healthy clients were served.
            assert!(lasted >= HEAD_TIME, "{lasted:?}");
            gone += 1;
        }
        sleep(BETWEEN_CHECKS).await;
        let waited = began.elapsed();
        assert!(
            waited < ARRIVAL + HEAD_TIME + SOON,
            "{gone} of {clients} gone after {waited:?}"
        );
    }
    println!(
        "{clients} clients gone after {:?}, {total} counts meanwhile",
        began.elapsed()
    );
}
