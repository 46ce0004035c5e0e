//! One event stream: a socket, and the part of a block that its client has not taken yet. No queue, no task, no timer.

use crate::sse::change_notice::SnapshotSet;
use crate::sse::frame::{Frame, LAST_CHUNK};
use crate::sse::permits::{NewStream, StreamPermit};
use bytes::{Buf, Bytes};
use futures_util::FutureExt;
use std::io::{self, ErrorKind};
use std::task::{Context, Waker};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::Instant;

/// The client of a stream has nothing to send. If it sends more than this between two checks, which are at most a
/// second apart, it is disconnected: its data would hide the end of the connection, and reading all of it would cost
/// more than the stream.
const MAX_INPUT: usize = 64 << 10;

/// A stream that a hub serves.
pub struct SseStream {
    socket: TcpStream,
    chunked: bool,
    /// The rest of a block of which the client has taken a part.
    pending: Bytes,
    /// A block was dropped since the client took the last one.
    missed_latest: bool,
    /// Since when the socket takes no byte; `None` if the last write succeeded.
    blocked_since: Option<Instant>,
    /// Whether the first count has been sent.
    started: bool,
    /// Changes whose notices have not been sent, and the round of the hub from which they may be sent.
    pending_changes: SnapshotSet,
    notify_from_round: usize,
    /// When the drain closes this stream.
    close_at: Option<Instant>,
    /// The end has been sent, except for what is `pending`.
    closing: bool,
    /// The class of rounds in which the hub checks the client.
    check_class: usize,
    _permit: StreamPermit,
}

impl SseStream {
    /// Sends the head, together with the first block if there is one. `check_class` is kept for the hub.
    ///
    /// # Errors
    /// If the connection has ended.
    pub fn open(new: NewStream, first: Option<Frame>, check_class: usize) -> io::Result<Self> {
        // The socket still holds the waker of the task that read the request, which would keep that task in memory.
        let no_task = &mut Context::from_waker(Waker::noop());
        let _ready = new.socket.poll_read_ready(no_task);
        let mut stream = Self {
            socket: new.socket,
            chunked: new.chunked,
            pending: new.head,
            missed_latest: false,
            blocked_since: None,
            started: first.is_some(),
            pending_changes: SnapshotSet::default(),
            notify_from_round: 0,
            close_at: None,
            closing: false,
            check_class,
            _permit: new.permit,
        };
        if let Some(first) = first {
            let block = first.bytes(stream.chunked);
            stream.pending = [&stream.pending[..], block].concat().into();
        }
        stream.flush()?;
        Ok(stream)
    }

    /// Whether the first count has been sent.
    pub fn started(&self) -> bool {
        self.started
    }

    /// Whether the client missed a block and can take one now.
    pub fn needs_latest(&self) -> bool {
        self.missed_latest && self.pending.is_empty()
    }

    /// Since when the socket takes no byte; `None` if the last write succeeded.
    pub fn blocked_since(&self) -> Option<Instant> {
        self.blocked_since
    }

    /// The class of rounds in which the hub checks the client.
    pub fn check_class(&self) -> usize {
        self.check_class
    }

    /// When the drain closes this stream.
    pub fn close_at(&self) -> Option<Instant> {
        self.close_at
    }

    /// Sets when the drain closes this stream.
    pub fn set_close_at(&mut self, at: Instant) {
        self.close_at = Some(at);
    }

    /// Whether the stream needs nothing but the check that its client is still there.
    pub fn is_idle(&self) -> bool {
        let nothing_due = self.pending_changes.is_empty() && self.close_at.is_none();
        self.pending.is_empty() && !self.missed_latest && !self.closing && nothing_due
    }

    /// Sends the first count; returns whether it was sent or is on its way.
    ///
    /// # Errors
    /// If the connection has ended.
    pub fn send_init(&mut self, init: &Frame) -> io::Result<bool> {
        self.started = self.send_latest(init)?;
        Ok(self.started)
    }

