//! A crowd of clients in its own process, since one process may not have enough sockets for both ends.
//!
//! `crowd ADDRESS PATH COUNT` requests PATH on COUNT connections, and prints how many were accepted and how many were
//! refused with a `Retry-After`. It keeps the connections until they end, and then prints how they ended.

use anyhow::{Context as _, Result, bail};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use testkit::descriptors;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Connections that are being made at once: far fewer than a server's backlog holds.
const AT_ONCE: usize = 256;
/// Of what came last: a stream's last block and its last chunk have some 30 bytes.
const TAIL: usize = 64;

/// How one connection ended.
struct End {
    at: Instant,
    /// With the last chunk.
    clean: bool,
    /// The `retry` of its last block, in milliseconds.
    retry: Option<u64>,
}

#[tokio::main(flavor = "current_thread")]
#[allow(clippy::print_stdout, reason = "the test reads the figures here")]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, path, count] = &arguments[..] else {
        bail!("crowd ADDRESS PATH COUNT");
    };
    let address = address.parse().context("an address")?;
    let room = descriptors::raise()?;
    let count: usize = count.parse().context("a number")?;
    if count > room {
        bail!(
            "{count} connections need a higher hard limit of open files; there is room for {room}"
        );
    }
    let request: Arc<str> = format!("GET {path} HTTP/1.1\r\nHost: crowd\r\n\r\n").into();
    let making = Arc::new(Semaphore::new(AT_ONCE));
    let mut coming = JoinSet::new();
    for _ in 0..count {
        let (request, making) = (request.clone(), making.clone());
        coming.spawn(async move {
            let _turn = making.acquire_owned().await;
            come(address, &request).await
        });
    }
    let (mut staying, mut refused) = (JoinSet::new(), 0);
    while let Some(came) = coming.join_next().await {
        match came?? {
            Some(socket) => drop(staying.spawn(stay(socket))),
            None => refused += 1,
        }
    }
    println!("open {} refused {refused}", staying.len());
    let mut ends = Vec::new();
    while let Some(end) = staying.join_next().await {
        ends.push(end?);
    }
    ends.sort_by_key(|end| end.at);
    let clean = ends.iter().filter(|end| end.clean).count();
    let retries: BTreeSet<_> = ends.iter().filter_map(|end| end.retry).collect();
    println!(
        "ended {} clean {clean} retries {} densest {}",
        ends.len(),
        retries.len(),
        densest_second(&ends)
    );
    Ok(())
}

/// Sends the request, and returns the connection if it was accepted. A refusal must have a `Retry-After`.
async fn come(address: SocketAddr, request: &str) -> Result<Option<TcpStream>> {
    let mut socket = TcpStream::connect(address).await.context("connecting")?;
    socket
        .write_all(request.as_bytes())
        .await
        .context("asking")?;
    let mut head = vec![0; 1024];
    let length = socket.read(&mut head).await.context("hearing")?;
    let head = String::from_utf8_lossy(&head[..length]);
    if head.starts_with("HTTP/1.1 200 ") {
        return Ok(Some(socket));
    }
    if head.starts_with("HTTP/1.1 503 ") && head.contains("\r\nretry-after: ") {
        return Ok(None);
    }
    bail!("neither let in nor refused: {head}")
}

/// Takes whatever comes until the connection ends.
async fn stay(mut socket: TcpStream) -> End {
    let (mut tail, mut buffer) = (Vec::new(), [0; 512]);
    while let Ok(length @ 1..) = socket.read(&mut buffer).await {
        tail.extend_from_slice(&buffer[..length]);
        tail.drain(..tail.len().saturating_sub(TAIL));
    }
    let tail = String::from_utf8_lossy(&tail);
    let retry = tail
        .rsplit("retry: ")
        .next()
        .filter(|_| tail.contains("retry: "));
    End {
        at: Instant::now(),
        clean: tail.ends_with("\r\n0\r\n\r\n"),
        retry: retry.and_then(|rest| rest.lines().next()?.parse().ok()),
    }
}

/// The most ends in any one second.
fn densest_second(ends: &[End]) -> usize {
    let second = Duration::from_secs(1);
    let within = |index: usize| ends.partition_point(|end| end.at < ends[index].at + second);
    (0..ends.len())
        .map(|index| within(index) - index)
        .max()
        .unwrap_or(0)
}
