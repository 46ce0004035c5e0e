//! One stream of events at the client's end: it asks, and finds the marks in what it gets.

use mio::net::TcpStream;
use std::io::{ErrorKind, Read as _, Write as _};

const REQUEST: &[u8] = b"GET /api/visitors/today/stream HTTP/1.1\r\nHost: library.example\r\n\r\n";
const ACCEPTED: &[u8] = b"HTTP/1.1 200";
const MARK: &[u8] = b"\"total\":";

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The connection is being made.
    Connecting,
    /// The request has been sent.
    Asked,
    /// The first event has come.
    Streaming,
    /// Another status than 200.
    Refused,
    /// The connection has ended.
    Gone,
}

/// One client.
#[derive(Debug)]
pub struct Subscriber {
    /// Its connection.
    pub socket: TcpStream,
    /// How far it has come.
    pub state: State,
    /// An event that is not whole yet; mostly empty.
    pending: Vec<u8>,
}

impl Subscriber {
    /// A connection that is being made.
    pub fn new(socket: TcpStream) -> Self {
        Self {
            socket,
            state: State::Connecting,
            pending: Vec::new(),
        }
    }

    /// Sends the request on a connection that may have been made by now.
    pub fn ask(&mut self) {
        self.state = match self.socket.write(REQUEST) {
            Ok(_) => State::Asked,
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => {
                State::Connecting
            }
            Err(_) => State::Gone,
        };
    }

    /// Reads what is there, once where that is all; `heard` is called with the mark of each whole event.
    pub fn read(&mut self, buffer: &mut [u8], mut heard: impl FnMut(u64)) {
        loop {
            let length = match self.socket.read(buffer) {
                Ok(0) => return self.state = State::Gone,
                Ok(length) => length,
                Err(e) if e.kind() == ErrorKind::WouldBlock => return,
                Err(_) => return self.state = State::Gone,
            };
            self.take(&buffer[..length], &mut heard);
            // A read of less than there was room for was all that had come (epoll(7)): half of the calls are saved.
            if length < buffer.len() {
                return;
            }
        }
    }

    fn take(&mut self, bytes: &[u8], heard: &mut impl FnMut(u64)) {
        if self.state == State::Asked && self.pending.is_empty() && !bytes.starts_with(ACCEPTED) {
            self.state = State::Refused;
        }
        if self.pending.is_empty() {
            let rest = take_events(bytes, heard);
            self.note_first(rest < bytes.len());
            self.pending.extend(&bytes[bytes.len() - rest..]);
        } else {
            self.pending.extend(bytes);
            let rest = take_events(&self.pending, heard);
            let whole = self.pending.len() - rest;
            self.note_first(whole > 0);
            self.pending.drain(..whole);
        }
        // What stands between two events of a chunked answer; kept, it would cost each event a copy.
        if self.pending.len() <= 2 {
            self.pending.clear();
        }
    }

    fn note_first(&mut self, any: bool) {
        if any && self.state == State::Asked {
            self.state = State::Streaming;
        }
    }
}

/// Calls `heard` for each event that is whole; returns how many bytes follow the last.
fn take_events(bytes: &[u8], heard: &mut impl FnMut(u64)) -> usize {
    let mut rest = bytes;
    while let Some(end) = find(rest, b"\n\n") {
        let (event, after) = rest.split_at(end);
        if let Some(at) = find(event, MARK) {
            let digits = event[at + MARK.len()..].iter();
            let digits = digits.take_while(|byte| byte.is_ascii_digit());
            heard(digits.fold(0, |mark, digit| mark * 10 + u64::from(digit - b'0')));
        }
        rest = &after[2..];
    }
    rest.len()
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|part| part == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(text: &str) -> (Vec<u64>, usize) {
        let mut marks = Vec::new();
        let rest = take_events(text.as_bytes(), &mut |mark| marks.push(mark));
        (marks, rest)
    }

    #[test]
    fn marks_are_found_in_whole_events_alone() {
        let event = "event: update\nid: 1\ndata: {\"total\":313,\"date\":\"x\"}\n\n";
        assert_eq!(marks(event), (vec![313], 0));
        let two = format!("2A\r\n{event}\r\n2A\r\n{event}\r\n");
        assert_eq!(marks(&two), (vec![313, 313], 2));
        assert_eq!(marks(": keepalive\n\n"), (vec![], 0));
        let cut = &event[..event.len() - 1];
        assert_eq!(marks(cut), (vec![], cut.len()));
    }
}
