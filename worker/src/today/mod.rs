//! The fast loop: counts today's visitors, stores the count and publishes it. The loop is the single flight: a doorbell
//! only wakes it early.

pub mod counter;
pub mod delta;
pub mod incremental;
pub mod pace;
pub(crate) mod refresh_requests;

use crate::backoff::Backoff;
use crate::calendar::Calendar;
use crate::mysql::connection::{Database, Session};
use crate::ops::status::Status;
use crate::publish::fence::WriteRefused;
use crate::publish::publisher::Publisher;
use crate::today::counter::Counter;
use crate::today::pace::{CountTime, Pace};
use anyhow::Result;
use shared::time::Clock;
use shared::today::TodayCount;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::{debug, warn};

/// A count of one day, without any index, reads a table of ten million rows in seconds.
const STATEMENT_LIMIT: Duration = Duration::from_secs(60);
/// A count that takes longer than this is worth a word.
const SLOW: Duration = Duration::from_secs(5);
/// A connection is kept over waits up to this long; servers end idle ones after a minute at the earliest, mostly hours.
const KEEP_CONNECTION: Duration = Duration::from_secs(30);
/// A count that is under way to a gateway at midnight must be over when it is there.
const WAY_TO_THE_VIEWER: Duration = Duration::from_millis(200);
/// The round trip to MySQL is measured at least this often. A count that seems slow has it measured at once.
const RENEW_ROUND_TRIP: Duration = Duration::from_secs(60);
/// Between two looks whether Redis is back: counting for nobody is for nothing.
const LOOK_FOR_REDIS: Duration = Duration::from_millis(50);
/// After a count that Redis did not take. Within a second after it takes writes again the right number is to be there; a
/// database is not to be asked much more often than usual.
const PUBLISH_AGAIN: Duration = Duration::from_millis(500);
/// Between two looks of a standby whether MySQL is there: it is to be ready, and to say when it is not.
const LOOK_FOR_MYSQL: Duration = Duration::from_secs(10);

/// What the fast loop needs.
pub struct FastLoop {
    /// The source.
    pub database: Arc<Database>,
    /// Where the count goes.
    pub store: Arc<Publisher>,
    /// Where counts and failures are noted.
    pub status: Arc<Status>,
    /// The time.
    pub clock: Clock,
    /// The library's days.
    pub calendar: Calendar,
    /// How often.
    pub pace: Pace,
    /// How.
    pub counter: Counter,
    /// Changes when a gateway asks for a fresh count.
    pub refresh_requested: watch::Receiver<()>,
}

impl FastLoop {
    /// Counts for ever, while this worker is the active one.
    pub async fn run(mut self) {
        let mut backoff = Backoff::SHORT;
        let mut session = None;
        let (mut last, mut trouble) = (CountTime::default(), String::new());
        loop {
            self.stand_by(&mut session).await;
            if !self.store.is_connected() {
                sleep(LOOK_FOR_REDIS).await;
                continue;
            }
            let ticked = self.tick_aloud(&mut session, &mut last).await;
            let took = ticked.as_ref().ok().map(|took| took.count);
            let took = took.map(|took| (took.server, self.pace.interval(took)));
            self.status.metrics.counted(took);
            match ticked {
                Ok(took) => {
                    backoff.reset();
                    trouble.clear();
                    // A server ends a connection that is idle for long; the next one is checked as it is taken.
                    session = session.filter(|_| self.pace.interval(took.count) < KEEP_CONNECTION);
                    self.wait(took).await;
                }
                Err(error) if error.is::<WriteRefused>() && !self.store.lease().is_active() => {
                    debug!("another worker became the active one during a count");
                }
                // A Redis that is there and refuses: said once, tried again as soon as for somebody who waits.
                Err(error) if error.is::<fred::error::Error>() => {
                    let text = format!("{error:#}");
                    // The store has logged it.
                    if trouble != text {
                        self.status
                            .update(|status| status.today_error = Some(text.clone()));
                        trouble = text;
                    }
                    sleep(self.pace.rest(last).max(PUBLISH_AGAIN)).await;
                }
                Err(error) => {
                    let wait = backoff.next_wait();
                    let text = format!("{error:#}");
                    warn!(
                        error = text,
                        ?wait,
                        "today's visitors were not counted: trying again in {wait:.1?}"
                    );
                    self.status.update(|status| status.today_error = Some(text));
                    sleep(wait).await;
                }
            }
        }
    }

