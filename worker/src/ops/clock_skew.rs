//! Compares the database server's clock with this machine's clock. Check-ins are dated by clocks near the database, and
//! are counted by the days of this machine's clock.

use crate::mysql::connection::Database;
use crate::mysql::inspect::clock::ServerClock;
use crate::ops::status::Status;
use anyhow::Result;
use chrono::TimeDelta;
use shared::time::Clock;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;
use tracing::{debug, info, warn};

/// The wait after a failed attempt, such as when the database is unreachable.
const RETRY_AFTER: Duration = Duration::from_secs(30);
/// The time-out of the query. It takes no time, and an answer that comes later than this says nothing about the clock.
const QUERY_LIMIT: Duration = Duration::from_secs(5);
/// The largest tolerated difference. A day that begins two minutes late does no harm, and clocks under NTP differ by
/// milliseconds.
const TOLERANCE: TimeDelta = TimeDelta::minutes(2);

/// Compares the clocks regularly and records the difference.
pub struct ClockSkewMonitor {
    /// The database server whose clock is checked.
    pub database: Arc<Database>,
    /// Receives the result.
    pub status: Arc<Status>,
    /// This machine's clock.
    pub clock: Clock,
    /// The time between two comparisons.
    pub period: Duration,
}

impl ClockSkewMonitor {
    /// The default period. Clocks drift by seconds a day at most; a clock that was set is noticed within this time.
    pub const PERIOD: Duration = Duration::from_secs(600);

    /// Compares the clocks for ever. Logs once when they differ, and once when they agree again.
    pub async fn run(self) {
        loop {
            match self.measure().await {
                Ok(ahead) => {
                    self.report(ahead);
                    sleep(self.period).await;
                }
                // The fast loop logs that the database is unreachable.
                Err(error) => {
                    let error = format!("{error:#}");
                    debug!(error, "cannot read the database server's clock");
                    self.status
                        .update(|status| status.database_clock_off = None);
                    sleep(RETRY_AFTER).await;
                }
            }
        }
    }

    /// Measures how far the server's clock is ahead of ours. Its time zone does not matter: SLiMS writes the library's
    /// time.
    async fn measure(&self) -> Result<TimeDelta> {
        let mut session = self.database.session(QUERY_LIMIT).await?;
        let before = self.clock.now();
        let server = ServerClock::of(&mut session).await?;
        let middle = before.plus(self.clock.now().since(before) / 2);
        Ok(server.utc - middle.utc().naive_utc())
    }

    fn report(&self, ahead: TimeDelta) {
        let seconds = ahead.num_seconds();
        let off = (ahead.abs() > TOLERANCE).then_some(seconds);
        let mut previous = None;
        self.status
            .update(|status| previous = std::mem::replace(&mut status.database_clock_off, off));
        match (previous, off) {
            (None, Some(_)) => {
                let (apart, order) = (
                    seconds.unsigned_abs(),
                    if seconds < 0 { "behind" } else { "ahead of" },
                );
                warn!(
                    seconds,
                    "the database server's clock is {apart} s {order} this machine's: check-ins may be \
                     counted on the wrong day around midnight; synchronize both clocks with NTP"
                );
            }
            (Some(_), None) => info!("the database server's clock agrees with ours again"),
            _ => {}
        }
    }
}
