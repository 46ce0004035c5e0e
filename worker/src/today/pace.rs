//! How often the fast loop counts: not more often than asked, and never for more than a twentieth of the server's time.
//!
//! The round trip of the network is no work of the server: on a link of 30 ms each way a count takes 60 ms and keeps its
//! interval of a second.

use std::time::Duration;

/// The server counts for at most 5 % of the time: it rests for 19 times as long as it worked.
const DUTY: u32 = 20;
/// A count that takes longer than 3 s is too slow for any live figure; a minute between two is all the rest it gets.
const LONGEST_STRETCH: Duration = Duration::from_secs(60);

/// What the configuration asks for.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// From the start of one count to the start of the next, at least.
    pub interval: Duration,
    /// From the end of one count to the start of the next, at least.
    pub buffer: Duration,
}

impl Pace {
    /// The longest that the server may count without stretching the interval.
    pub fn quick(&self) -> Duration {
        self.interval / DUTY
    }

    /// From the start of a count to the start of the next.
    pub fn interval(&self, took: CountTime) -> Duration {
        self.interval.max(self.rest(took))
    }

    /// The same when somebody waits for it.
    pub fn rest(&self, took: CountTime) -> Duration {
        let stretched = took.server.saturating_mul(DUTY).min(LONGEST_STRETCH);
        stretched.max(took.elapsed + self.buffer)
    }
}

/// How long a count took.
#[derive(Clone, Copy, Debug, Default)]
pub struct CountTime {
    /// The server's share.
    pub server: Duration,
    /// From its start to its end, with round trips to MySQL and Redis.
    pub elapsed: Duration,
}

impl CountTime {
    /// Of a count that took no time but the server's.
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
            PACE.rest(CountTime::of_server(Duration::from_millis(1))),
            Duration::from_millis(201)
        );
    }

    #[test]
    fn a_slow_count_stretches_it_to_a_duty_of_a_twentieth() {
        assert_eq!(
            PACE.interval(CountTime::of_server(Duration::from_millis(100))),
            Duration::from_secs(2)
        );
        assert_eq!(
            PACE.interval(CountTime::of_server(Duration::from_secs(2))),
            Duration::from_secs(40)
        );
        assert_eq!(
            PACE.rest(CountTime::of_server(Duration::from_secs(2))),
            Duration::from_secs(40)
        );
    }

    #[test]
    fn the_stretch_ends_at_a_minute_but_the_buffer_holds() {
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
    fn the_network_stretches_nothing() {
        let far = CountTime {
            server: Duration::from_millis(1),
            elapsed: Duration::from_millis(61),
        };
        assert_eq!(PACE.interval(far), Duration::from_secs(1));
        assert_eq!(PACE.rest(far), Duration::from_millis(261));
        let farther = CountTime {
            elapsed: Duration::from_millis(950),
            ..far
        };
        assert_eq!(PACE.interval(farther), Duration::from_millis(1_150));
    }
}
