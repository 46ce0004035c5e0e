//! What may happen to a road, at random: the same for the same seed, so that a soak that has failed can be run again.

use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::road::{Direction, Mode};

/// Something goes wrong, and is well again for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What.
    pub mode: Mode,
    /// For how long: from a blink to longer than most limits of a second or five.
    pub lasts: Duration,
    /// How long all is well after it.
    pub rest: Duration,
}

/// Faults for ever.
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