    /// Waits until this worker is the active one, with a connection that is warm by then.
    async fn stand_by(&mut self, session: &mut Option<Session>) {
        let store = self.store.clone();
        if store.lease().is_active() {
            return;
        }
        tokio::select! {
            biased;
            () = store.lease().wait_until_active() => {}
            () = self.keep_warm(session) => {}
        }
        // Of when this worker was active before.
        self.status.update(|status| status.today_error = None);
    }

    /// Looks after a connection, for ever, and says when there is none.
    async fn keep_warm(&self, session: &mut Option<Session>) {
        let mut trouble = String::new();
        loop {
            *session = match session.take() {
                Some(mut warm) => {
                    let alive = warm.is_alive().await;
                    self.status.update(|status| status.mysql = Some(alive));
                    alive.then_some(warm)
                }
                None => self
                    .connect()
                    .await
                    .inspect_err(|error| {
                        let text = format!("{error:#}");
                        if trouble != text {
                            warn!(error = text, "MySQL is away: looking for it all the time");
                            trouble = text;
                        }
                    })
                    .ok(),
            };
            sleep(LOOK_FOR_MYSQL).await;
        }
    }

    async fn connect(&self) -> Result<Session> {
        let opened = self.database.reserved_session(STATEMENT_LIMIT).await;
        self.status
            .update(|status| status.mysql = Some(opened.is_ok()));
        opened
    }

    /// Ticks, and says so while that takes long: a database that does not answer is not told from one that is well.
    async fn tick_aloud(
        &mut self,
        session: &mut Option<Session>,
        last: &mut CountTime,
    ) -> Result<TickTiming> {
        let status = self.status.clone();
        let mut tick = pin!(self.tick(session, last));
        if let Ok(took) = timeout(SLOW, tick.as_mut()).await {
            return took;
        }
        let text = format!(
            "no count for {} s: MySQL or Redis does not answer",
            SLOW.as_secs()
        );
        warn!("{text}");
        status.update(|status| status.today_error = Some(text));
        tick.await
    }

    /// Counts once and publishes; gives when the count began and how long it took, which `last` tells after a failure
    /// too. After a failure of the database `session` is gone.
    async fn tick(
        &mut self,
        session: &mut Option<Session>,
        last: &mut CountTime,
    ) -> Result<TickTiming> {
        let mut connected = match session.take() {
            Some(session) => session,
            None => self.connect().await?,
        };
        let date = self.calendar.day(self.clock.now());
        connected.renew_round_trip(RENEW_ROUND_TRIP).await?;
        self.counter.prepare(&mut connected, date).await?;
        let (started, before) = (Instant::now(), connected.time_spent());
        let total = self.counter.count(&mut connected, date).await?;
        let elapsed = started.elapsed();
        let quick = self.pace.quick();
        let server = connected.server_time_since(before, quick).await?;
        *session = Some(connected);

        let took = TickTiming {
            started,
            count: CountTime {
                server: self.counter.usual(server),
                elapsed,
            },
        };
        *last = took.count;
        // After the count, not before: a gateway shows it for `lifetime` from when it hears of it.
        let (generated_at, counted) = (self.clock.now(), Instant::now());
        let day_ends = self.calendar.end_of(date).before(WAY_TO_THE_VIEWER);
        let count = TodayCount {
            total,
            generated_at,
            date,
            expires_at: generated_at
                .after(self.pace.interval(took.count) * 2)
                .min(day_ends),
        };
        let left = count.lifetime();
        // A count that ended after its day is of nobody's interest.
        if !left.is_zero() {
            self.store
                .publish_today(serde_json::to_vec(&count)?, counted, left)
                .await?;
            debug!(total, ?took.count.server, ?took.count.elapsed, "counted today's visitors");
            self.status.update(|status| {
                status.today = Some(count);
                status.today_error = None;
                // Of a connection of the daily figures that failed before.
                status.mysql = Some(true);
            });
        }
        Ok(took)
    }

    /// Until the next tick: after the interval, at a ring, or at midnight, but never against the duty cycle.
    async fn wait(&mut self, took: TickTiming) {
        self.refresh_requested.mark_unchanged();
        let earliest = took.started + self.pace.rest(took.count);
        let scheduled = took.started + self.pace.interval(took.count);
        let now = self.clock.now();
        let midnight = Instant::now() + self.calendar.end_of(self.calendar.day(now)).since(now);
        tokio::select! {
            () = sleep_until(scheduled.min(midnight.max(earliest))) => {}
            // A closed doorbell never rings.
            Ok(()) = self.refresh_requested.changed() => sleep_until(earliest).await,
        }
    }
}

/// How long a count took.
#[derive(Clone, Copy, Debug)]
struct TickTiming {
    started: Instant,
    count: CountTime,
}
