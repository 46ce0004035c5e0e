//! Accepts connections up to the limit and gives each one to an I/O thread.

use crate::http::listener_role::ListenerRole;
use crate::metrics::ConnectionRefusal;
use crate::server::connection::Connection;
use crate::server::io_threads::IoThreads;
use crate::server::overload::OverloadResponder;
use crate::state::Gateway;
use socket2::SockRef;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

/// Pause after a failed accept: long enough to avoid a busy loop, too short for clients to notice.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Unsent bytes that the kernel may buffer for a connection. Above this limit the client counts as slow and misses
/// events; without it, events could queue in the kernel for hours.
const UNSENT_LIMIT: u32 = 16 << 10;

/// What the listeners share: the threads that serve connections, and the means to end and await all connections.
#[derive(Debug)]
pub struct ConnectionContext {
    /// The threads that serve connections.
    pub io_threads: IoThreads,
    /// When cancelled, each connection ends after its current response.
    pub closing: CancellationToken,
    /// Tracks every open connection.
    pub connections: TaskTracker,
}

/// Accepts connections until the process ends. Each listener has its own connection limit, so that clients of `PORT`
/// cannot lock out operators on `ADMIN_PORT`.
pub async fn accept_loop(
    (listener, role): (TcpListener, ListenerRole),
    gateway: Arc<Gateway>,
    context: Arc<ConnectionContext>,
) -> Infallible {
    let permits = Arc::new(Semaphore::new(gateway.config.limits.connections));
    let mut overload = OverloadResponder::new();
    loop {
        let accepted = context.closing.run_until_cancelled(listener.accept()).await;
        let Some(accepted) = accepted else {
            // Closed, so that the kernel refuses new connections instead of queueing them unanswered.
            drop(listener);
            std::future::pending().await
        };
        match (accepted, permits.clone().try_acquire_owned()) {
            (Ok((socket, peer)), Ok(listener_permit)) => {
                let peer = peer.ip();
                let Some(client_permit) = gateway.client_limiter.try_acquire_connection(peer)
                else {
                    gateway
                        .metrics
                        .record_connection_refused(ConnectionRefusal::Address);
                    overload.try_send_503(socket);
                    continue;
                };
                set_socket_options(&socket, gateway.config.limits.stalled);
                let io_thread = context.io_threads.pick_random();
                let connection = Connection {
                    gateway: gateway.clone(),
                    role,
                    peer,
                    io_thread,
                    closing: context.closing.clone(),
                    permits: (listener_permit, client_permit),
                };
                let task = serve_on_io_thread(socket, connection);
                let handle = context.io_threads.handle(io_thread);
                context.connections.spawn_on(task, handle);
            }
            (Ok((socket, _)), Err(_)) => {
                gateway
                    .metrics
                    .record_connection_refused(ConnectionRefusal::Full);
                overload.send_503(socket).await;
            }
            (Err(e), _) => {
                if overload.shed_with_reserve_fd(&listener, &e).await {
                    gateway
                        .metrics
                        .record_connection_refused(ConnectionRefusal::Descriptors);
                } else {
                    warn!(error = %e, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

/// Serves the connection on the runtime that polls the returned future. A tokio socket belongs to the runtime that
/// created it, so the socket is registered again there.
fn serve_on_io_thread(
    socket: TcpStream,
    connection: Connection,
) -> impl Future<Output = ()> + Send {
    let socket = socket.into_std();
    async move {
        match socket.and_then(TcpStream::from_std) {
            Ok(socket) => connection.serve(socket).await,
            Err(e) => debug!(error = %e, "cannot move a connection to its I/O thread"),
        }
    }
}

/// Sets the options of a socket. A socket that refuses an option is served nevertheless.
fn set_socket_options(socket: &TcpStream, stalled: Duration) {
    let options = SockRef::from(socket);
    // An event is one small packet, and must not wait for the next one.
    let no_delay = options.set_tcp_nodelay(true);
    // For clients that vanish without a FIN: the kernel closes the socket if nothing is acknowledged for this long.
    let user_timeout = options.set_tcp_user_timeout(Some(stalled));
    let unsent = options.set_tcp_notsent_lowat(UNSENT_LIMIT);
    if let Err(e) = no_delay.and(user_timeout).and(unsent) {
        debug!(error = %e, "cannot set a socket option");
    }
}
