//! One stream as its client sees it.

use super::events::{Count, Event, LastRead, Partial};
use crate::fleet::protocol::Truth;
use anyhow::{Context as _, Result};
use shared::catalog::Snapshot;
use socket2::{Domain, Socket, Type};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// As a browser requests it.
const REQUEST: &[u8] = b"GET /api/visitors/today/stream HTTP/1.1\r\nHost: library.example\r\nAccept: text/event-stream\r\n\r\n";
/// What browsers wait if no `retry:` was received.
const DEFAULT_RETRY: Duration = Duration::from_secs(3);

/// A stream, or the wait for one.
pub(super) struct Stream {
    /// The connection, and the index of its gateway.
    pub(super) connection: Option<(TcpStream, usize)>,
    /// Whether it has received a count.
    pub(super) is_open: bool,
    /// The count that it shows.
    pub(super) count: Count,
    /// When the stream before it ended, if there was one.
    pub(super) predecessor_ended: Option<Instant>,
    was_requested: bool,
    was_accepted: bool,
    /// When it received its first count, in milliseconds since 1970.
    opened_at: i64,
    /// The tag of the copy of each snapshot of which it was told; 0: of none.
    told: [u32; Snapshot::ALL.len()],
    partial: Partial,
    retry: Duration,
    /// From a response of 503.
    retry_after: Option<Duration>,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// With the end of the body and a time to come again.
    Clean,
    /// In another way, after a count.
    Cut,
    /// With a time to come again, and without a count.
    Refused,
    /// In another way, without a count.
    Failed,
}

impl Stream {
    /// Waits to connect for the first time.
    pub(super) fn new() -> Self {
        Self {
            connection: None,
            is_open: false,
            count: Count::default(),
            predecessor_ended: None,
            was_requested: false,
            was_accepted: false,
            opened_at: 0,
            told: [0; Snapshot::ALL.len()],
            partial: Partial::default(),
            retry: DEFAULT_RETRY,
            retry_after: None,
        }
    }

    /// Reads all that has arrived, and calls `on_count` for each count. Returns whether the connection is still open.
    pub(super) fn read(
        &mut self,
        is_ending: bool,
        buffer: &mut [u8],
        last: &mut LastRead,
        mut on_count: impl FnMut(&mut Self, Count),
    ) -> bool {
        loop {
            let Some((socket, _)) = &mut self.connection else {
                return false;
            };
            if !self.was_requested {
                self.was_requested = true;
                if socket.write_all(REQUEST).is_err() {
                    return false;
                }
            }
            let length = match socket.read(buffer) {
                Ok(0) => return false,
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            };
            let bytes = &buffer[..length];
            self.was_accepted |= Partial::is_accepted(bytes);
            if !self.was_accepted {
                self.retry_after = retry_after(bytes);
                return false;
            }
            let mut partial = std::mem::take(&mut self.partial);
            partial.parse(bytes, last, |event| match event {
                Event::Count(count) => on_count(self, count),
                Event::Changed(index, tag) => self.told[index] = tag,
                Event::Retry(after) => self.retry = after,
            });
            self.partial = partial;
            // With less than a full buffer there is nothing more, and the next bytes wake the process again.
            if length < buffer.len() && !is_ending {
                return true;
            }
        }
    }

    /// Shows a count. Returns whether it is the first one of this stream.
    pub(super) fn show(&mut self, count: Count, now: i64) -> bool {
        self.count = count;
        let is_first = !std::mem::replace(&mut self.is_open, true);
        if is_first {
            self.opened_at = now;
        }
        is_first
    }

    /// Forgets the connection, which has ended, and returns how, and when to come again.
    pub(super) fn end(&mut self) -> (End, Duration) {
        let (retry, is_complete) = self.partial.finish();
        let is_clean = is_complete && retry.is_some() && self.was_accepted;
        let is_refused = is_clean || self.retry_after.is_some();
        let end = match (self.is_open, is_clean) {
            (true, true) => End::Clean,
            (true, false) => End::Cut,
            (false, _) if is_refused => End::Refused,
            (false, _) => End::Failed,
        };
        let after = retry.or(self.retry_after).unwrap_or(self.retry);
        let predecessor_ended = match self.is_open {
            true => Some(Instant::now()),
            false => self.predecessor_ended,
        };
        *self = Self {
            predecessor_ended,
            ..Self::new()
        };
        (end, after)
    }

    /// Whether it shows the right number for the right day.
    pub(super) fn has_right_count(&self, truth: &Truth) -> bool {
        (self.count.total, self.count.date) == (truth.total, truth.date)
    }

    /// Whether it was told of the current copy of every snapshot that has changed since it opened.
    pub(super) fn has_right_figures(&self, truth: &Truth) -> bool {
        self.told.iter().zip(&truth.figures).all(|(told, figure)| {
            *told == figure.tag || (*told == 0 && self.opened_at >= figure.made_at)
        })
    }
}

/// Begins to connect from `source` to `server`, without waiting.
pub(super) fn begin_connecting(source: SocketAddr, server: SocketAddr) -> Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).context("creating a socket")?;
    socket.set_nonblocking(true).context("not blocking")?;
    socket.bind(&source.into()).context("binding a socket")?;
    match socket.connect(&server.into()) {
        Err(error) if error.raw_os_error() == Some(nix::errno::Errno::EINPROGRESS as i32) => {}
        connected => connected.context("connecting")?,
    }
    Ok(socket.into())
}

/// The `Retry-After` of a response.
fn retry_after(response: &[u8]) -> Option<Duration> {
    let response = String::from_utf8_lossy(response).to_lowercase();
    let line = response
        .lines()
        .find_map(|line| line.strip_prefix("retry-after: "))?;
    line.trim_end().parse().ok().map(Duration::from_secs)
}
