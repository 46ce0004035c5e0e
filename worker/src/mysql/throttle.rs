//! Limits the load that scans put on MySQL: a scan pauses after each statement, in proportion to the server's work, and
//! longer while the server is busy with other clients. Scans share one read slot: one reads while the other pauses.

use crate::mysql::connection::{RENEW_ROUND_TRIP, Session};
use crate::mysql::round_trip::TimeSpent;
use crate::mysql::scan_settings::ScanSettings;
use anyhow::Result;
use mysql_async::Params;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How often the server's load is read, which costs about a tenth of a millisecond.
const LOAD_INTERVAL: Duration = Duration::from_secs(1);
/// Above this many running statements the server counts as busy. At most three of them are our own.
const IDLE_STATEMENTS: u64 = 5;
/// On a busy server pauses grow at most by this factor, so that the scan ends some day.
const MAX_LOAD_FACTOR: u64 = 8;
/// The longest single pause.
const MAX_PAUSE: Duration = Duration::from_secs(2);
/// The timer's resolution. Shorter pauses add up as debt until they reach this.
const MIN_PAUSE: Duration = Duration::from_millis(1);
/// Pauses that lasted too long, because of the timer or a busy machine, shorten later ones by at most this.
const MAX_CREDIT: Duration = Duration::from_millis(10);

/// Pauses a scan after its statements.
pub struct Throttle {
    duty_percent: u32,
    load_factor: u64,
    load_read_at: Option<Instant>,
    /// Seconds of pause still owed; negative if the last pause was too long.
    debt: f64,
}

impl Throttle {
    /// Creates the throttle of one scan.
    pub fn new(settings: &ScanSettings) -> Self {
        Self {
            duty_percent: settings.duty_percent,
            load_factor: 1,
            load_read_at: None,
            debt: 0.0,
        }
    }

    /// Pauses after the statements since `before`, as [`Self::pause_after`] does.
    ///
    /// # Errors
    /// Those of [`Self::pause_after`].
    pub async fn pause_since(&mut self, session: &mut Session, before: TimeSpent) -> Result<()> {
        let spent = session.time_spent() - before;
        let worked = spent.server_time(session.round_trip());
        let network = spent.elapsed.saturating_sub(worked);
        self.pause_after(session, worked, network).await
    }

    /// Pauses after statements, then waits for the read slot.
    ///
    /// The pause follows from `server_time`. `network_time` already counts as a pause. With a duty of 100 % there are no
    /// pauses and no read slot, and the server's load is not read.
    ///
    /// # Errors
    /// If the database does not answer, or the read slot does not become free.
    pub async fn pause_after(
        &mut self,
        session: &mut Session,
        server_time: Duration,
        network_time: Duration,
    ) -> Result<()> {
        session.renew_round_trip(RENEW_ROUND_TRIP).await?;
        if self.duty_percent >= 100 {
            return Ok(());
        }
        session.release_read_slot();
        if self
            .load_read_at
            .is_none_or(|at| at.elapsed() >= LOAD_INTERVAL)
        {
            self.load_read_at = Some(Instant::now());
            self.load_factor = load_factor(running_statements(session).await?);
        }
        self.debt += pause(server_time, self.duty_percent, self.load_factor).as_secs_f64()
            - network_time.as_secs_f64();
        self.debt = self.debt.max(-MAX_CREDIT.as_secs_f64());
        if self.debt >= MIN_PAUSE.as_secs_f64() {
            let started = Instant::now();
            sleep(Duration::from_secs_f64(self.debt)).await;
            self.debt =
                (self.debt - started.elapsed().as_secs_f64()).max(-MAX_CREDIT.as_secs_f64());
        }
        session.acquire_read_slot().await
    }
}

/// Statements that the server runs now, including ours.
async fn running_statements(session: &mut Session) -> Result<u64> {
    let sql = "SHOW GLOBAL STATUS LIKE 'Threads_running'";
    let running = session.first("the server's load", sql, Params::Empty, |row| row.count(1));
    Ok(running.await?.unwrap_or(0))
}

/// The factor by which pauses grow on a busy server.
fn load_factor(running: u64) -> u64 {
    (1 + running.saturating_sub(IDLE_STATEMENTS)).min(MAX_LOAD_FACTOR)
}

fn pause(worked: Duration, duty_percent: u32, load_factor: u64) -> Duration {
    let usual = worked.as_secs_f64() * (100.0 / f64::from(duty_percent.max(1)) - 1.0);
    let load_factor = f64::from(u32::try_from(load_factor).unwrap_or(u32::MAX));
    Duration::from_secs_f64((usual * load_factor).clamp(0.0, MAX_PAUSE.as_secs_f64()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKED: Duration = Duration::from_millis(40);

    #[test]
    fn pause_is_proportional_to_work() {
        assert_eq!(pause(WORKED, 50, 1), WORKED);
        assert_eq!(pause(WORKED, 20, 1), WORKED * 4);
        assert_eq!(pause(WORKED, 100, 1), Duration::ZERO);
    }

    #[test]
    fn pause_grows_with_load_up_to_a_limit() {
        assert_eq!((load_factor(0), load_factor(5), load_factor(6)), (1, 1, 2));
        assert_eq!(pause(WORKED, 50, load_factor(7)), WORKED * 3);
        assert_eq!(load_factor(1_000), MAX_LOAD_FACTOR);
        assert_eq!(pause(WORKED * 1_000, 1, MAX_LOAD_FACTOR), MAX_PAUSE);
    }
}
