//! Refreshes the circulation between two daily passes, in cheap rounds.

use crate::backoff::Backoff;
use crate::snapshots::refresh::Refresher;
use crate::today::pace::{CountTime, Pace};
use anyhow::Result;
use serde_json::value::to_raw_value;
use shared::catalog::Snapshot;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{info, warn};

/// The time-out of a statement. Each reads some hundred rows by their ids.
const STATEMENT_LIMIT: Duration = Duration::from_secs(10);
/// How often to look for loans to read again: there are none before the first daily pass, and never without an index on
/// the ids.
const PASS_WAIT: Duration = Duration::from_secs(1);

/// Refreshes the circulation every `interval`, while this worker is active.
pub struct CirculationLoop {
    /// Publishes the figure as a daily pass does.
    pub refresher: Refresher,
    /// From the start of one round to the start of the next. Slow rounds stretch it as slow counts do.
    pub interval: Duration,
}

impl CirculationLoop {
    /// Runs for ever.
    pub async fn run(self) {
        let lease = self.refresher.publisher.lease();
        let pace = Pace {
            interval: self.interval,
            buffer: Duration::ZERO,
        };
        let mut backoff = Backoff::LONG;
        let mut is_failing = false;
        let mut next = Instant::now() + self.interval;
        loop {
            sleep_until(next).await;
            lease.wait_until_active().await;
            let started = Instant::now();
            match self.round().await {
                Ok(None) => sleep(PASS_WAIT).await,
                Ok(Some(took)) => {
                    if std::mem::take(&mut is_failing) {
                        info!("the circulation is refreshed again");
                    }
                    backoff.reset();
                    next = started + pace.interval(took);
                }
                Err(error) => {
                    // Logged once, because other tasks report an outage too.
                    if !std::mem::replace(&mut is_failing, true) {
                        let text = format!("{error:#}");
                        warn!(
                            error = text,
                            "cannot refresh the circulation, trying again: {text}"
                        );
                    }
                    let failed = std::iter::once(Snapshot::Circulation);
                    self.refresher.status.refresh_failed(failed, &error);
                    next = Instant::now() + backoff.next_wait();
                }
            }
        }
    }

    /// Reads the tracked loans again and publishes the circulation. Returns how long that took; `None` if there
    /// are no loans to read.
    async fn round(&self) -> Result<Option<CountTime>> {
        let Some(open) = self.refresher.tracked.get() else {
            return Ok(None);
        };
        let mut session = self.refresher.database.session(STATEMENT_LIMIT).await?;
        let (before, started) = (session.time_spent(), Instant::now());
        let generated_at = self.refresher.clock.now();
        let today = self.refresher.calendar.day(generated_at);
        let (counted, next) = open.round(&mut session, today).await?;
        let spent = session.time_spent() - before;
        self.refresher.tracked.advance(next);
        let (data, snapshot) = (to_raw_value(&counted)?, Snapshot::Circulation);
        self.refresher
            .publish(snapshot, data, generated_at, started)?;
        Ok(Some(CountTime {
            server: spent.server_time(session.round_trip()),
            elapsed: spent.elapsed,
        }))
    }
}
