//! Decides how often the fast loop counts: at most as often as configured, and using at most 5 % of the server's time.
//!
//! The network's round trip does not count as the server's time: over a link of 30 ms each way a count takes 60 ms and
//! keeps its interval of one second.

use std::time::Duration;

/// The interval is at least this many times the server's time for a count: the server counts for at most 5 % of the
/// time.
const DUTY: u32 = 20;
/// The longest interval that a slow count leads to, reached at 3 s. A count slower than that is too slow for a live
/// figure anyway.
const MAX_STRETCH: Duration = Duration::from_secs(60);

/// The configured pace of the fast loop.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The shortest time from the start of one count to the start of the next.
    pub interval: Duration,
    /// The shortest time from the end of one count to the start of the next.
    pub buffer: Duration,
}

impl Pace {
    /// The longest server time of a count that does not stretch the interval.
    pub fn quick(&self) -> Duration {
        self.interval / DUTY
    }

    /// The time from the start of a count to the start of the next.
    pub fn interval(&self, took: CountTime) -> Duration {
        self.interval.max(self.shortest_interval(took))
    }

    /// The same when a refresh request waits for the next count.
    pub fn shortest_interval(&self, took: CountTime) -> Duration {
        let stretched = took.server.saturating_mul(DUTY).min(MAX_STRETCH);
        stretched.max(took.elapsed + self.buffer)
    }
}

/// How long a count took.
#[derive(Clone, Copy, Debug, Default)]
pub struct CountTime {
    /// The time that the server worked.
    pub server: Duration,
    /// The time from its start to its end, including the round trips.
    pub elapsed: Duration,
}

impl CountTime {
    /// A count without network time.
    pub fn of_server(server: Duration) -> Self {
        Self {
            server,
            elapsed: server,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace {
        interval: Duration::from_secs(1),
        buffer: Duration::from_millis(200),
    };

    #[test]
    fn a_quick_count_keeps_the_interval() {
        assert_eq!(
            PACE.interval(CountTime::of_server(Duration::from_millis(1))),
            Duration::from_secs(1)
        );
        assert_eq!(
            PACE.shortest_interval(CountTime::of_server(Duration::from_millis(1))),
            Duration::from_millis(201)
        );
    }

    #[test]
    fn a_slow_count_stretches_the_interval_to_5_percent_duty() {
        assert_eq!(
            PACE.interval(CountTime::of_server(Duration::from_millis(100))),
            Duration::from_secs(2)
        );
        assert_eq!(
            PACE.interval(CountTime::of_server(Duration::from_secs(2))),
            Duration::from_secs(40)
        );
        assert_eq!(
            PACE.shortest_interval(CountTime::of_server(Duration::from_secs(2))),
            Duration::from_secs(40)
        );
    }

    #[test]
    fn the_stretch_is_limited_to_a_minute_but_the_buffer_is_kept() {
        assert_eq!(
            PACE.interval(CountTime::of_server(Duration::from_secs(10))),
            Duration::from_secs(60)
        );
        assert_eq!(
            PACE.interval(CountTime::of_server(Duration::from_secs(70))),
            Duration::from_millis(70_200)
        );
        let hourly = Pace {
            interval: Duration::from_secs(3600),
            ..PACE
        };
        assert_eq!(
            hourly.interval(CountTime::of_server(Duration::from_secs(10))),
            Duration::from_secs(3600)
        );
    }

    #[test]
    fn network_time_does_not_stretch_the_interval() {
        let far = CountTime {
            server: Duration::from_millis(1),
            elapsed: Duration::from_millis(61),
        };
        assert_eq!(PACE.interval(far), Duration::from_secs(1));
        assert_eq!(PACE.shortest_interval(far), Duration::from_millis(261));
        let farther = CountTime {
            elapsed: Duration::from_millis(950),
            ..far
        };
        assert_eq!(PACE.interval(farther), Duration::from_millis(1_150));
    }
}
