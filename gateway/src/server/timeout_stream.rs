//! A client's socket with the limits that HTTP itself does not have: a head that does not end, a connection that
//! nobody uses, a client that takes nothing.
//!
//! hyper has one time limit for the head of a request and for the idle time before it; the contract has two. So the
//! socket itself keeps time, knowing from [`ConnectionState`] whether a request is being answered.

use crate::limits::Limits;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

/// A head has begun, or is owed by a new connection.
const HEAD: u8 = 0;
/// A request is being answered.
const ANSWER: u8 = 1;
/// The last answer has been given, and nothing came since.
const IDLE: u8 = 2;

/// What a connection is doing; shared by its socket, its service and its bodies, which all run in one task.
#[derive(Debug, Default)]
pub struct ConnectionState {
    phase: AtomicU8,
    /// Counts the changes of phase, so that a time-out of an earlier phase is told from a present one's.
    changes: AtomicUsize,
    /// The socket takes nothing more for the moment.
    blocked: AtomicBool,
}

impl ConnectionState {
    /// Whether the client takes nothing for the moment.
    pub fn is_blocked(&self) -> bool {
        self.blocked.load(Ordering::Relaxed)
    }

    fn enter(&self, phase: u8) {
        if self.phase.swap(phase, Ordering::Relaxed) != phase {
            self.changes.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// An answer's body, as its connection sends it: nothing more is handed over while the client takes nothing, and when it
/// is dropped the connection is idle. Streams are not sent this way; a hub has their sockets.
pub struct TrackedBody<B> {
    body: B,
    state: Arc<ConnectionState>,
}

impl<B> TrackedBody<B> {
    /// A request's head is complete; the answer begins.
    pub fn begin(state: &Arc<ConnectionState>) -> impl FnOnce(B) -> Self + use<B> {
        state.enter(ANSWER);
        let state = state.clone();
        |body| Self { body, state }
    }
}

impl<B> Drop for TrackedBody<B> {
    fn drop(&mut self) {
        self.state.enter(IDLE);
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for TrackedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        if self.state.blocked.load(Ordering::Relaxed) {
            // The socket wakes this task when it takes something again.
            return Poll::Pending;
        }
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The last bytes that were read: whether a head may have begun behind the last one.
#[derive(Debug, Default)]
struct HeadDetector([u8; 3]);

impl HeadDetector {
    fn note(&mut self, bytes: &[u8]) {
        let kept = bytes.len().min(self.0.len());
        self.0.rotate_left(kept);
        let from = self.0.len() - kept;
        self.0[from..].copy_from_slice(&bytes[bytes.len() - kept..]);
    }

    /// A head ends with an empty line, and no part of a head does. After a body nothing is waited for.
    fn ends_a_head(&self) -> bool {
        self.0.ends_with(b"\n\n") || self.0 == *b"\n\r\n"
    }
}

/// The socket.
pub struct TimeoutStream {
    socket: TcpStream,
    limits: Limits,
    state: Arc<ConnectionState>,
    read: HeadDetector,
    /// Until when what is being waited for must have come.
    deadline: Instant,
    /// The change of phase that the deadline was set for.
    deadline_since: usize,
    /// Fires at the deadline or before it: to move it with each request would cost more than to look again.
    reading: Pin<Box<Sleep>>,
    /// Whether it has been asked to wake the task of this connection.
    wakes: bool,
    writing: Option<Pin<Box<Sleep>>>,
}

impl TimeoutStream {
    /// A connection that has just been accepted.
    pub fn new(socket: TcpStream, limits: &Limits, state: Arc<ConnectionState>) -> Self {
        Self {
            deadline: Instant::now() + limits.head,
            deadline_since: state.changes.load(Ordering::Relaxed),
            reading: Box::pin(sleep(limits.head)),
            wakes: false,
            writing: None,
            read: HeadDetector::default(),
            limits: limits.clone(),
            socket,
            state,
        }
    }

    /// The bare socket, for whoever keeps time otherwise.
    pub fn into_socket(self) -> TcpStream {
        self.socket
    }

    /// Sets the timer for what is being waited for, and tells whether that has not come in time.
    fn deadline_passed(&mut self, cx: &mut Context<'_>) -> bool {
        if self.state.phase.load(Ordering::Relaxed) == IDLE && !self.read.ends_a_head() {
            // The beginning of the next head came with the request that was answered.
            self.state.enter(HEAD);
        }
        let limit = match self.state.phase.load(Ordering::Relaxed) {
            HEAD => self.limits.head,
            IDLE => self.limits.idle,
            _ => return false,
        };
        let change = self.state.changes.load(Ordering::Relaxed);
        if self.deadline_since != change {
            self.deadline_since = change;
            self.deadline = Instant::now() + limit;
        }
        if self.reading.deadline() > self.deadline {
            self.reading.as_mut().reset(self.deadline);
            self.wakes = false;
        }
        // Asked once it wakes this task, which is always the same; until then there is nothing to ask.
        while !self.wakes || self.reading.is_elapsed() {
            self.wakes = self.reading.as_mut().poll(cx).is_pending();
            if !self.wakes && self.reading.deadline() >= self.deadline {
                return true;
            }
            if !self.wakes {
                self.reading.as_mut().reset(self.deadline);
            }
        }
        false
    }

    /// Keeps time while the client takes nothing.
    fn written(
        &mut self,
        cx: &mut Context<'_>,
        result: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if result.is_ready() {
            self.writing = None;
            let known = self.deadline_since == self.state.changes.load(Ordering::Relaxed);
            if known && self.state.phase.load(Ordering::Relaxed) == IDLE {
                // An answer that was made whole is still being taken.
                self.deadline = Instant::now() + self.limits.idle;
            }
            if self.state.blocked.swap(false, Ordering::Relaxed) {
                // For the body, which waits in this same task.
                cx.waker().wake_by_ref();
            }
            return result;
        }
        self.state.blocked.store(true, Ordering::Relaxed);
        let limit = self.limits.stalled;
        let writing = self.writing.get_or_insert_with(|| Box::pin(sleep(limit)));
        let late = writing.as_mut().poll(cx);
        late.map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for TimeoutStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.socket).poll_read(cx, buffer);
        if result.is_pending() {
            // As though the client had gone; that ends a connection without a word.
            return match self.deadline_passed(cx) {
                true => Poll::Ready(Ok(())),
                false => Poll::Pending,
            };
        }
        let came = &buffer.filled()[before..];
        if !came.is_empty() {
            self.read.note(came);
            if self.state.phase.load(Ordering::Relaxed) == IDLE {
                self.state.enter(HEAD);
            }
        }
        result
    }
}

impl AsyncWrite for TimeoutStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.written(cx, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.socket).poll_write_vectored(cx, parts);
        self.written(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper does not read again after an answer when its last read found nothing; the idle time begins here.
        self.deadline_passed(cx);
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::task::noop_waker_ref;

    #[test]
    fn the_end_of_a_head_is_seen_however_it_comes() {
        for (parts, ends) in [
            (&["GET / HTTP/1.1\r\n\r\n"][..], true),
            (&["x\r\n", "\r\n"], true),
            (&["x\r\n\r", "\n"], true),
            (&["x", "\n", "\n"], true),
            (&["x\r\n\r\nG"], false),
            (&["x\r\n\r\n", "GET / HTTP/1.1\r\n"], false),
            (&["x\r\n\r\n", "y", "\r"], false),
            (&[], false),
        ] {
            let mut tail = HeadDetector::default();
            for part in parts {
                tail.note(part.as_bytes());
            }
            assert_eq!(tail.ends_a_head(), ends, "{parts:?}");
        }
    }

    #[test]
    fn a_body_makes_nothing_while_its_client_takes_nothing() {
        let state = Arc::new(ConnectionState::default());
        let begin = TrackedBody::begin(&state);
        assert_eq!(state.phase.load(Ordering::Relaxed), ANSWER);
        let mut body = begin(http_body_util::Full::new(Bytes::from_static(b"x")));
        let mut cx = Context::from_waker(noop_waker_ref());
        state.blocked.store(true, Ordering::Relaxed);
        assert!(Pin::new(&mut body).poll_frame(&mut cx).is_pending());
        state.blocked.store(false, Ordering::Relaxed);
        assert!(Pin::new(&mut body).poll_frame(&mut cx).is_ready());
        drop(body);
        assert_eq!(state.phase.load(Ordering::Relaxed), IDLE);
    }
}
