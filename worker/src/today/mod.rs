//! The fast loop: counts today's visitors, writes the count to Redis and publishes it. Only this loop counts: a refresh
//! request just wakes it early.

pub mod counter;
pub mod delta;
pub mod incremental;
pub mod pace;
pub(crate) mod refresh_requests;

use crate::backoff::Backoff;
use crate::calendar::Calendar;
use crate::mysql::connection::{Database, Session};
use crate::mysql::error::is_connection_lost;
use crate::ops::status::Status;
use crate::publish::fence::WriteRefused;
use crate::publish::publisher::Publisher;
use crate::today::counter::Counter;
use crate::today::pace::{CountTime, Pace};
use anyhow::Result;
use shared::telemetry::RepeatedError;
use shared::time::Clock;
use shared::today::TodayCount;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::{debug, info, warn};

/// The time-out of a statement. Without any index, a count of one day reads a table of ten million rows in seconds.
const STATEMENT_LIMIT: Duration = Duration::from_secs(60);
/// A count that takes longer than this is logged and reported.
const SLOW_TICK: Duration = Duration::from_secs(5);
/// The longest wait over which a connection is kept. Servers close idle ones after a minute at the earliest, mostly
/// after hours.
const KEEP_CONNECTION: Duration = Duration::from_secs(30);
/// How long before midnight a count expires, so that one that is on its way to a gateway at midnight is expired on
/// arrival.
const MIDNIGHT_MARGIN: Duration = Duration::from_millis(200);
/// The round trip to MySQL is measured at least this often. A slow count has it measured at once.
const RENEW_ROUND_TRIP: Duration = Duration::from_secs(60);
/// How often the loop checks whether Redis is connected. Without Redis it does not count.
const REDIS_POLL: Duration = Duration::from_millis(50);
/// The shortest wait after a count that Redis did not accept. Within a second after Redis accepts writes again it must
/// have the right number, without many more counts than usual.
const PUBLISH_RETRY: Duration = Duration::from_millis(500);
/// How often a standby checks MySQL, so that it is ready to take over and reports when it is not.
const MYSQL_POLL: Duration = Duration::from_secs(10);

/// Counts today's visitors again and again.
pub struct FastLoop {
    /// The SLiMS database.
    pub database: Arc<Database>,
    /// Writes the count to Redis.
    pub publisher: Arc<Publisher>,
    /// Receives counts, errors and metrics.
    pub status: Arc<Status>,
    /// The time of day.
    pub clock: Clock,
    /// The library's days.
    pub calendar: Calendar,
    /// How often to count.
    pub pace: Pace,
    /// How to count.
    pub counter: Counter,
    /// Changes at each refresh request of a gateway.
    pub refresh_requested: watch::Receiver<()>,
}

impl FastLoop {
    /// Counts for ever, while this worker is active.
    pub async fn run(mut self) {
        let mut backoff = Backoff::SHORT;
        let mut session = None;
        let (mut last, mut last_error) = (CountTime::default(), String::new());
        let mut logged = RepeatedError::default();
        loop {
            self.stand_by(&mut session).await;
            if !self.publisher.is_connected() {
                sleep(REDIS_POLL).await;
                continue;
            }
            let ticked = self.tick_with_slow_report(&mut session, &mut last).await;
            let took = ticked.as_ref().ok().map(|took| took.count);
            let took = took.map(|took| (took.server, self.pace.interval(took)));
            self.status.metrics.record_count(took);
            match ticked {
                Ok(took) => {
                    backoff.reset();
                    last_error.clear();
                    if logged.end() {
                        info!("today's visitors are counted again");
                    }
                    // Servers close idle connections: before a long wait, drop this one and open a new one later.
                    session = session.filter(|_| self.pace.interval(took.count) < KEEP_CONNECTION);
                    self.wait(took).await;
                }
                Err(error) if error.is::<WriteRefused>() && !self.publisher.lease().is_active() => {
                    debug!("another worker became the active one during a count");
                }
                // Redis answers with an error: report it once, and retry as soon as for a refresh request.
                Err(error) if error.is::<fred::error::Error>() => {
                    let text = format!("{error:#}");
                    // The publisher has logged it.
                    if last_error != text {
                        self.status
                            .update(|status| status.today_error = Some(text.clone()));
                        last_error = text;
                    }
                    sleep(self.pace.shortest_interval(last).max(PUBLISH_RETRY)).await;
                }
                Err(error) => {
                    let wait = backoff.next_wait();
                    let text = format!("{error:#}");
                    if logged.is_due(&text) {
                        warn!(
                            error = text,
                            ?wait,
                            "cannot count today's visitors: trying again in {wait:.1?}"
                        );
                    }
                    self.status.update(|status| status.today_error = Some(text));
                    sleep(wait).await;
                }
            }
        }
    }

