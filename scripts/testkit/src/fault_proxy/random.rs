//! Random faults of the network. The same seed gives the same faults, so that a failed run can be repeated.

use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::fault_proxy::{Direction, Mode};

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
pub struct RandomFaults(ChaCha8Rng);

impl RandomFaults {
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
            // A server in another building or another city: nothing fails, and everything takes longer.
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

impl Iterator for RandomFaults {
    type Item = Fault;

    fn next(&mut self) -> Option<Fault> {
        Some(Fault {
            mode: self.mode(),
            lasts: self.millis(1..=8_000),
            rest: self.millis(500..=6_000),
        })
    }
}
