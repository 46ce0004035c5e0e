//! One stream of events: a socket, and the rest of what its client has not taken yet. No buffer, no task, no timer.

use crate::sse::change_notice::SnapshotSet;
use crate::sse::frame::{Frame, LAST_CHUNK};
use crate::sse::permits::StreamPermit;
use bytes::{Buf, Bytes};
use futures_util::FutureExt;
use std::io::{self, ErrorKind};
use std::task::{Context, Waker};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::Instant;

/// A client of a stream has nothing to send. One that sends more than this between two checks, which are at most a second
/// apart, is disconnected: its data would hide its end, and reading all of it would cost more than the stream.
const MOST_SENT: usize = 64 << 10;

/// A request for the stream that has been granted: what a hub needs to go on with its connection.
#[derive(Debug)]
pub struct SseStart {
    /// The connection, nothing of the answer sent.
    pub socket: TcpStream,
    /// The head of the answer.
    pub head: Bytes,
    /// Whether blocks are sent as chunks; to HTTP/1.0 the end of the connection is the end of the stream.
    pub chunked: bool,
    /// Held until the stream ends.
    pub place: StreamPermit,
}

/// A stream that a hub serves.
pub struct Stream {
    socket: TcpStream,
    chunked: bool,
    /// What is left of a block that the client has taken a part of.
    rest: Bytes,
    /// A block was dropped since the client took the last one.
    behind: bool,
    /// Since when the client takes nothing.
    stuck: Option<Instant>,
    /// Whether it knows a count.
    started: bool,
    /// Of which changes it is to be told, and from which round of its hub on.
    owed: SnapshotSet,
    owed_from: usize,
    /// When its turn to leave comes.
    turn: Option<Instant>,
    /// Its end has been sent, but for `rest`.
    over: bool,
    /// In which rounds of its hub its client is checked.
    check_class: usize,
    _place: StreamPermit,
}

impl Stream {
    /// Sends the head, and the first block with it, if there is one. `check_class` is kept for the hub.
    ///
    /// # Errors
    /// The connection has ended.
    pub fn open(opening: SseStart, first: Option<Frame>, check_class: usize) -> io::Result<Self> {
        // The socket remembers whom to wake: the task that read the request, which would be kept in memory for that.
        let nobody = &mut Context::from_waker(Waker::noop());
        let _ready = opening.socket.poll_read_ready(nobody);
        let mut stream = Self {
            socket: opening.socket,
            chunked: opening.chunked,
            rest: opening.head,
            behind: false,
            stuck: None,
            started: first.is_some(),
            owed: SnapshotSet::default(),
            owed_from: 0,
            turn: None,
            over: false,
            check_class,
            _place: opening.place,
        };
        if let Some(first) = first {
            let block = first.bytes(stream.chunked);
            stream.rest = [&stream.rest[..], block].concat().into();
        }
        stream.flush()?;
        Ok(stream)
    }

    /// Whether it knows a count.
    pub fn started(&self) -> bool {
        self.started
    }

    /// Whether the client missed a block and could take one now.
    pub fn is_behind(&self) -> bool {
        self.behind && self.rest.is_empty()
    }

    /// Since when the client takes nothing.
    pub fn stuck(&self) -> Option<Instant> {
        self.stuck
    }

    /// In which rounds its client is checked.
    pub fn check_class(&self) -> usize {
        self.check_class
    }

    /// When its turn to leave comes.
    pub fn turn(&self) -> Option<Instant> {
        self.turn
    }

    /// Gives it its turn to leave.
    pub fn set_turn(&mut self, turn: Instant) {
        self.turn = Some(turn);
    }

    /// Whether nothing is due but a look whether its client is there.
    pub fn is_quiet(&self) -> bool {
        let owes_nothing = self.owed.is_empty() && self.turn.is_none();
        self.rest.is_empty() && !self.behind && !self.over && owes_nothing
    }

