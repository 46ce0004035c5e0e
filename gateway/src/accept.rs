//! Accepts connections, as many as there is room for, and gives each to a reactor.

use crate::Gateway;
use crate::connection::Connection;
use crate::metrics::Refused;
use crate::offer::Offer;
use crate::reactors::Reactors;
use crate::refusal::Refusal;
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
pub struct Hosts {
    /// The threads.
    pub reactors: Reactors,
    /// Ends each connection after the answer that it is giving.
    pub closing: CancellationToken,
    /// Every connection.
    pub connections: TaskTracker,
}

/// Accepts for ever. Each listener has all its places for itself, so that clients cannot keep operators out.
pub async fn accept(
    (listener, offer): (TcpListener, Offer),
    gateway: Arc<Gateway>,
    hosts: Arc<Hosts>,
) -> Infallible {
    let places = Arc::new(Semaphore::new(gateway.config.limits.connections));
    let mut refusal = Refusal::new();
    loop {
        let accepted = hosts.closing.run_until_cancelled(listener.accept()).await;
        let Some(accepted) = accepted else {
            // A clean refusal, rather than a connection that nobody answers.
            drop(listener);
            std::future::pending().await
        };
        match (accepted, places.clone().try_acquire_owned()) {
            (Ok((socket, peer)), Ok(of_all)) => {
                let peer = peer.ip();
                let Some(of_address) = gateway.addresses.admit_connection(peer) else {
                    gateway.metrics.refused(Refused::Address);
                    refusal.refuse_one(socket);
                    continue;
                };
                prepare(&socket, gateway.config.limits.stalled);
                let reactor = hosts.reactors.draw();
                let connection = Connection {
                    gateway: gateway.clone(),
                    offer,
                    peer,
                    reactor,
                    closing: hosts.closing.clone(),
                    places: (of_all, of_address),
                };
                let served = hand_over(socket, connection);
                let handle = hosts.reactors.handle(reactor);
                hosts.connections.spawn_on(served, handle);
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
