//! A TCP road between a client and a server on this machine, on which a test makes go wrong what goes wrong on real ones.
//!
//! A connection that has lost bytes is never mended, as no real one is: it stays as it is when the road is open again,
//! and only new ones are well. What holds for present connections holds for new ones, as long as it is set.

mod connection;
pub mod faults;
mod gate;

use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::process::free_port;
use gate::Gate;

/// One way along the road.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    Up,
    /// From the server to the client.
    Down,
}

/// What the road is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// All is well.
    Open,
    /// Nobody listens, present connections are reset: a server process that has ended.
    Refuse,
    /// Present connections are reset, new ones as soon as they are accepted: a balancer without a server behind it, a
    /// firewall that says no.
    Reset,
    /// Connections are accepted and stay open, all bytes and goodbyes are dropped, both ways and for ever: a router or
    /// firewall that has forgotten its connections.
    BlackHole,
    /// The same, and a connect is not even answered: a host that is off, a cable that is out.
    HostGone,
    /// Nothing is carried; all is delivered once the road is open again: a process that stands still, a lossy network
    /// whose packets are sent again.
    Freeze,
    /// All comes this much later each way, and at random by up to `jitter` more, in order: a server far away.
    Delay {
        /// At least.
        by: Duration,
        /// At random on top, for each piece.
        jitter: Duration,
    },
    /// One way as [`Mode::BlackHole`], the other is well: routes that differ each way.
    Drop(Direction),
    /// One way ends in good order, the other goes on: a peer that closes its half, a proxy that drains.
    HalfClose(Direction),
    /// Each connection is reset when so many more bytes were carried one of its ways: a peer that dies in the middle
    /// of an answer.
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

/// A road from a port of its own to a server's. It ends, with all connections on it, when it is dropped.
#[derive(Debug)]
pub struct Road {
    port: u16,
    state: watch::Sender<State>,
    obeyed: watch::Receiver<u64>,
    gate: JoinHandle<()>,
}

impl Road {
    /// An open road to `target` on 127.0.0.1. All that is random on it follows from `seed`.
    ///
    /// # Errors
    /// No free port.
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

    /// Where clients connect, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Leads new connections to another server.
    pub fn lead_to(&self, target: u16) {
        self.state.send_modify(|state| state.target = target);
    }

    /// Makes it so from now on; when this returns, who connects finds it so.
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

    /// Does `mode` to all present connections and is open for new ones.
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
