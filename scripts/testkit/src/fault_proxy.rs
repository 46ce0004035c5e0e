//! A TCP proxy between a client and a server on this machine that behaves like a faulty network.
//!
//! A connection that has lost bytes never recovers, as on a real network: it stays broken when the network works again,
//! and only new connections work. A mode applies to existing and to new connections as long as it is set.

mod connection;
mod listener;
pub mod random;

use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::process::free_port;
use listener::Listener;

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
    /// Nothing is delivered until the mode changes, and then everything: as with a frozen process, or a lossy network
    /// that sends packets again.
    Freeze,
    /// All bytes are delayed in each direction, at random by up to `jitter` more, and stay in order: as with a distant
    /// server.
    Delay {
        /// The least delay.
        by: Duration,
        /// The largest random delay on top, for each chunk.
        jitter: Duration,
    },
    /// One direction is as [`Mode::BlackHole`], the other works: as with asymmetric routes.
    Drop(Direction),
    /// One direction is closed cleanly, the other continues: as when a peer closes its half, or a proxy drains.
    HalfClose(Direction),
    /// Each connection is reset after so many more bytes in one direction: as when a peer dies in the middle of a
    /// response.
    CutAfter(u64),
}

impl Mode {
    fn resets(self) -> bool {
        matches!(self, Self::Refuse | Self::Reset)
    }

    fn drops(self, direction: Direction) -> bool {
        matches!(self, Self::BlackHole | Self::HostGone) || self == Self::Drop(direction)
    }

    fn closes(self, direction: Direction) -> bool {
        self == Self::HalfClose(direction)
    }
}

/// The mode, and how often each irreparable fault was set. A connection compares these counts with those from its
/// start, so that it does not miss a mode that was set for a moment.
#[derive(Clone, Copy, Debug)]
struct State {
    mode: Mode,
    target: u16,
    changes: u64,
    resets: u64,
    /// Up, down.
    drops: [u64; 2],
    /// Up, down.
    closes: [u64; 2],
}

impl State {
    fn set(&mut self, mode: Mode) {
        self.mode = mode;
        self.changes += 1;
        self.resets += u64::from(mode.resets());
        for direction in [Direction::Up, Direction::Down] {
            self.drops[direction as usize] += u64::from(mode.drops(direction));
            self.closes[direction as usize] += u64::from(mode.closes(direction));
        }
    }

    /// The counts for a connection that begins now. The current mode applies to it.
    fn baseline(mut self) -> Self {
        self.resets -= u64::from(self.mode.resets());
        for direction in [Direction::Up, Direction::Down] {
            self.drops[direction as usize] -= u64::from(self.mode.drops(direction));
            self.closes[direction as usize] -= u64::from(self.mode.closes(direction));
        }
        self
    }
}

/// A proxy from its own port to a server's. Dropping it ends it and all its connections.
#[derive(Debug)]
pub struct FaultProxy {
    port: u16,
    state: watch::Sender<State>,
    applied: watch::Receiver<u64>,
    listener: JoinHandle<()>,
}

impl FaultProxy {
    /// Starts a proxy to the port `target` on 127.0.0.1. `seed` determines everything that is random.
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
            drops: [0; 2],
            closes: [0; 2],
        });
        let (applied_sender, applied) = watch::channel(0);
        let listener = Listener::bind(port, seed).await;
        let listener = listener.context("starting a proxy")?;
        let listener = tokio::spawn(listener.run(state.subscribe(), applied_sender));
        Ok(Self {
            port,
            state,
            applied,
            listener,
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
        self.state.send_modify(|state| state.set(mode));
        let changes = self.state.borrow().changes;
        let mut applied = self.applied.clone();
        let applied = applied.wait_for(|done| *done >= changes).await;
        applied.expect("the listener lives as long as the proxy");
    }

    /// Applies `mode` to the existing connections only. New connections work.
    pub async fn break_connections(&self, mode: Mode) {
        self.set(mode).await;
        self.set(Mode::Open).await;
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.listener.abort();
    }
}
