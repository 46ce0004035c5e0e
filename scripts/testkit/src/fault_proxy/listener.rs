//! The listener of a proxy, and its accepted connections.

use std::io;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::fault_proxy::connection::forward;
use crate::fault_proxy::{Mode, State};

/// The usual backlog of servers.
const BACKLOG: u32 = 1024;
/// The largest number of connections; more are reset. Each has two sockets and at most 1 MiB.
const CONNECTIONS: usize = 1024;
/// On this machine a connect is answered within this time or not at all.
const NO_ANSWER: Duration = Duration::from_millis(100);
/// The kernel accepts one connection more than a backlog of 0. This many fill it for certain.
const FILLERS: usize = 16;
/// Connections that just ended may hold our port for a moment.
const BIND_TRIES: u32 = 100;

pub(super) struct Listener {
    port: u16,
    seed: u64,
    socket: Option<TcpListener>,
    /// Our own connections, which fill the backlog so that no other connect is answered.
    fillers: Vec<TcpStream>,
    connections: JoinSet<()>,
}

impl Listener {
    pub(super) async fn bind(port: u16, seed: u64) -> io::Result<Self> {
        Ok(Self {
            port,
            seed,
            socket: Some(listen(port, BACKLOG).await?),
            fillers: Vec::new(),
            connections: JoinSet::new(),
        })
    }

    /// Accepts connections for ever, as `state` allows. `applied` receives the number of each change that is applied.
    pub(super) async fn run(
        mut self,
        mut state: watch::Receiver<State>,
        applied: watch::Sender<u64>,
    ) {
        loop {
            let now = *state.borrow_and_update();
            self.apply(now.mode)
                .await
                .expect("the port of a proxy stays free for it");
            applied.send_replace(now.changes);
            let accepts = self.fillers.is_empty();
            tokio::select! {
                changed = state.changed() => if changed.is_err() {
                    return;
                },
                client = accept(self.socket.as_ref()), if accepts => self.start(client, &state),
                Some(_) = self.connections.join_next() => {}
            }
        }
    }

    async fn apply(&mut self, mode: Mode) -> io::Result<()> {
        match mode {
            Mode::Refuse => {
                self.fillers.clear();
                self.socket = None;
            }
            Mode::HostGone if self.fillers.is_empty() => {
                self.socket = None;
                self.socket = Some(listen(self.port, 0).await?);
                while self.fillers.len() < FILLERS
                    && let connect = TcpStream::connect(("127.0.0.1", self.port))
                    && let Ok(Ok(filler)) = timeout(NO_ANSWER, connect).await
                {
                    self.fillers.push(filler);
                }
            }
            Mode::HostGone => {}
            _ if self.socket.is_none() || !self.fillers.is_empty() => {
                self.fillers.clear();
                self.socket = None;
                self.socket = Some(listen(self.port, BACKLOG).await?);
            }
            _ => {}
        }
        Ok(())
    }

    fn start(&mut self, client: TcpStream, state: &watch::Receiver<State>) {
        if self.connections.len() >= CONNECTIONS {
            client.set_zero_linger().ok();
            return;
        }
        self.seed = self.seed.wrapping_add(1);
        self.connections
            .spawn(forward(client, state.clone(), self.seed));
    }
}

/// Accepts the next connection. Without a listener it waits for ever.
async fn accept(listener: Option<&TcpListener>) -> TcpStream {
    match listener {
        // An error concerns one connection; the next may succeed.
        Some(listener) => loop {
            if let Ok((client, _)) = listener.accept().await {
                return client;
            }
            sleep(NO_ANSWER).await;
        },
        None => std::future::pending().await,
    }
}

async fn listen(port: u16, backlog: u32) -> io::Result<TcpListener> {
    let mut tries = 0;
    loop {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        let bound = socket.bind(([127, 0, 0, 1], port).into());
        match bound.and_then(|()| socket.listen(backlog)) {
            Ok(listener) => return Ok(listener),
            Err(error) if tries == BIND_TRIES => return Err(error),
            Err(_) => tries += 1,
        }
        sleep(Duration::from_millis(10)).await;
    }
}