    /// Sends its first count, and tells whether the client takes it.
    ///
    /// # Errors
    /// The connection has ended.
    pub fn start(&mut self, init: &Frame) -> io::Result<bool> {
        self.started = self.offer(init)?;
        Ok(self.started)
    }

    /// Owes the client word of what has changed, from `round` on; what is due already stays due.
    pub fn owe(&mut self, changed: SnapshotSet, round: usize) {
        if self.owed.is_empty() {
            self.owed_from = round;
        }
        self.owed.add(changed);
    }

    /// What the client is to be told now of what has changed; also while it waits for its first count, which may never come.
    pub fn due(&self, round: usize) -> SnapshotSet {
        match self.owed_from <= round {
            true => self.owed,
            false => SnapshotSet::default(),
        }
    }

    /// Tells of what has changed, if the client has taken everything before; else it stays owed.
    ///
    /// # Errors
    /// The connection has ended.
    pub fn tell(&mut self, changed: SnapshotSet, block: &Frame) -> io::Result<()> {
        if self.add(block)? {
            self.owed.remove(changed);
        }
        Ok(())
    }

    /// Sends a block of its own, if the client has taken everything before; tells whether it is on its way.
    ///
    /// # Errors
    /// The connection has ended.
    pub fn add(&mut self, block: &Frame) -> io::Result<bool> {
        let is_free = self.rest.is_empty() && !self.over;
        if is_free {
            self.rest = block.bytes(self.chunked).clone();
        }
        self.flush()?;
        Ok(is_free)
    }

    /// Sends a block, or drops it when the client has not taken the last one; tells whether the client takes it.
    ///
    /// # Errors
    /// The connection has ended.
    pub fn offer(&mut self, frame: &Frame) -> io::Result<bool> {
        self.flush()?;
        if self.rest.is_empty() && !self.over {
            let block = frame.bytes(self.chunked);
            self.rest = block.clone();
            self.flush()?;
            // Of a block that was not begun nothing is kept: the next one is newer.
            self.behind = self.rest.len() == block.len();
            if self.behind {
                self.rest = Bytes::new();
            }
        } else {
            self.behind = true;
        }
        Ok(!self.behind)
    }

    /// Sends the last block and a clean end.
    ///
    /// # Errors
    /// The connection has ended.
    pub fn end(&mut self, last: &Frame) -> io::Result<()> {
        self.turn = None;
        self.over = true;
        let end = if self.chunked { LAST_CHUNK } else { b"" };
        self.rest = [&self.rest[..], last.bytes(self.chunked), end]
            .concat()
            .into();
        self.flush()
    }

    /// Whether its end has been sent whole.
    pub fn has_ended(&self) -> bool {
        self.over && self.rest.is_empty()
    }

    /// Sends what is left of the last block, as far as the client takes it.
    ///
    /// # Errors
    /// The connection has ended.
    pub fn flush(&mut self) -> io::Result<()> {
        while !self.rest.is_empty() {
            match self.socket.try_write(&self.rest) {
                Ok(written) => {
                    self.rest.advance(written);
                    self.stuck = None;
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => {
                    self.stuck.get_or_insert_with(Instant::now);
                    return Ok(());
                }
                Err(e) => return Err(e),
            }
        }
        self.rest = Bytes::new();
        Ok(())
    }

    /// Checks that the client is still there, and discards what it has sent.
    ///
    /// # Errors
    /// The client has closed its connection or its sending side, or sends without end.
    pub fn check_client(&self) -> io::Result<()> {
        // The kernel tells of the end even while unread data is in front of it; without data this makes no system call.
        let Some(ready) = self.socket.ready(Interest::READABLE).now_or_never() else {
            return Ok(());
        };
        if ready?.is_read_closed() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        // What is not read would fill the window, and then the client's end could not arrive.
        let (mut discarded, mut sent) = ([0; 4096], 0);
        loop {
            match self.socket.try_read(&mut discarded) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(length) => sent += length,
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(e) => return Err(e),
            }
            if sent > MOST_SENT {
                return Err(ErrorKind::InvalidData.into());
            }
        }
    }
}
