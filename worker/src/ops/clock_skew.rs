//! Whether the database server's clock goes like ours. Check-ins are written by clocks near that one, and are counted by
//! the days of ours.

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

/// To the next attempt when the database was away.
const AGAIN: Duration = Duration::from_secs(30);
/// The question takes no time; who waits longer for the answer learns nothing from it.
const LIMIT: Duration = Duration::from_secs(5);
/// Nobody sees a day begin two minutes late; clocks that are kept by NTP differ by milliseconds.
const TOLERANCE: TimeDelta = TimeDelta::minutes(2);

/// What the watch needs.
pub struct ClockSkewMonitor {
    /// Whose clock.
    pub database: Arc<Database>,
    /// Where it is noted.
    pub status: Arc<Status>,
    /// Our clock.
    pub clock: Clock,
    /// From one look to the next.
    pub period: Duration,
}

impl ClockSkewMonitor {
    /// Clocks drift by seconds a day at most; one that was set is noticed within this.
    pub const PERIOD: Duration = Duration::from_secs(600);

    /// Compares for ever, and says so once when the clocks differ, and when they agree again.
    pub async fn run(self) {
        loop {
            match self.ahead().await {
                Ok(ahead) => {
                    self.tell(ahead);
                    sleep(self.period).await;
                }
                // Whoever counts says that it is away.
                Err(error) => {
                    let error = format!("{error:#}");
                    debug!(error, "the database server's clock is not known");
                    self.status
                        .update(|status| status.database_clock_off = None);
                    sleep(AGAIN).await;
                }
            }
        }
    }

    /// How far the server's clock is ahead of ours. Its zone does not matter: SLiMS writes the library's.
    async fn ahead(&self) -> Result<TimeDelta> {
        let mut session = self.database.session(LIMIT).await?;
        let before = self.clock.now();
        let server = ServerClock::of(&mut session).await?;
        let middle = before.after(self.clock.now().since(before) / 2);
        Ok(server.utc - middle.utc().naive_utc())
    }

    fn tell(&self, ahead: TimeDelta) {
        let seconds = ahead.num_seconds();
        let off = (ahead.abs() > TOLERANCE).then_some(seconds);
        let mut before = None;
        self.status
            .update(|status| before = std::mem::replace(&mut status.database_clock_off, off));
        match (before, off) {
            (None, Some(_)) => {
                let (apart, order) = (
                    seconds.unsigned_abs(),
                    if seconds < 0 { "behind" } else { "ahead of" },
                );
                warn!(
                    seconds,
                    "the database server's clock is {apart} s {order} ours: the library's day begins and ends by ours, \
                     check-ins are mostly dated by theirs; set both by NTP"
                );
            }
            (Some(_), None) => info!("the database server's clock agrees with ours again"),
            _ => {}
        }
    }
}
