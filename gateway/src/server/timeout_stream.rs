//! A client's socket with time-outs for incomplete request heads, for idle connections, and for clients that read
//! nothing.
//!
//! hyper has one time limit for the head of a request and the idle time before it; the README promises two. So the socket
//! itself enforces them. [`ConnectionState`] tells it whether a response is in progress.

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

/// A request head has begun, or the connection is new.
const HEAD: u8 = 0;
/// A response is in progress.
const RESPONSE: u8 = 1;
/// The last response is complete, and nothing has been received since.
const IDLE: u8 = 2;

/// What a connection is doing. Shared by its socket, its service and its response bodies, which all run in one task.
#[derive(Debug, Default)]
pub struct ConnectionState {
    phase: AtomicU8,
    /// Counts the phase changes, so that a deadline of an earlier phase can be recognized.
    changes: AtomicUsize,
    /// The socket accepts no more bytes at the moment.
    blocked: AtomicBool,
}

impl ConnectionState {
    /// Returns whether the last write to the socket was pending, because the client reads nothing.
    pub fn is_blocked(&self) -> bool {
        self.blocked.load(Ordering::Relaxed)
    }

    fn enter(&self, phase: u8) {
        if self.phase.swap(phase, Ordering::Relaxed) != phase {
            self.changes.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A response body that updates the [`ConnectionState`]: it yields no frames while the socket is blocked, and dropping
/// it marks the connection as idle. Event streams do not use it, since a hub writes to their sockets.
pub struct TrackedBody<B> {
    body: B,
    state: Arc<ConnectionState>,
}

impl<B> TrackedBody<B> {
    /// Marks the beginning of a response, after a complete request head. Returns the function that wraps its body.
    pub fn begin(state: &Arc<ConnectionState>) -> impl FnOnce(B) -> Self + use<B> {
        state.enter(RESPONSE);
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
            // The socket wakes this task when it accepts bytes again.
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

/// The last three bytes that were read. They show whether a head has just ended or the next one has begun.
#[derive(Debug, Default)]
struct HeadDetector([u8; 3]);

impl HeadDetector {
    fn push(&mut self, bytes: &[u8]) {
        let count = bytes.len().min(self.0.len());
        self.0.rotate_left(count);
        let start = self.0.len() - count;
        self.0[start..].copy_from_slice(&bytes[bytes.len() - count..]);
    }

    /// Returns whether the bytes end with an empty line. Only a complete head does; request bodies are never read.
    fn is_end_of_head(&self) -> bool {
        self.0.ends_with(b"\n\n") || self.0 == *b"\n\r\n"
    }
}

/// A socket that closes the connection when a deadline has passed.
pub struct TimeoutStream {
    socket: TcpStream,
    limits: Limits,
    state: Arc<ConnectionState>,
    head_detector: HeadDetector,
    /// When the current phase must have ended.
    deadline: Instant,
    /// The number of phase changes when the deadline was set.
    deadline_change: usize,
    /// May fire before the deadline and is then set again: resetting it with each request would cost more.
    read_timer: Pin<Box<Sleep>>,
    /// Whether the read timer will wake this connection's task.
    is_armed: bool,
    /// Runs while a write is pending.
    write_timer: Option<Pin<Box<Sleep>>>,
}

impl TimeoutStream {
    /// Wraps the socket of a connection that has just been accepted.
    pub fn new(socket: TcpStream, limits: &Limits, state: Arc<ConnectionState>) -> Self {
        Self {
            deadline: Instant::now() + limits.head,
            deadline_change: state.changes.load(Ordering::Relaxed),
            read_timer: Box::pin(sleep(limits.head)),
            is_armed: false,
            write_timer: None,
            head_detector: HeadDetector::default(),
            limits: limits.clone(),
            socket,
            state,
        }
    }

    /// Returns the socket without the time-outs.
    pub fn into_socket(self) -> TcpStream {
        self.socket
    }

    /// Sets the timer for the current phase and returns whether its deadline has passed.
    fn deadline_passed(&mut self, cx: &mut Context<'_>) -> bool {
        if self.state.phase.load(Ordering::Relaxed) == IDLE && !self.head_detector.is_end_of_head()
        {
            // The beginning of the next head was read together with the last request.
            self.state.enter(HEAD);
        }
        let limit = match self.state.phase.load(Ordering::Relaxed) {
            HEAD => self.limits.head,
            IDLE => self.limits.idle,
            _ => return false,
        };
        let change = self.state.changes.load(Ordering::Relaxed);
        if self.deadline_change != change {
            self.deadline_change = change;
            self.deadline = Instant::now() + limit;
        }
        if self.read_timer.deadline() > self.deadline {
            self.read_timer.as_mut().reset(self.deadline);
            self.is_armed = false;
        }
        // The waker never changes, since one task polls this connection. So an armed timer needs no poll until it
        // fires.
        while !self.is_armed || self.read_timer.is_elapsed() {
            self.is_armed = self.read_timer.as_mut().poll(cx).is_pending();
            if !self.is_armed && self.read_timer.deadline() >= self.deadline {
                return true;
            }
            if !self.is_armed {
                self.read_timer.as_mut().reset(self.deadline);
            }
        }
        false
    }

    /// Handles the result of a write: starts or stops the write timer and updates the state.
    fn after_write(
        &mut self,
        cx: &mut Context<'_>,
        result: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if result.is_ready() {
            self.write_timer = None;
            let is_current = self.deadline_change == self.state.changes.load(Ordering::Relaxed);
            if is_current && self.state.phase.load(Ordering::Relaxed) == IDLE {
                // The client is still reading the buffered end of the last response.
                self.deadline = Instant::now() + self.limits.idle;
            }
            if self.state.blocked.swap(false, Ordering::Relaxed) {
                // Wakes the response body, which waits in this task.
                cx.waker().wake_by_ref();
            }
            return result;
        }
        self.state.blocked.store(true, Ordering::Relaxed);
        let limit = self.limits.stalled;
        let timer = self
            .write_timer
            .get_or_insert_with(|| Box::pin(sleep(limit)));
        let elapsed = timer.as_mut().poll(cx);
        elapsed.map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for TimeoutStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let start = buffer.filled().len();
        let result = Pin::new(&mut self.socket).poll_read(cx, buffer);
        if result.is_pending() {
            // Reports end of file, so that hyper closes the connection without a response.
            return match self.deadline_passed(cx) {
                true => Poll::Ready(Ok(())),
                false => Poll::Pending,
            };
        }
        let received = &buffer.filled()[start..];
        if !received.is_empty() {
            self.head_detector.push(received);
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
        self.after_write(cx, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.socket).poll_write_vectored(cx, parts);
        self.after_write(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper does not read again after a response if its last read was pending, so the idle time begins here.
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
    fn the_end_of_a_head_is_detected_across_reads() {
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
            let mut detector = HeadDetector::default();
            for part in parts {
                detector.push(part.as_bytes());
            }
            assert_eq!(detector.is_end_of_head(), ends, "{parts:?}");
        }
    }

    #[test]
    fn a_body_yields_nothing_while_the_socket_is_blocked() {
        let state = Arc::new(ConnectionState::default());
        let track_body = TrackedBody::begin(&state);
        assert_eq!(state.phase.load(Ordering::Relaxed), RESPONSE);
        let mut body = track_body(http_body_util::Full::new(Bytes::from_static(b"x")));
        let mut cx = Context::from_waker(noop_waker_ref());
        state.blocked.store(true, Ordering::Relaxed);
        assert!(Pin::new(&mut body).poll_frame(&mut cx).is_pending());
        state.blocked.store(false, Ordering::Relaxed);
        assert!(Pin::new(&mut body).poll_frame(&mut cx).is_ready());
        drop(body);
        assert_eq!(state.phase.load(Ordering::Relaxed), IDLE);
    }
}
