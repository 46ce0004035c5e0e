//! Accepts connections and serves HTTP/1.1 on each.

use crate::Gateway;
use crate::addresses;
use crate::head;
use crate::metrics::Refused;
use crate::refusal::Refusal;
use crate::route::{self, Answer};
use crate::stream::Opening;
use crate::wire::{Pulse, Sending, Wire};
use futures_util::FutureExt;
use futures_util::future::Either;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Version};
use hyper_util::rt::TokioIo;
use socket2::SockRef;
use std::convert::Infallible;
use std::future::{Future, pending, poll_fn, ready};
use std::mem;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

/// The contract's limit for the head of a request; above, hyper answers `431`.
const HEAD_LIMIT: usize = 16 << 10;
/// For the buffers of a connection: room for a head and no more.
const BUFFER_LIMIT: usize = HEAD_LIMIT + 512;
/// After a failed accept: long enough not to spin, too short to be noticed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Bytes that the kernel may hold unsent: beyond, a client counts as slow, so that events are dropped here and do not
/// queue there for hours.
const UNSENT_LIMIT: u32 = 16 << 10;

/// Accepts for ever. `closing` ends the connections, each after the answer that it is giving.
pub async fn accept(
    listener: TcpListener,
    gateway: Arc<Gateway>,
    closing: CancellationToken,
    connections: TaskTracker,
) -> Infallible {
    let places = Arc::new(Semaphore::new(gateway.config.limits.connections));
    let mut refusal = Refusal::new();
    loop {
        let Some(accepted) = closing.run_until_cancelled(listener.accept()).await else {
            // A clean refusal, rather than a connection that nobody answers.
            drop(listener);
            std::future::pending().await
        };
        match (accepted, places.clone().try_acquire_owned()) {
            (Ok((socket, peer)), Ok(place)) => {
                let peer = peer.ip();
                let Some(of_address) = gateway.addresses.admit_connection(peer) else {
                    gateway.metrics.refused(Refused::Address);
                    refusal.refuse_one(socket);
                    continue;
                };
                prepare(&socket, gateway.config.limits.stalled);
                let places = (place, of_address);
                let (gateway, closing) = (gateway.clone(), closing.clone());
                connections.spawn(serve(socket, peer, gateway, closing, places));
            }
            (Ok((socket, _)), Err(_)) => {
                gateway.metrics.refused(Refused::Full);
                refusal.refuse(socket).await;
            }
            (Err(e), _) => {
                if refusal.refuse_with_spare(&listener, &e).await {
                    gateway.metrics.refused(Refused::Descriptors);
                } else {
                    warn!(error = %e, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

/// A socket that refuses an option is served all the same.
fn prepare(socket: &TcpStream, stalled: Duration) {
    let options = SockRef::from(socket);
    // An event is one small packet; it must not wait for the next.
    let no_delay = options.set_tcp_nodelay(true);
    // A client that vanished without a word: the kernel gives up when it has acknowledged nothing for so long.
    let vanished = options.set_tcp_user_timeout(Some(stalled));
    let unsent = options.set_tcp_notsent_lowat(UNSENT_LIMIT);
    if let Err(e) = no_delay.and(vanished).and(unsent) {
        debug!(error = %e, "an option of a socket could not be set");
    }
}

/// Serves one connection until it ends, or until it is to be a stream: then its socket goes to a hub, and what HTTP
/// needed of memory is free.
async fn serve(
    socket: TcpStream,
    peer: IpAddr,
    gateway: Arc<Gateway>,
    closing: CancellationToken,
    _places: (OwnedSemaphorePermit, addresses::Place),
) {
    let pulse = Arc::new(Pulse::default());
    let granted = OnceLock::new();
    let wire = Wire::new(socket, &gateway.config.limits, pulse.clone());
    let service = service_fn(|request: Request<Incoming>| {
        let sending = Sending::begin(&pulse);
        let version = request.version();
        // Nothing is boxed for an answer that is there at once.
        match route::answer(&gateway, peer, request) {
            Answer::Whole(answer) => Either::Left(ready(Ok::<_, Infallible>(answer.map(sending)))),
            Answer::Awaited(answer) => {
                Either::Right(answer.map(|answer| Ok(answer.map(sending))).boxed())
            }
            Answer::Stream(head, place) => {
                drop(granted.set((head, version, place)));
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
        if granted.get().is_some() && !pulse.is_blocked() {
            return Poll::Ready(Ok(()));
        }
        polled
    });
    if let Err(e) = served.await {
        debug!(error = %e, "a connection ended early");
    }
    let socket = connection.into_parts().io.into_inner().into_socket();
    if let Some((head, version, place)) = granted.into_inner() {
        let chunked = version != Version::HTTP_10;
        let head = head::bytes(head.headers(), chunked, &gateway.clock);
        let opening = Opening {
            socket,
            head,
            chunked,
            place,
        };
        gateway.streams.enter(opening).await;
    }
}
