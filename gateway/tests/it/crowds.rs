//! Thousands of clients, in processes of their own, against the real gateway with its default limits.

use crate::fixture::{LONG, SOON, Worker, message};
use crate::process::{signal, start};
use std::net::SocketAddr;
use std::time::Duration;
use testkit::eventually::eventually;
use testkit::http::{Connection, Events, get};
use testkit::process::{Process, binary_path};
use testkit::server::{shared_redis, unique};
use tokio::time::Instant;

const STREAM: &str = "/api/visitors/today/stream";
/// The default of `SSE_MAX_CLIENTS`.
const STREAMS: usize = 10_000;
/// The limit of connections, streams not counted.
const CONNECTIONS: usize = 8_192;
/// Ten thousand connections take a second or two to make; a busy machine needs several.
const ARRIVAL: Duration = Duration::from_secs(60);

struct Crowd(Process);

impl Crowd {
    fn of(address: SocketAddr, path: &str, count: usize) -> Self {
        let program = binary_path("crowd").unwrap();
        let (address, count) = (address.to_string(), count.to_string());
        Self(Process::spawn_at(&program, &[&address, path, &count], &[]).unwrap())
    }

    /// Waits for the line that begins with `word`, and returns its numbers.
    async fn numbers<const N: usize>(&mut self, word: &str) -> [usize; N] {
        let line = eventually(&format!("the crowd has {word}"), ARRIVAL, async || {
            let log = self.0.log();
            let line = log.lines().find(|line| line.starts_with(word));
            assert!(
                line.is_some() || self.0.try_exit().unwrap().is_none(),
                "{log}"
            );
            line.map(str::to_owned)
        })
        .await;
        let numbers = line.split(' ').filter_map(|word| word.parse().ok());
        let numbers: Vec<usize> = numbers.collect();
        numbers.try_into().unwrap()
    }
}

#[tokio::test]
async fn of_20_000_connections_those_above_the_limits_get_503_and_the_others_are_served() {
    let prefix = unique("gw");
    let (process, address) = start(&[("REDIS_KEY_PREFIX", &prefix)]).await;
    let worker = Worker::on(&shared_redis().await.url(), &prefix).await;
    let files = process.open_files().unwrap();
    let kib = || process.resident_bytes().unwrap() >> 10;
    let empty = kib();
    let mut stream = Events::open(address).await;
    let mut kept = Connection::open(address).await;
    kept.send("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(kept.read_response(false).await.status, 200);

    let mut streams = Crowd::of(address, STREAM, STREAMS);
    let [open, refused] = streams.numbers("open").await;
    assert_eq!((open, refused), (STREAMS - 1, 1));
    let with_streams = kib();
    let mut readers = Crowd::of(address, "/livez", STREAMS);
    let [open, refused] = readers.numbers("open").await;
    assert!(
        (CONNECTIONS - 10..CONNECTIONS).contains(&open),
        "{open} open"
    );
    assert_eq!(open + refused, STREAMS);
    let with_all = kib();
    println!(
        "{empty} KiB at first, {with_streams} with {STREAMS} streams, {with_all} with {open} more connections"
    );
    // The limits are made for 20 KiB for a connection within a request, and 1 KiB for a stream.
    assert!(with_all < empty + 200 * 1024, "{empty} to {with_all} KiB");

    // Open connections are served; new ones get 503 with Retry-After.
    kept.send("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(kept.read_response(false).await.status, 200);
    worker.publish_count(&message(1, LONG), LONG).await;
    let mut first = stream.next().await.unwrap();
    while !first.comment.is_empty() {
        // Keepalive comments: the stream has been open for some time.
        first = stream.next().await.unwrap();
    }
    assert_eq!(first.event, "init");
    let late = get(address, "/livez").await;
    assert_eq!(late.status, 503);
    assert!(late.header("retry-after").is_some());
    drop(readers);
    eventually("a permit is free", SOON, async || {
        (get(address, "/livez").await.status == 200).then_some(())
    })
    .await;
    drop((streams, stream, kept));
    eventually("the descriptors are free again", SOON, async || {
        (process.open_files().unwrap() <= files).then_some(())
    })
    .await;
}

#[tokio::test]
async fn ten_thousand_streams_drain_evenly() {
    let (mut process, address) = start(&[("SHUTDOWN_DRAIN_SECONDS", "10")]).await;
    let mut crowd = Crowd::of(address, STREAM, STREAMS);
    let [open, refused] = crowd.numbers("open").await;
    assert_eq!((open, refused), (STREAMS, 0));
    let mut kept = Connection::open(address).await;
    kept.send("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(kept.read_response(false).await.status, 200);

    let signalled = Instant::now();
    signal(&process, "TERM");
    eventually("the gateway is not ready", SOON, async || {
        (get(address, "/readyz").await.status == 503).then_some(())
    })
    .await;
    let [ended, clean, retries, densest] = crowd.numbers("ended").await;
    let status = process.wait_exit(SOON).await.unwrap();
    println!(
        "{ended} ended, {clean} of them cleanly, with {retries} different retry times, at most {densest} in a second; exit after {:?}",
        signalled.elapsed()
    );
    assert_eq!(status.code(), Some(0), "{}", process.log());
    assert_eq!((ended, clean), (STREAMS, STREAMS));
    // Random among 4,001 values.
    assert!(retries > 3_000, "{retries}");
    // The plan closes at most 1,300 in a second (`permits::no_second_closes_more_than_1_3_times_the_average`). After a pause
    // of the machine, more close at once.
    assert!(densest < 2_000, "{densest} in one second");
    assert!(
        !process.log().contains("did not end in time"),
        "{}",
        process.log()
    );
}
