//! Accepts connections and serves HTTP/1.1 on each.

use crate::Gateway;
use crate::route;
use crate::wire::{Pulse, Sending, Wire};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use socket2::SockRef;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

/// The contract's limit for the head of a request; above, hyper answers `431`.
const HEAD_LIMIT: usize = 16 << 10;
/// For the buffers of a connection: room for a head and no more.
const BUFFER_LIMIT: usize = HEAD_LIMIT + 512;
/// After a failed accept, mostly for want of file descriptors: long enough not to spin, too short to be noticed.
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
    loop {
        match listener.accept().await {
            Ok((socket, _)) => {
                prepare(&socket, gateway.config.limits.stalled);
                connections.spawn(serve(socket, gateway.clone(), closing.clone()));
            }
            Err(e) => {
                warn!(error = %e, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
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

async fn serve(socket: TcpStream, gateway: Arc<Gateway>, closing: CancellationToken) {
    let pulse = Arc::new(Pulse::default());
    let wire = Wire::new(socket, &gateway.config.limits, pulse.clone());
    let service = service_fn(|request| {
        let sending = Sending::begin(&pulse);
        let answer = route::answer(&gateway, request);
        async move { Ok::<_, Infallible>(answer.await.map(sending)) }
    });
    let connection = http1::Builder::new()
        .max_header_size(HEAD_LIMIT)
        .max_buf_size(BUFFER_LIMIT)
        .serve_connection(TokioIo::new(wire), service);
    let mut connection = pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = closing.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(e) = result {
        debug!(error = %e, "a connection ended early");
    }
}
