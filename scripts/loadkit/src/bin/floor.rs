//! The kernel's floor: accepts streams, answers their heads, and for each message of Redis writes the frame to every
//! socket in a plain loop. No limits, no cleaning up: what a gateway does beyond this, it does on its own account.

use anyhow::{Context as _, Result};
use clap::Parser;
use loadkit::redis;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token, Waker};
use shared::keys::Keys;
use shared::today::TodayCount;
use std::collections::HashMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender, channel};

const LISTENER: Token = Token(0);
const MESSAGE: Token = Token(1);
/// The first that a client can have.
const FIRST_CLIENT: usize = 2;
/// One read of a head.
const HEAD_ROOM: usize = 4096;

/// The head and the `init` that the gateway sends, in size and shape.
const ANSWER: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-store\r\n\
    x-accel-buffering: no\r\ntransfer-encoding: chunked\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\n\r\n";
const INIT: &str = "retry: 3000\nevent: init\nid: 1758618622111\ndata: {\"total\":1,\"source\":\"cache\",\
    \"at\":\"2025-09-23T09:10:22.111Z\",\"date\":\"2025-09-23\"}\n\n";

/// Streams today's count to whoever connects.
#[derive(Parser)]
struct Arguments {
    /// Where to listen.
    address: SocketAddr,
    /// The port of the Redis that brings messages.
    redis: u16,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let mut poll = Poll::new().context("making a poll")?;
    let mut listener = TcpListener::bind(arguments.address).context("listening")?;
    let registry = poll.registry();
    registry.register(&mut listener, LISTENER, Interest::READABLE)?;
    let waker = Waker::new(registry, MESSAGE)?;
    let (sender, messages) = channel();
    std::thread::spawn(move || bring_messages(arguments.redis, &sender, &waker));
    serve(&mut poll, &listener, &messages)
}

/// Ends only with an error, and the process with it.
fn bring_messages(port: u16, frames: &Sender<Vec<u8>>, waker: &Waker) {
    let brought = (|| -> Result<()> {
        let mut redis = redis::Connection::open(port)?;
        redis.subscribe(&Keys::default().today_channel())?;
        loop {
            frames.send(frame(&redis.message()?)?)?;
            waker.wake()?;
        }
    })();
    if brought.is_err() {
        std::process::exit(1);
    }
}

fn serve(poll: &mut Poll, listener: &TcpListener, messages: &Receiver<Vec<u8>>) -> Result<()> {
    let mut events = Events::with_capacity(1024);
    let mut heads = HashMap::new();
    let mut streams: Vec<TcpStream> = Vec::new();
    let mut next = FIRST_CLIENT;
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            match event.token() {
                LISTENER => accept(poll, listener, &mut heads, &mut next)?,
                MESSAGE => {
                    for frame in messages.try_iter() {
                        streams.retain_mut(|stream| write(stream, &frame));
                    }
                }
                token => {
                    if let Some(mut stream) = heads.remove(&token) {
                        poll.registry().deregister(&mut stream)?;
                        if answer(&mut stream) {
                            streams.push(stream);
                        }
                    }
                }
            }
        }
    }
}

fn accept(
    poll: &Poll,
    listener: &TcpListener,
    heads: &mut HashMap<Token, TcpStream>,
    next: &mut usize,
) -> Result<()> {
    while let Ok((mut stream, _)) = listener.accept() {
        stream.set_nodelay(true)?;
        let token = Token(*next);
        *next += 1;
        poll.registry()
            .register(&mut stream, token, Interest::READABLE)?;
        heads.insert(token, stream);
    }
    Ok(())
}

/// A head comes in one piece from our own load.
fn answer(stream: &mut TcpStream) -> bool {
    let mut head = [0; HEAD_ROOM];
    let read = stream.read(&mut head).is_ok_and(|length| length > 0);
    let answer = format!("{ANSWER}{:X}\r\n{INIT}\r\n", INIT.len());
    read && write(stream, answer.as_bytes())
}

/// Whether the client is there still. One that takes nothing just now misses this frame; one that takes a part of it
/// would need a memory, which the floor has not, and is left.
fn write(stream: &mut TcpStream, bytes: &[u8]) -> bool {
    match stream.write(bytes) {
        Ok(written) => written == bytes.len(),
        Err(e) => e.kind() == ErrorKind::WouldBlock,
    }
}

/// The bytes that the gateway sends for a message: the event in one chunk.
fn frame(message: &[u8]) -> Result<Vec<u8>> {
    let id = TodayCount::parse(message).context("a message of ours")?;
    let id = id.generated_at.millis();
    let mut event = format!("event: update\nid: {id}\ndata: ").into_bytes();
    event.extend(message);
    event.extend(b"\n\n");
    let mut frame = format!("{:X}\r\n", event.len()).into_bytes();
    frame.extend(event);
    frame.extend(b"\r\n");
    Ok(frame)
}
