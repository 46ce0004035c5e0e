//! A TCP proxy between a client and a server on this machine that behaves like a faulty network.
//!
//! A connection that has lost bytes never recovers, as on a real network: it stays broken when the road is open again,
//! and only new connections work. A mode applies to existing and to new connections as long as it is set.

mod connection;
pub mod faults;
mod gate;

use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::process::free_port;
use gate::Gate;

/// A direction of the traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    Up,
    /// From the server to the client.
    Down,
}

/// The state of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Everything works.
    Open,
    /// No process listens, and existing connections are reset: as after the end of a server process.
    Refuse,
    /// Existing connections are reset, and new ones as soon as they are accepted: as by a balancer without a server, or
    /// a firewall that rejects.
    Reset,
    /// Connections are accepted and stay open, but all bytes and FINs are dropped in both directions: as by a router or
    /// firewall that has lost its connection table.
    BlackHole,
    /// The same, and a connect gets no answer: as when a host is off or a cable is unplugged.
    HostGone,
    /// Nothing is delivered until the road is open again, and then everything: as with a frozen process, or a lossy
    /// network that sends packets again.
    Freeze,
    /// All bytes are delayed in each direction, at random by up to `jitter` more, and stay in order: as with a distant
    /// server.
    Delay {
        /// The least delay.
        by: Duration,
        /// The largest random delay on top, for each piece.
        jitter: Duration,
    },
    /// One direction is as [`Mode::BlackHole`], the other works: as with asymmetric routes.
    Drop(Direction),
    /// One direction is closed cleanly, the other goes on: as when a peer closes its half, or a proxy drains.
    HalfClose(Direction),
    /// Each connection is reset after so many more bytes in one direction: as when a peer dies in the middle of a
    /// response.
    CutAfter(u64),
}

impl Mode {
    fn resets(self) -> bool {
        matches!(self, Self::Refuse | Self::Reset)
    }

    fn loses(self, direction: Direction) -> bool {
        matches!(self, Self::BlackHole | Self::HostGone) || self == Self::Drop(direction)
    }

    fn ends(self, direction: Direction) -> bool {
        self == Self::HalfClose(direction)
    }
}

/// The road as it is, and how often what cannot be mended has been done to all present connections: so none misses a
/// mode that was set for a moment.
#[derive(Clone, Copy, Debug)]
struct State {
    mode: Mode,
    target: u16,
    changes: u64,
    resets: u64,
    /// Up, down.
    losses: [u64; 2],
    /// Up, down.
    ends: [u64; 2],
}

/// A proxy from its own port to a server's. Dropping it ends it and all its connections.
#[derive(Debug)]
pub struct Road {
    port: u16,
    state: watch::Sender<State>,
    obeyed: watch::Receiver<u64>,
    gate: JoinHandle<()>,
}

impl Road {
    /// Starts an open road to the port `target` on 127.0.0.1. `seed` determines everything that is random.
    ///
    /// # Errors
    /// If there is no free port.
    pub async fn to(target: u16, seed: u64) -> Result<Self> {
        let port = free_port()?;
        let state = watch::Sender::new(State {
            mode: Mode::Open,
            target,
            changes: 0,
            resets: 0,
            losses: [0; 2],
            ends: [0; 2],
        });
        let (tell, obeyed) = watch::channel(0);
        let gate = Gate::open(port, seed).await.context("opening a road")?;
        let gate = tokio::spawn(gate.keep(state.subscribe(), tell));
        Ok(Self {
            port,
            state,
            obeyed,
            gate,
        })
    }

    /// The port for clients, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Connects new connections to another server.
    pub fn redirect_to(&self, target: u16) {
        self.state.send_modify(|state| state.target = target);
    }

    /// Sets the mode. When this returns, the mode applies to every connect.
    pub async fn set(&self, mode: Mode) {
        self.state.send_modify(|state| {
            state.mode = mode;
            state.changes += 1;
            state.resets += u64::from(mode.resets());
            for direction in [Direction::Up, Direction::Down] {
                state.losses[direction as usize] += u64::from(mode.loses(direction));
                state.ends[direction as usize] += u64::from(mode.ends(direction));
            }
        });
        let changes = self.state.borrow().changes;
        let mut obeyed = self.obeyed.clone();
        let obeyed = obeyed.wait_for(|done| *done >= changes).await;
        obeyed.expect("the gate lives as long as the road");
    }

    /// Applies `mode` to all existing connections, and is open for new ones.
    pub async fn strike(&self, mode: Mode) {
        self.set(mode).await;
        self.set(Mode::Open).await;
    }
}

impl Drop for Road {
    fn drop(&mut self) {
        self.gate.abort();
    }
}
