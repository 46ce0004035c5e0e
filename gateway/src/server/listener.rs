//! Accepts connections, as many as there is room for, and gives each to a io_thread.

use crate::Gateway;
use crate::http::listener_role::ListenerRole;
use crate::metrics::RefusalReason;
use crate::server::connection::Connection;
use crate::server::io_threads::IoThreads;
use crate::server::overload::OverloadResponder;
use socket2::SockRef;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

/// After a failed accept: long enough not to spin, too short to be noticed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Bytes that the kernel may hold unsent: beyond, a client counts as slow, so that events are dropped here and do not
/// queue there for hours.
const UNSENT_LIMIT: u32 = 16 << 10;

/// Where connections go: the threads that serve them, and the list by which the end waits for them.
#[derive(Debug)]
pub struct ConnectionContext {
    /// The threads.
    pub io_threads: IoThreads,
    /// Ends each connection after the answer that it is giving.
    pub closing: CancellationToken,
    /// Every connection.
    pub connections: TaskTracker,
}

/// Accepts for ever. Each listener has all its places for itself, so that clients cannot keep operators out.
pub async fn accept_loop(
    (listener, role): (TcpListener, ListenerRole),
    gateway: Arc<Gateway>,
    hosts: Arc<ConnectionContext>,
) -> Infallible {
    let places = Arc::new(Semaphore::new(gateway.config.limits.connections));
    let mut overload = OverloadResponder::new();
    loop {
        let accepted = hosts.closing.run_until_cancelled(listener.accept()).await;
        let Some(accepted) = accepted else {
            // A clean overload, rather than a connection that nobody answers.
            drop(listener);
            std::future::pending().await
        };
        match (accepted, places.clone().try_acquire_owned()) {
            (Ok((socket, peer)), Ok(of_all)) => {
                let peer = peer.ip();
                let Some(of_address) = gateway.client_limiter.try_acquire_connection(peer) else {
                    gateway.metrics.record_refusal(RefusalReason::Address);
                    overload.try_send_503(socket);
                    continue;
                };
                prepare(&socket, gateway.config.limits.stalled);
                let io_thread = hosts.io_threads.pick_random();
                let connection = Connection {
                    gateway: gateway.clone(),
                    role,
                    peer,
                    io_thread,
                    closing: hosts.closing.clone(),
                    places: (of_all, of_address),
                };
                let served = hand_over(socket, connection);
                let handle = hosts.io_threads.handle(io_thread);
                hosts.connections.spawn_on(served, handle);
            }
            (Ok((socket, _)), Err(_)) => {
                gateway.metrics.record_refusal(RefusalReason::Full);
                overload.send_503(socket).await;
            }
            (Err(e), _) => {
                if overload.shed_with_reserve_fd(&listener, &e).await {
                    gateway.metrics.record_refusal(RefusalReason::Descriptors);
                } else {
                    warn!(error = %e, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

/// A socket belongs to the runtime that made it, so that it is made anew where it is served.
fn hand_over(socket: TcpStream, connection: Connection) -> impl Future<Output = ()> + Send {
    let socket = socket.into_std();
    async move {
        match socket.and_then(TcpStream::from_std) {
            Ok(socket) => connection.serve(socket).await,
            Err(e) => debug!(error = %e, "a connection could not be handed over"),
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
