//! How often, and how long.

use super::wishes::Wishes;
use std::time::Duration;

/// How often, and how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Full regenerations and starts that are measured.
    pub(super) rounds: usize,
    /// A statement of plain SQL takes no longer.
    pub(super) cap: u32,
    /// For a watermark to settle: it stands after a minute.
    pub(super) settle: Duration,
    /// Ticks, ten a second.
    pub(super) ticks: Duration,
    /// Check-ins, at least; each regeneration that has begun is waited for.
    pub(super) waits: Duration,
    /// Doing nothing.
    pub(super) idle: Duration,
    /// Counts: so many at least, and so long at least.
    pub(super) counts: (u32, Duration),
}

impl Pace {
    pub(super) fn of(wishes: &Wishes) -> Self {
        let seconds = Duration::from_secs;
        let mut pace = match wishes.quick {
            true => Self {
                rounds: 2,
                cap: wishes.cap,
                settle: seconds(10),
                ticks: seconds(20),
                waits: seconds(15),
                idle: seconds(3),
                counts: (4, seconds(15)),
            },
            false => Self {
                rounds: 3,
                cap: wishes.cap,
                settle: seconds(75),
                ticks: seconds(120),
                waits: seconds(60),
                idle: seconds(15),
                counts: (6, seconds(30)),
            },
        };
        pace.rounds = wishes.rounds.unwrap_or(pace.rounds).max(1);
        pace
    }
}
