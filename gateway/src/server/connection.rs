//! HTTP/1.1 on one connection.

use crate::Gateway;
use crate::http::listener_role::ListenerRole;
use crate::http::router::{self, Dispatch, Start};
use crate::server::client_limit;
use crate::server::overload::{RESPONSE_LIMIT, respond_503};
use crate::server::timeout_stream::{ConnectionState, TimeoutStream, TrackedBody};
use crate::sse::frame::LAST_CHUNK;
use crate::sse::response_head;
use crate::sse::stream::SseStart;
use futures_util::FutureExt;
use futures_util::future::Either;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, StatusCode, Version};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::future::{Future, pending, poll_fn, ready};
use std::mem;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use tracing::debug;

/// The contract's limit for the head of a request; above, hyper answers `431`.
const HEAD_LIMIT: usize = 16 << 10;
/// For the buffers of a connection: room for a head and no more.
const BUFFER_LIMIT: usize = HEAD_LIMIT + 512;

/// An accepted connection.
pub struct Connection {
    /// What it serves.
    pub gateway: Arc<Gateway>,
    /// What is offered where it came in.
    pub role: ListenerRole,
    /// Who has called.
    pub peer: IpAddr,
    /// On which io_thread it is served, and which hub would have it as a stream.
    pub io_thread: usize,
    /// Ends it after the answer that it is giving.
    pub closing: CancellationToken,
    /// Held until it ends or becomes a stream.
    pub places: (OwnedSemaphorePermit, client_limit::ClientPermit),
}

impl Connection {
    /// Serves one connection until it ends, or until it is to be a stream: then its socket goes to a hub, and what HTTP
    /// needed of memory is free.
    pub async fn serve(self, socket: TcpStream) {
        let Self {
            gateway,
            role,
            peer,
            io_thread,
            closing,
            places,
        } = self;
        let state = Arc::new(ConnectionState::default());
        let granted = OnceLock::new();
        let wire = TimeoutStream::new(socket, &gateway.config.limits, state.clone());
        let service = service_fn(|request: Request<Incoming>| {
            let sending = TrackedBody::begin(&state);
            let version = request.version();
            // Nothing is boxed for an answer that is there at once.
            match router::dispatch(&gateway, role, peer, request) {
                Dispatch::Ready(answer) => {
                    Either::Left(ready(Ok::<_, Infallible>(answer.map(sending))))
                }
                Dispatch::Deferred(answer) => {
                    Either::Right(answer.map(|answer| Ok(answer.map(sending))).boxed())
                }
                Dispatch::Upgrade(head, start) => {
                    drop(granted.set((head, version, start)));
                    // hyper is to answer nothing: the connection is taken out of its hands.
                    Either::Right(pending().boxed())
                }
            }
        });
        let mut connection = http1::Builder::new()
            .max_header_size(HEAD_LIMIT)
            .max_buf_size(BUFFER_LIMIT)
            .serve_connection(TokioIo::new(wire), service);
        let mut closed = pin!(closing.cancelled().fuse());
        let mut listens = false;
        let served = poll_fn(|cx| {
            let mut polled = Pin::new(&mut connection).poll(cx);
            // Asked once so that it wakes this task, and then only when it may have come: asking takes a lock that all
            // connections share.
            let ask = !mem::replace(&mut listens, true) || gateway.is_stopping();
            if polled.is_pending() && ask && closed.as_mut().poll(cx).is_ready() {
                Pin::new(&mut connection).graceful_shutdown();
                polled = Pin::new(&mut connection).poll(cx);
            }
            // Earlier answers have been sent whole, unless the client takes nothing.
            if granted.get().is_some() && !state.is_blocked() {
                return Poll::Ready(Ok(()));
            }
            polled
        });
        if let Err(e) = served.await {
            // hyper has answered by itself.
            if e.is_parse_too_large() {
                let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
                gateway.metrics.record_response(None, status);
            } else if e.is_parse() {
                gateway
                    .metrics
                    .record_response(None, StatusCode::BAD_REQUEST);
            }
            debug!(error = %e, "a connection ended early");
        }
        let socket = connection.into_parts().io.into_inner().into_socket();
        let Some((head, version, start)) = granted.into_inner() else {
            return;
        };
        let chunked = version != Version::HTTP_10;
        let head = response_head::bytes(head.headers(), chunked, &gateway.clock);
        match start {
            Start::Granted(place) => {
                let opening = SseStart {
                    socket,
                    head,
                    chunked,
                    permit: place,
                };
                drop(places);
                gateway.streams.dispatch(io_thread, opening).await;
            }
            Start::RefusalReason(block) => {
                let end = if chunked { LAST_CHUNK } else { b"" };
                let answer = [&head[..], block.bytes(chunked), end].concat();
                respond_503(socket, &answer, RESPONSE_LIMIT).await;
            }
        }
    }
}
