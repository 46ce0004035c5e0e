//! Random faults of a road. The same seed gives the same faults, so that a failed soak can be repeated.

use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::road::{Direction, Mode};

/// A fault and the healthy time after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The mode of the fault.
    pub mode: Mode,
    /// Its duration: from some milliseconds to longer than most time limits.
    pub lasts: Duration,
    /// The healthy time after it.
    pub rest: Duration,
}

/// An endless sequence of faults.
#[derive(Clone, Debug)]
pub struct Faults(ChaCha8Rng);

impl Faults {
    /// The sequence of `seed`.
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    fn millis(&mut self, range: std::ops::RangeInclusive<u64>) -> Duration {
        Duration::from_millis(self.0.random_range(range))
    }

    fn mode(&mut self) -> Mode {
        let direction = if self.0.random() {
            Direction::Up
        } else {
            Direction::Down
        };
        match self.0.random_range(0..10) {
            0 => Mode::Refuse,
            1 => Mode::Reset,
            2 => Mode::BlackHole,
            3 => Mode::HostGone,
            4 => Mode::Freeze,
            5 => Mode::Delay {
                by: self.millis(1..=500),
                jitter: self.millis(0..=500),
            },
            // A server in another building or another city: nothing fails, all takes longer.
            6 => Mode::Delay {
                by: self.millis(1..=30),
                jitter: self.millis(0..=5),
            },
            7 => Mode::Drop(direction),
            8 => Mode::HalfClose(direction),
            _ => Mode::CutAfter(self.0.random_range(1..=64 << 10)),
        }
    }
}

impl Iterator for Faults {
    type Item = Fault;

    fn next(&mut self) -> Option<Fault> {
        Some(Fault {
            mode: self.mode(),
            lasts: self.millis(1..=8_000),
            rest: self.millis(500..=6_000),
        })
    }
}
