//! Waits between attempts: doubling, with full jitter, so that many workers do not come back as one.

use std::time::Duration;

/// How long to wait after so many failures in a row.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// The longest first wait.
    first: Duration,
    /// The longest wait.
    longest: Duration,
    failures: u32,
}

impl Backoff {
    /// For connections and ticks: the cause is mostly gone within a moment.
    pub const SHORT: Self = Self::new(Duration::from_millis(200), Duration::from_secs(30));
    /// For a figure that failed: each attempt may cost the database a long read.
    pub const LONG: Self = Self::new(Duration::from_secs(1), Duration::from_secs(300));

    const fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            failures: 0,
        }
    }

    /// The wait after one more failure: anything up to a bound that doubles.
    pub fn next_wait(&mut self) -> Duration {
        let bound = self.bound();
        self.failures = self.failures.saturating_add(1);
        bound.mul_f64(rand::random::<f64>())
    }

    /// After a success.
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