    /// Queues change notices that may be sent from `round` on. Changes that are already queued keep their round.
    pub fn queue_changes(&mut self, changed: SnapshotSet, round: usize) {
        if self.pending_changes.is_empty() {
            self.notify_from_round = round;
        }
        self.pending_changes.add(changed);
    }

    /// The changes to send in `round`, also while the client waits for its first count, which may never come.
    pub fn due_changes(&self, round: usize) -> SnapshotSet {
        match self.notify_from_round <= round {
            true => self.pending_changes,
            false => SnapshotSet::default(),
        }
    }

    /// Sends change notices if nothing is pending; otherwise they stay queued.
    ///
    /// # Errors
    /// If the connection has ended.
    pub fn send_changes(&mut self, changed: SnapshotSet, block: &Frame) -> io::Result<()> {
        if self.try_send(block)? {
            self.pending_changes.remove(changed);
        }
        Ok(())
    }

    /// Sends a block if nothing is pending; returns whether it was sent or is on its way.
    ///
    /// # Errors
    /// If the connection has ended.
    pub fn try_send(&mut self, block: &Frame) -> io::Result<bool> {
        let is_free = self.pending.is_empty() && !self.closing;
        if is_free {
            self.pending = block.bytes(self.chunked).clone();
        }
        self.flush()?;
        Ok(is_free)
    }

    /// Sends a block, or drops it if the socket takes none of it now; returns whether it was sent or is on its way.
    /// Dropping is right because the next block is newer.
    ///
    /// # Errors
    /// If the connection has ended.
    pub fn send_latest(&mut self, frame: &Frame) -> io::Result<bool> {
        self.flush()?;
        if self.pending.is_empty() && !self.closing {
            let block = frame.bytes(self.chunked);
            self.pending = block.clone();
            self.flush()?;
            self.missed_latest = self.pending.len() == block.len();
            if self.missed_latest {
                self.pending = Bytes::new();
            }
        } else {
            self.missed_latest = true;
        }
        Ok(!self.missed_latest)
    }

    /// Sends the last block and the end of the body.
    ///
    /// # Errors
    /// If the connection has ended.
    pub fn close(&mut self, last: &Frame) -> io::Result<()> {
        self.close_at = None;
        self.closing = true;
        let end = if self.chunked { LAST_CHUNK } else { b"" };
        self.pending = [&self.pending[..], last.bytes(self.chunked), end]
            .concat()
            .into();
        self.flush()
    }

    /// Whether the end of the body has been sent completely.
    pub fn has_ended(&self) -> bool {
        self.closing && self.pending.is_empty()
    }

    /// Writes as much of the pending bytes as the socket takes.
    ///
    /// # Errors
    /// If the connection has ended.
    pub fn flush(&mut self) -> io::Result<()> {
        while !self.pending.is_empty() {
            match self.socket.try_write(&self.pending) {
                Ok(written) => {
                    self.pending.advance(written);
                    self.blocked_since = None;
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => {
                    self.blocked_since.get_or_insert_with(Instant::now);
                    return Ok(());
                }
                Err(e) => return Err(e),
            }
        }
        self.pending = Bytes::new();
        Ok(())
    }

    /// Checks that the client is still there, and discards what it has sent.
    ///
    /// # Errors
    /// If the client has closed its connection or its sending side, or sends more than 64 KiB between two checks.
    pub fn check_peer_closed(&self) -> io::Result<()> {
        // The kernel reports the end even behind unread data; without data this makes no system call.
        let Some(ready) = self.socket.ready(Interest::READABLE).now_or_never() else {
            return Ok(());
        };
        if ready?.is_read_closed() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        // Unread data would fill the window, and then the client's end could not arrive.
        let (mut discarded, mut received) = ([0; 4096], 0);
        loop {
            match self.socket.try_read(&mut discarded) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(length) => received += length,
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(e) => return Err(e),
            }
            if received > MAX_INPUT {
                return Err(ErrorKind::InvalidData.into());
            }
        }
    }
}
