//! Clients that send a head a byte at a time and never end it, thousands at once, against the real process with the
//! limits that it has.

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
/// The contract's time for a head.
const HEAD_TIME: Duration = Duration::from_secs(5);
/// For what the other tests have open meanwhile.
const BESIDES: u32 = 500;
/// Over which they arrive: well within a head's time, so that all are there together, and slowly enough that other
/// tests, which run beside this one, can keep time.
const ARRIVAL: Duration = Duration::from_secs(1);
/// Between two bytes of one client.
const BETWEEN_BYTES: Duration = Duration::from_secs(1);
/// Between two looks at the healthy.
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);
/// Valid, as far as it goes.
const ENDLESS_HEAD: &[u8] = b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow: ";

/// Waits for its turn, then dribbles until the connection ends; returns how long that took. An answer is an error here.
async fn dribble(address: SocketAddr, arrival: Duration) -> Duration {
    sleep(arrival).await;
    let began = Instant::now();
    let mut socket = TcpStream::connect(address).await.unwrap();
    let mut head = ENDLESS_HEAD.iter().chain(std::iter::repeat(&b'x'));
    loop {
        // Who is gone is told so when it reads.
        drop(socket.write_all(&[*head.next().unwrap()]).await);
        match timeout(BETWEEN_BYTES, socket.read(&mut [0])).await {
            Ok(Ok(0) | Err(_)) => return began.elapsed(),
            Ok(Ok(_)) => panic!("an answer to a head that has not ended"),
            Err(_) => {}
        }
    }
}

#[tokio::test]
async fn clients_that_never_end_their_heads_are_disconnected_and_others_are_served() {
    // One process has our ends, another the gateway's.
    let room = u32::try_from(descriptors::raise().unwrap()).unwrap_or(u32::MAX);
    let clients = CLIENTS.min(room.saturating_sub(BESIDES));
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
    worker.count(&message(1, LONG), LONG).await;
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
    let mut dribbling = JoinSet::new();
    for index in 0..clients {
        dribbling.spawn(dribble(address, ARRIVAL * index / clients));
    }
    let mut gone = 0;
    let mut total = 1;
    while gone < clients {
        // The healthy: a new connection, one that is kept, a stream.
        let answer = get(address, weekly.path()).await;
        assert_eq!((answer.status, answer.text()), (200, &*stored));
        let request = format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", weekly.path());
        kept.send(request).await;
        assert_eq!(kept.answer(false).await.status, 200);
        total += 1;
        worker.count(&message(total, LONG), LONG).await;
        assert_eq!(stream.next().await.unwrap().data, message(total, LONG));

        while let Some(lasted) = dribbling.try_join_next() {
            let lasted = lasted.unwrap();
            // Each has had its time: it was there while the healthy were served.
            assert!(lasted >= HEAD_TIME, "{lasted:?}");
            gone += 1;
        }
        sleep(BETWEEN_LOOKS).await;
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
