//! A crowd of clients in its own process, since one process may not have enough sockets for both ends.
//!
//! `crowd ADDRESS PATH COUNT` requests PATH on COUNT connections, and prints how many were accepted and how many were
//! refused with a `Retry-After`. It keeps the connections until they end, and then prints how they ended.

use anyhow::{Context as _, Result, bail, ensure};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use testkit::descriptors;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Connects at the same time: far fewer than the backlog of a server.
const CONCURRENT_CONNECTS: usize = 256;
/// The last block and the last chunk of a stream have about 30 bytes.
const TAIL: usize = 64;

/// The end of one connection.
struct End {
    at: Instant,
    /// Whether the last chunk was received.
    is_clean: bool,
    /// The `retry` of its last block, in milliseconds.
    retry: Option<u64>,
}

#[tokio::main(flavor = "current_thread")]
#[allow(clippy::print_stdout, reason = "the test reads the numbers here")]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, path, count] = &arguments[..] else {
        bail!("crowd ADDRESS PATH COUNT");
    };
    let address = address.parse().context("an address")?;
    let count: usize = count.parse().context("a number")?;
    let limit = descriptors::raise()?;
    ensure!(
        count <= limit,
        "the limit of open files allows {limit} connections"
    );
    let request: Arc<str> = format!("GET {path} HTTP/1.1\r\nHost: crowd\r\n\r\n").into();
    let permits = Arc::new(Semaphore::new(CONCURRENT_CONNECTS));
    let mut connecting = JoinSet::new();
    for _ in 0..count {
        let (request, permits) = (request.clone(), permits.clone());
        connecting.spawn(async move {
            let _permit = permits.acquire_owned().await;
            connect(address, &request).await
        });
    }
    let (mut open, mut refused) = (JoinSet::new(), 0);
    while let Some(connected) = connecting.join_next().await {
        match connected?? {
            Some(socket) => drop(open.spawn(read_until_end(socket))),
            None => refused += 1,
        }
    }
    println!("open {} refused {refused}", open.len());
    let mut ends = open.join_all().await;
    ends.sort_by_key(|end| end.at);
    let clean = ends.iter().filter(|end| end.is_clean).count();
    let retries: BTreeSet<_> = ends.iter().filter_map(|end| end.retry).collect();
    let (ended, retries, densest) = (ends.len(), retries.len(), densest_second(&ends));
    println!("ended {ended} clean {clean} retries {retries} densest {densest}");
    Ok(())
}

/// Sends the request, and returns the connection if it was accepted. A refusal must have a `Retry-After`.
async fn connect(address: SocketAddr, request: &str) -> Result<Option<TcpStream>> {
    let mut socket = TcpStream::connect(address).await.context("connecting")?;
    let sent = socket.write_all(request.as_bytes()).await;
    sent.context("sending a request")?;
    let mut head = vec![0; 1024];
    let length = socket.read(&mut head).await.context("reading a response")?;
    let head = String::from_utf8_lossy(&head[..length]);
    if head.starts_with("HTTP/1.1 200 ") {
        return Ok(Some(socket));
    }
    let is_refusal = head.starts_with("HTTP/1.1 503 ") && head.contains("\r\nretry-after: ");
    ensure!(is_refusal, "neither accepted nor refused: {head}");
    Ok(None)
}

async fn read_until_end(mut socket: TcpStream) -> End {
    let (mut tail, mut buffer) = (Vec::new(), [0; 512]);
    while let Ok(length @ 1..) = socket.read(&mut buffer).await {
        tail.extend_from_slice(&buffer[..length]);
        tail.drain(..tail.len().saturating_sub(TAIL));
    }
    let tail = String::from_utf8_lossy(&tail);
    let retry = tail
        .rsplit_once("retry: ")
        .and_then(|(_, retry)| retry.lines().next());
    End {
        at: Instant::now(),
        is_clean: tail.ends_with("\r\n0\r\n\r\n"),
        retry: retry.and_then(|retry| retry.parse().ok()),
    }
}

/// The largest number of ends in any one second.
fn densest_second(ends: &[End]) -> usize {
    let count = |(index, first): (usize, &End)| {
        let end = first.at + Duration::from_secs(1);
        ends.partition_point(|other| other.at < end) - index
    };
    ends.iter().enumerate().map(count).max().unwrap_or(0)
}
