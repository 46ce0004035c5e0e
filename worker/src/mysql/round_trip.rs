//! Measures the round trip to MySQL and separates it from the server's work.
//!
//! A statement takes one network round trip in addition to the server's work. On a link of milliseconds that is most of
//! its time, and the server is idle meanwhile. So chunk sizes, pauses and the pace of counts follow the server's work
//! only.

use prometheus_client::metrics::gauge::Gauge;
use std::ops::Sub;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The last measured round trip, shared by all connections to the server.
#[derive(Clone, Debug, Default)]
pub struct RoundTrip {
    last: Arc<Mutex<Option<Measured>>>,
    /// The round trip in seconds, for `/metrics`; 0 before the first measurement.
    pub seconds: Gauge<f64, AtomicU64>,
}

#[derive(Clone, Copy, Debug)]
struct Measured {
    round_trip: Duration,
    at: Instant,
}

impl RoundTrip {
    /// The round trip; `None` before the first connection.
    pub fn get(&self) -> Option<Duration> {
        self.lock().map(|last| last.round_trip)
    }

    /// The time since the last measurement; `None` before the first.
    pub fn age(&self) -> Option<Duration> {
        self.lock().map(|last| last.at.elapsed())
    }

    /// Replaces the measurement.
    pub(super) fn set(&self, round_trip: Duration) {
        let at = Instant::now();
        *self.lock() = Some(Measured { round_trip, at });
        self.seconds.set(round_trip.as_secs_f64());
    }

    /// Lowers the measurement to `elapsed` if it is greater: no statement takes less than a round trip.
    pub(super) fn lower_to(&self, elapsed: Duration) {
        if let Some(last) = self.lock().as_mut()
            && elapsed < last.round_trip
        {
            last.round_trip = elapsed;
            self.seconds.set(elapsed.as_secs_f64());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Measured>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The time that statements have taken, from sending them to their last row, without PREPARE.
#[derive(Clone, Copy, Debug, Default)]
pub struct TimeSpent {
    /// Time of server and network together.
    pub elapsed: Duration,
    /// Number of statements.
    pub statements: u32,
}

impl TimeSpent {
    /// The server's work: the elapsed time less one round trip per statement.
    pub fn server_time(&self, round_trip: Duration) -> Duration {
        let network = round_trip.saturating_mul(self.statements);
        self.elapsed.saturating_sub(network)
    }
}

impl Sub for TimeSpent {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            elapsed: self.elapsed.saturating_sub(earlier.elapsed),
            statements: self.statements.saturating_sub(earlier.statements),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: Duration = Duration::from_millis(1);

    #[test]
    fn server_time_excludes_round_trips() {
        let spent = TimeSpent {
            elapsed: MILLI * 65,
            statements: 2,
        };
        assert_eq!(spent.server_time(MILLI * 30), MILLI * 5);
        assert_eq!(spent.server_time(MILLI * 40), Duration::ZERO);
    }

    #[test]
    fn a_faster_statement_lowers_the_round_trip() {
        let round_trip = RoundTrip::default();
        round_trip.lower_to(MILLI);
        assert_eq!(round_trip.get(), None);
        round_trip.set(MILLI * 10);
        round_trip.lower_to(MILLI * 20);
        assert_eq!(round_trip.get(), Some(MILLI * 10));
        round_trip.lower_to(MILLI * 9);
        assert_eq!(round_trip.get(), Some(MILLI * 9));
        // The link has become slower.
        round_trip.set(MILLI * 60);
        assert_eq!(round_trip.get(), Some(MILLI * 60));
    }
}
