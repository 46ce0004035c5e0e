//! How the worker keeps out of the way: after each statement of the daily figures it rests in proportion, and longer
//! while the server is busy with others. Passes that rest take read_slots: one reads while the other rests.

use crate::mysql::connection::{RENEW_ROUND_TRIP, Session};
use crate::mysql::scan::ScanSettings;
use anyhow::Result;
use mysql_async::Params;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Between two looks at how busy the server is: one look costs about a tenth of a millisecond.
const LOOK: Duration = Duration::from_secs(1);
/// Statements that run at once on a server that is not busy: up to three of them are ours.
const CALM: u64 = 5;
/// So many times the rest on a server however busy: the figures are to be made one day.
const LONGEST: u64 = 8;
/// The longest rest at once.
const REST_LIMIT: Duration = Duration::from_secs(2);
/// What the timer can do. Less is debt until it comes to this.
const SHORTEST: Duration = Duration::from_millis(1);
/// Rests that were too long, by the timer or on a busy machine, make later ones shorter by so much at most.
const CREDIT: Duration = Duration::from_millis(10);

/// Rests after statements.
pub struct Throttle {
    duty_percent: u32,
    load_factor: u64,
    looked: Option<Instant>,
    /// Seconds of rest that are due; less than nothing when the last one was longer than it should have been.
    debt: f64,
}

impl Throttle {
    /// For one pass.
    pub fn new(reading: &ScanSettings) -> Self {
        Self {
            duty_percent: reading.duty_percent,
            load_factor: 1,
            looked: None,
            debt: 0.0,
        }
    }

    /// Rests after statements for which the server worked for `took` and the network took `idle`, in which the server has
    /// rested already. Then waits for the turn to read on. Without rests there are no read_slots, and the server is not looked at.
    ///
    /// # Errors
    /// As the database says.
    pub async fn after(
        &mut self,
        session: &mut Session,
        took: Duration,
        idle: Duration,
    ) -> Result<()> {
        session.renew_round_trip(RENEW_ROUND_TRIP).await?;
        if self.duty_percent >= 100 {
            return Ok(());
        }
        session.release_read_slot();
        if self.looked.is_none_or(|at| at.elapsed() >= LOOK) {
            self.looked = Some(Instant::now());
            self.load_factor = load_factor(running(session).await?);
        }
        self.debt +=
            rest(took, self.duty_percent, self.load_factor).as_secs_f64() - idle.as_secs_f64();
        self.debt = self.debt.max(-CREDIT.as_secs_f64());
        if self.debt >= SHORTEST.as_secs_f64() {
            let began = Instant::now();
            sleep(Duration::from_secs_f64(self.debt)).await;
            self.debt = (self.debt - began.elapsed().as_secs_f64()).max(-CREDIT.as_secs_f64());
        }
        session.acquire_read_slot().await
    }
}

/// Statements that the server runs now, ours included.
async fn running(session: &mut Session) -> Result<u64> {
    let sql = "SHOW GLOBAL STATUS LIKE 'Threads_running'";
    let running = session.first("how busy the server is", sql, Params::Empty, |cells| {
        cells.count(1)
    });
    Ok(running.await?.unwrap_or(0))
}

/// How many times the usual rest.
fn load_factor(running: u64) -> u64 {
    (1 + running.saturating_sub(CALM)).min(LONGEST)
}

fn rest(took: Duration, duty_percent: u32, load_factor: u64) -> Duration {
    let usual = took.as_secs_f64() * (100.0 / f64::from(duty_percent.max(1)) - 1.0);
    let load_factor = f64::from(u32::try_from(load_factor).unwrap_or(u32::MAX));
    Duration::from_secs_f64((usual * load_factor).clamp(0.0, REST_LIMIT.as_secs_f64()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOOK: Duration = Duration::from_millis(40);

    #[test]
    fn the_rest_is_in_proportion() {
        assert_eq!(rest(TOOK, 50, 1), TOOK);
        assert_eq!(rest(TOOK, 20, 1), TOOK * 4);
        assert_eq!(rest(TOOK, 100, 1), Duration::ZERO);
    }

    #[test]
    fn a_busy_server_is_left_alone_for_longer_but_not_for_ever() {
        assert_eq!((load_factor(0), load_factor(5), load_factor(6)), (1, 1, 2));
        assert_eq!(rest(TOOK, 50, load_factor(7)), TOOK * 3);
        assert_eq!(load_factor(1_000), LONGEST);
        assert_eq!(rest(TOOK * 1_000, 1, LONGEST), REST_LIMIT);
    }
}
