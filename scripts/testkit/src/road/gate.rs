//! The listener of a road, and its accepted connections.

use std::io;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::road::connection::carry;
use crate::road::{Mode, State};

/// As servers have it.
const BACKLOG: u32 = 1024;
/// The largest number of connections; more are reset. Each holds two sockets and 1 MiB at most.
const CONNECTIONS: usize = 1024;
/// On this machine a connect that has not been answered by then is not going to be.
const NO_ANSWER: Duration = Duration::from_millis(100);
/// The kernel lets in one more than a backlog of nothing; with these it surely is full.
const CROWD: usize = 16;
/// Our own port may be held by connections that just ended, for a moment.
const BIND_TRIES: u32 = 100;

/// The listener of a road.
pub(super) struct Gate {
    port: u16,
    seed: u64,
    listener: Option<TcpListener>,
    /// Connections of our own which fill the queue, so that no other is answered.
    crowd: Vec<TcpStream>,
    connections: JoinSet<()>,
}

impl Gate {
    /// Listens.
    pub(super) async fn open(port: u16, seed: u64) -> io::Result<Self> {
        Ok(Self {
            port,
            seed,
            listener: Some(listen(port, BACKLOG).await?),
            crowd: Vec::new(),
            connections: JoinSet::new(),
        })
    }

    /// Lets in for ever, as `state` says; `obeyed` says which change has been obeyed.
    pub(super) async fn keep(
        mut self,
        mut state: watch::Receiver<State>,
        obeyed: watch::Sender<u64>,
    ) {
        loop {
            let now = *state.borrow_and_update();
            self.obey(now.mode)
                .await
                .expect("the port of a road stays free for it");
            obeyed.send_replace(now.changes);
            let accepts = self.crowd.is_empty();
            tokio::select! {
                changed = state.changed() => if changed.is_err() {
                    return;
                },
                near = accept(self.listener.as_ref()), if accepts => self.let_in(near, &state),
                Some(_) = self.connections.join_next() => {}
            }
        }
    }

    async fn obey(&mut self, mode: Mode) -> io::Result<()> {
        match mode {
            Mode::Refuse => {
                self.crowd.clear();
                self.listener = None;
            }
            Mode::HostGone if self.crowd.is_empty() => {
                self.listener = None;
                self.listener = Some(listen(self.port, 0).await?);
                while self.crowd.len() < CROWD
                    && let connect = TcpStream::connect(("127.0.0.1", self.port))
                    && let Ok(Ok(one)) = timeout(NO_ANSWER, connect).await
                {
                    self.crowd.push(one);
                }
            }
            Mode::HostGone => {}
            _ if self.listener.is_none() || !self.crowd.is_empty() => {
                self.crowd.clear();
                self.listener = None;
                self.listener = Some(listen(self.port, BACKLOG).await?);
            }
            _ => {}
        }
        Ok(())
    }

    fn let_in(&mut self, near: TcpStream, state: &watch::Receiver<State>) {
        if self.connections.len() >= CONNECTIONS {
            near.set_zero_linger().ok();
            return;
        }
        self.seed = self.seed.wrapping_add(1);
        self.connections
            .spawn(carry(near, state.clone(), self.seed));
    }
}

/// Accepts the next connection. Waits forever without a listener.
async fn accept(listener: Option<&TcpListener>) -> TcpStream {
    match listener {
        // An error concerns one connection; the next may succeed.
        Some(listener) => loop {
            if let Ok((near, _)) = listener.accept().await {
                return near;
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
