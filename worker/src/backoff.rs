//! Exponential back-off with full jitter, so that many workers do not retry at the same moment.

use std::time::Duration;

/// The wait after each failure in a row.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// The upper bound of the first wait.
    first: Duration,
    /// The upper bound of every wait.
    longest: Duration,
    failures: u32,
}

impl Backoff {
    /// For connections and ticks: the cause is usually gone within a moment.
    pub const SHORT: Self = Self::new(Duration::from_millis(200), Duration::from_secs(30));
    /// For refreshes: each attempt may cost the database a long scan.
    pub const LONG: Self = Self::new(Duration::from_secs(1), Duration::from_secs(300));

    const fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            failures: 0,
        }
    }

    /// Returns a random wait up to a bound that doubles with each call.
    pub fn next_wait(&mut self) -> Duration {
        let bound = self.bound();
        self.failures = self.failures.saturating_add(1);
        bound.mul_f64(rand::random::<f64>())
    }

    /// Starts again at the first wait, after a success.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    fn bound(&self) -> Duration {
        let doubled = self
            .first
            .saturating_mul(2_u32.saturating_pow(self.failures));
        doubled.min(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_doubles_up_to_the_longest() {
        let mut backoff = Backoff::SHORT;
        assert!(backoff.next_wait() <= Duration::from_millis(200));
        assert!(backoff.next_wait() <= Duration::from_millis(400));
        for _ in 0..100 {
            assert!(backoff.next_wait() <= Duration::from_secs(30));
        }
        assert_eq!(backoff.bound(), Duration::from_secs(30));
        backoff.reset();
        assert_eq!(backoff.bound(), Duration::from_millis(200));
    }
}