    /// Waits until this worker is active, and meanwhile keeps a connection open.
    async fn stand_by(&mut self, session: &mut Option<Session>) {
        let publisher = self.publisher.clone();
        if publisher.lease().is_active() {
            return;
        }
        tokio::select! {
            biased;
            () = publisher.lease().wait_until_active() => {}
            () = self.keep_warm(session) => {}
        }
        // An old error, from the time when this worker was active before.
        self.status.update(|status| status.today_error = None);
    }

    /// Keeps a connection open, for ever, and reports when there is none.
    async fn keep_warm(&self, session: &mut Option<Session>) {
        let mut last_error = String::new();
        loop {
            *session = match session.take() {
                Some(mut open) => {
                    let is_alive = open.is_alive().await;
                    self.status.update(|status| status.mysql = Some(is_alive));
                    is_alive.then_some(open)
                }
                None => self
                    .connect()
                    .await
                    .inspect_err(|error| {
                        let text = format!("{error:#}");
                        if last_error != text {
                            warn!(error = text, "MySQL is away: trying to connect");
                            last_error = text;
                        }
                    })
                    .ok(),
            };
            sleep(MYSQL_POLL).await;
        }
    }

    async fn connect(&self) -> Result<Session> {
        let opened = self.database.reserved_session(STATEMENT_LIMIT).await;
        self.status
            .update(|status| status.mysql = Some(opened.is_ok()));
        opened
    }

    /// Runs [`Self::tick`], and reports while it takes long: otherwise a database that does not answer would look
    /// healthy.
    async fn tick_with_slow_report(
        &mut self,
        session: &mut Option<Session>,
        last: &mut CountTime,
    ) -> Result<TickTiming> {
        let status = self.status.clone();
        let mut tick = pin!(self.tick_on_any_connection(session, last));
        if let Ok(took) = timeout(SLOW_TICK, tick.as_mut()).await {
            return took;
        }
        let text = format!(
            "no count for {} s: MySQL or Redis does not answer",
            SLOW_TICK.as_secs()
        );
        warn!("{text}");
        status.update(|status| status.today_error = Some(text));
        tick.await
    }

    /// Runs [`Self::tick`], and once more on a new connection if the one of the last tick was closed meanwhile.
    async fn tick_on_any_connection(
        &mut self,
        session: &mut Option<Session>,
        last: &mut CountTime,
    ) -> Result<TickTiming> {
        let was_open = session.is_some();
        let ticked = self.tick(session, last).await;
        match &ticked {
            Err(error) if was_open && is_connection_lost(error) => self.tick(session, last).await,
            _ => ticked,
        }
    }

    /// Counts once and publishes. Returns when the count began and how long it took. `last` has that time even if
    /// publishing fails. If the database fails, `session` is `None` afterwards.
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
                server: self.counter.smoothed(server),
                elapsed,
            },
        };
        *last = took.count;
        // Taken after the count, because a gateway shows the count for `lifetime` from when it receives it.
        let (generated_at, counted_at) = (self.clock.now(), Instant::now());
        let latest_expiry = self.calendar.end_of(date).minus(MIDNIGHT_MARGIN);
        let count = TodayCount {
            total,
            generated_at,
            date,
            expires_at: generated_at
                .plus(self.pace.interval(took.count) * 2)
                .min(latest_expiry),
        };
        let lifetime = count.lifetime();
        // A count that ended after its day is useless.
        if !lifetime.is_zero() {
            self.publisher
                .publish_today(serde_json::to_vec(&count)?, counted_at, lifetime)
                .await?;
            debug!(total, ?took.count.server, ?took.count.elapsed, "counted today's visitors");
            self.status.update(|status| {
                status.today = Some(count);
                status.today_error = None;
                // The connection of a refresh may have failed before.
                status.mysql = Some(true);
            });
        }
        Ok(took)
    }

    /// Waits for the next tick: until the interval has passed, a refresh request, or midnight, but at least as long as
    /// the duty cycle demands.
    async fn wait(&mut self, took: TickTiming) {
        self.refresh_requested.mark_unchanged();
        let earliest = took.started + self.pace.shortest_interval(took.count);
        let scheduled = took.started + self.pace.interval(took.count);
        let now = self.clock.now();
        let midnight = Instant::now() + self.calendar.end_of(self.calendar.day(now)).since(now);
        tokio::select! {
            () = sleep_until(scheduled.min(midnight.max(earliest))) => {}
            // Disabled if the sender is gone.
            Ok(()) = self.refresh_requested.changed() => sleep_until(earliest).await,
        }
    }
}

/// When a tick began and how long its count took.
#[derive(Clone, Copy, Debug)]
struct TickTiming {
    started: Instant,
    count: CountTime,
}
