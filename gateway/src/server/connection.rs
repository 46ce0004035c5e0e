//! Serves HTTP/1.1 on one connection.

use crate::http::listener_role::ListenerRole;
use crate::http::response::Body;
use crate::http::router::{self, Admission, Dispatch};
use crate::server::client_limit;
use crate::server::overload::{RESPONSE_LIMIT, send_and_close};
use crate::server::timeout_stream::{ConnectionState, TimeoutStream, TrackedBody};
use crate::sse::frame::LAST_CHUNK;
use crate::sse::permits::NewStream;
use crate::sse::response_head;
use crate::state::Gateway;
use futures_util::FutureExt;
use futures_util::future::Either;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Version};
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

/// The limit for the head of a request, which the README states. Above it hyper responds with 431.
const HEAD_LIMIT: usize = 16 << 10;
/// The limit of a connection's buffers: room for one head.
const BUFFER_LIMIT: usize = HEAD_LIMIT + 512;

/// An accepted connection.
pub struct Connection {
    /// The shared state of the process.
    pub gateway: Arc<Gateway>,
    /// The role of the listener that accepted the connection.
    pub role: ListenerRole,
    /// The address of the peer.
    pub peer: IpAddr,
    /// The index of the I/O thread that serves the connection, and of the hub that gets it as a stream.
    pub io_thread: usize,
    /// When cancelled, the connection ends after the current response.
    pub closing: CancellationToken,
    /// Held until the connection ends or becomes a stream.
    pub permits: (OwnedSemaphorePermit, client_limit::ClientPermit),
}

/// A request for the stream, which ends HTTP on its connection.
struct Upgrade {
    head: Response<Body>,
    version: Version,
    admission: Admission,
}

impl Connection {
    /// Serves the connection until it ends or becomes a stream. In the latter case its socket moves to a hub, and the
    /// memory that HTTP needed is freed.
    pub async fn serve(self, socket: TcpStream) {
        let (socket, upgrade) = self.serve_http(socket).await;
        if let Some(upgrade) = upgrade {
            self.begin_stream(socket, upgrade).await;
        }
    }

    /// Serves requests until the connection ends or one of them is for the stream; returns the socket and that request.
    async fn serve_http(&self, socket: TcpStream) -> (TcpStream, Option<Upgrade>) {
        let gateway = &self.gateway;
        let state = Arc::new(ConnectionState::default());
        let upgrade = OnceLock::new();
        let stream = TimeoutStream::new(socket, &gateway.config.limits, state.clone());
        let service = service_fn(|request: Request<Incoming>| {
            let track_body = TrackedBody::begin(&state);
            let version = request.version();
            // A response that is ready needs no box.
            match router::dispatch(gateway, self.role, self.peer, request) {
                Dispatch::Ready(response) => {
                    Either::Left(ready(Ok::<_, Infallible>(response.map(track_body))))
                }
                Dispatch::Deferred(response) => Either::Right(
                    response
                        .map(|response| Ok(response.map(track_body)))
                        .boxed(),
                ),
                Dispatch::Upgrade(head, admission) => {
                    drop(upgrade.set(Upgrade {
                        head,
                        version,
                        admission,
                    }));
                    // hyper must send nothing: the loop below takes the connection away from it.
                    Either::Right(pending().boxed())
                }
            }
        });
        let mut connection = http1::Builder::new()
            .max_header_size(HEAD_LIMIT)
            .max_buf_size(BUFFER_LIMIT)
            .serve_connection(TokioIo::new(stream), service);
        let mut closing = pin!(self.closing.cancelled().fuse());
        let mut is_registered = false;
        let result = poll_fn(|cx| {
            let mut polled = Pin::new(&mut connection).poll(cx);
            // The first poll registers this task's waker. Later polls happen only while the gateway stops, since each
            // takes a lock that all connections share.
            let check = !mem::replace(&mut is_registered, true) || gateway.is_stopping();
            if polled.is_pending() && check && closing.as_mut().poll(cx).is_ready() {
                Pin::new(&mut connection).graceful_shutdown();
                polled = Pin::new(&mut connection).poll(cx);
            }
            // Earlier responses have been sent completely, unless the socket is blocked.
            if upgrade.get().is_some() && !state.is_blocked() {
                return Poll::Ready(Ok(()));
            }
            polled
        });
        if let Err(e) = result.await {
            self.record_error(&e);
        }
        let socket = connection.into_parts().io.into_inner().into_socket();
        (socket, upgrade.into_inner())
    }

    /// Counts the response to a malformed request, which hyper itself has sent.
    fn record_error(&self, error: &hyper::Error) {
        let status = if error.is_parse_too_large() {
            Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
        } else {
            error.is_parse().then_some(StatusCode::BAD_REQUEST)
        };
        if let Some(status) = status {
            self.gateway.metrics.record_response(None, status);
        }
        debug!(%error, "a connection ended with an error");
    }

    /// Hands a granted stream to its hub, or sends the refusal.
    async fn begin_stream(self, socket: TcpStream, upgrade: Upgrade) {
        let chunked = upgrade.version != Version::HTTP_10;
        let head = response_head::bytes(upgrade.head.headers(), chunked, &self.gateway.clock);
        match upgrade.admission {
            Admission::Granted(permit) => {
                let stream = NewStream {
                    socket,
                    head,
                    chunked,
                    permit,
                };
                drop(self.permits);
                let streams = &self.gateway.streams;
                streams.dispatch(self.io_thread, stream).await;
            }
            Admission::Refused(block) => {
                let end = if chunked { LAST_CHUNK } else { b"" };
                let response = [&head[..], block.bytes(chunked), end].concat();
                send_and_close(socket, &response, RESPONSE_LIMIT).await;
            }
        }
    }
}
