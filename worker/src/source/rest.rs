//! How the worker keeps out of the way: after each statement of the daily figures it rests in proportion, and longer
//! while the server is busy with others.

use crate::source::chunks::Reading;
use crate::source::database::Session;
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

/// Rests after statements.
pub struct Rest {
    duty_percent: u32,
    crowd: u64,
    looked: Option<Instant>,
}

impl Rest {
    /// For one pass.
    pub fn new(reading: &Reading) -> Self {
        Self {
            duty_percent: reading.duty_percent,
            crowd: 1,
            looked: None,
        }
    }

    /// Rests after a statement that took so long. Without rests the server is not looked at either.
    ///
    /// # Errors
    /// As the database says.
    pub async fn after(&mut self, session: &mut Session, took: Duration) -> Result<()> {
        if self.duty_percent >= 100 {
            return Ok(());
        }
        if self.looked.is_none_or(|at| at.elapsed() >= LOOK) {
            self.looked = Some(Instant::now());
            self.crowd = crowd(running(session).await?);
        }
        sleep(rest(took, self.duty_percent, self.crowd)).await;
        Ok(())
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
fn crowd(running: u64) -> u64 {
    (1 + running.saturating_sub(CALM)).min(LONGEST)
}

fn rest(took: Duration, duty_percent: u32, crowd: u64) -> Duration {
    let usual = took.as_secs_f64() * (100.0 / f64::from(duty_percent.max(1)) - 1.0);
    let crowd = f64::from(u32::try_from(crowd).unwrap_or(u32::MAX));
    Duration::from_secs_f64((usual * crowd).clamp(0.0, REST_LIMIT.as_secs_f64()))
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
        assert_eq!((crowd(0), crowd(5), crowd(6)), (1, 1, 2));
        assert_eq!(rest(TOOK, 50, crowd(7)), TOOK * 3);
        assert_eq!(crowd(1_000), LONGEST);
        assert_eq!(rest(TOOK * 1_000, 1, LONGEST), REST_LIMIT);
    }
}
