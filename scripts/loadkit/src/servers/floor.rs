//! A plain loop of writes: for each message of Redis it writes the event to every socket. It has no limits and no
//! time-outs, so it shows what the kernel alone costs.

use crate::redis_connection::RedisConnection;
use anyhow::{Context as _, Result};
use clap::Args;
use shared::keys::Keys;
use shared::today::TodayCount;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

/// The head of the gateway's response, and its first event, in size and shape.
const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-store\r\n\
    x-accel-buffering: no\r\ntransfer-encoding: chunked\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\n\r\n";
const INIT: &str = "retry: 3000\nevent: init\nid: 1758618622111\ndata: {\"total\":1,\"source\":\"cache\",\
    \"at\":\"2025-09-23T09:10:22.111Z\",\"date\":\"2025-09-23\"}\n\n";

/// Where to listen, and where messages come from.
#[derive(Args)]
pub(crate) struct Options {
    /// The address to listen on.
    address: SocketAddr,
    /// The port of Redis on this machine.
    redis_port: u16,
}

type Streams = Arc<Mutex<Vec<TcpStream>>>;

/// Accepts streams on a second thread, and writes messages on this one.
pub(crate) fn run(options: &Options) -> Result<()> {
    let mut redis = RedisConnection::open(options.redis_port)?;
    redis.subscribe(&Keys::default().today_channel())?;
    let listener = TcpListener::bind(options.address).context("listening")?;
    let streams = Streams::default();
    let accepted = streams.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            if let Ok(stream) = open_stream(stream) {
                let mut streams = accepted.lock().unwrap_or_else(PoisonError::into_inner);
                streams.push(stream);
            }
        }
    });
    loop {
        let event = encode_event(&redis.next_message()?)?;
        let mut streams = streams.lock().unwrap_or_else(PoisonError::into_inner);
        streams.retain(|stream| write_event(stream, &event));
    }
}

/// Reads the request, which our client sends in one piece, and answers it.
fn open_stream(mut stream: TcpStream) -> Result<TcpStream> {
    stream.set_nodelay(true)?;
    let _ = stream.read(&mut [0; 4096])?;
    stream.write_all(format!("{HEAD}{:X}\r\n{INIT}\r\n", INIT.len()).as_bytes())?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}

/// Whether the stream is kept. A client whose buffer is full misses the event, or is dropped if a part of it fits.
fn write_event(mut stream: &TcpStream, event: &[u8]) -> bool {
    match stream.write(event) {
        Ok(written) => written == event.len(),
        Err(e) => e.kind() == ErrorKind::WouldBlock,
    }
}

/// The bytes that the gateway sends for a message: the event in one chunk.
fn encode_event(message: &[u8]) -> Result<Vec<u8>> {
    let count = TodayCount::parse(message).context("parsing a message")?;
    let id = count.generated_at.millis();
    let data = String::from_utf8_lossy(message);
    let event = format!("event: update\nid: {id}\ndata: {data}\n\n");
    Ok(format!("{:X}\r\n{event}\r\n", event.len()).into_bytes())
}
