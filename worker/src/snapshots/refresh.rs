//! Refreshes the daily snapshots: all of them at the start (the prewarm), the due ones after each cron, and failed ones
//! again after a back-off. Whether a snapshot is due follows from the cached copy, whichever worker computed it. So
//! each is computed once a day, and none is forgotten. The two schedules have one task and one connection each,
//! and take turns reading.

use crate::backoff::Backoff;
use crate::calendar::Calendar;
use crate::mysql::connection::Database;
use crate::mysql::scan_settings::ScanSettings;
use crate::ops::status::Status;
use crate::publish::publisher::Publisher;
use crate::snapshots::computation::{ComputeRequest, Failure, Failures};
use crate::snapshots::compute;
use crate::snapshots::failing::Failing;
use crate::snapshots::member_names::MemberNames;
use crate::snapshots::open_loans::TrackedLoans;
use crate::snapshots::repeats::Repeats;
use crate::window::period_name;
use anyhow::Result;
use serde_json::value::RawValue;
use shared::catalog::{Schedule, Snapshot};
use shared::snapshot::Envelope;
use shared::telemetry::RepeatedError;
use shared::time::{Clock, Timestamp};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tracing::{debug, error, info, warn};

/// The time-out of a statement. A chunk takes a few hundredths of a second and a count of a table less than one second,
/// so a statement that takes longer than this is stuck.
const STATEMENT_LIMIT: Duration = Duration::from_secs(60);

/// Refreshes the snapshots of a schedule.
#[derive(Clone)]
pub struct Refresher {
    /// The SLiMS database.
    pub database: Arc<Database>,
    /// Receives the snapshots.
    pub publisher: Arc<Publisher>,
    /// Receives errors and metrics.
    pub status: Arc<Status>,
    /// The time of day.
    pub clock: Clock,
    /// The library's days.
    pub calendar: Calendar,
    /// How long a snapshot counts as fresh.
    pub ttl_seconds: u32,
    /// How often the circulation is refreshed; `None` if only the daily pass makes it.
    pub circulation_interval: Option<Duration>,
    /// The loans that the next round of the circulation reads.
    pub tracked: Arc<TrackedLoans>,
    /// How rankings show members.
    pub member_names: MemberNames,
    /// How the tables are scanned.
    pub scan: ScanSettings,
}

impl Refresher {
    /// Refreshes the snapshots of `schedule` for ever, while this worker is active. Checks at each `tick` what is due.
    pub async fn run(mut self, schedule: Schedule, tick: Arc<Notify>) {
        // At the start clients may be waiting for the first snapshots. Later they have the last good ones.
        let gentle = self.scan;
        self.scan = gentle.hurried();
        // A worker that starts computes everything. A standby that is promoted uses the snapshots that it finds.
        let mut pending: BTreeSet<_> = schedule.snapshots().collect();
        let (mut connect_backoff, mut refresh_backoff) = (Backoff::SHORT, Backoff::LONG);
        let mut repeats = Repeats::default();
        let mut logged = RepeatedError::default();
        let mut next_attempt = Instant::now();
        let mut failing = Failing::default();
        let mut last_due = self.publisher.freshness().last_due(schedule);
        loop {
            if !self.publisher.lease().is_active() {
                self.publisher.lease().wait_until_active().await;
                // Other workers may have refreshed the snapshots meanwhile.
                repeats = Repeats::default();
                failing = Failing::default();
                self.status.clear_errors(schedule);
                if self.publisher.lease().promoted_from_standby() {
                    pending.clear();
                }
            }
            let previous =
                std::mem::replace(&mut last_due, self.publisher.freshness().last_due(schedule));
            if last_due > previous {
                debug!(?schedule, "a cron has come");
                next_attempt = Instant::now();
                refresh_backoff.reset();
            }
            let due = self.due(schedule, &pending);
            if let Some(wait) = repeats.next_wait(&due, last_due) {
                next_attempt = Instant::now() + wait;
                self.report_discarded(&repeats.waiting, wait);
            }
            if repeats.have_ended(&due) {
                self.clear_discarded(schedule);
            }
            if due.is_empty() || next_attempt > Instant::now() {
                tokio::select! {
                    () = tick.notified() => {}
                    () = sleep_until(next_attempt), if !due.is_empty() => {}
                }
                continue;
            }
            let (began_at, began) = (self.clock.now(), Instant::now());
            let refreshed = self.refresh(schedule, &due).await;
            pending = match &refreshed {
                Ok(failed) => failed.iter().map(|(snapshot, _)| *snapshot).collect(),
                Err(_) => due.clone(),
            };
            failing.record(&pending, began);
            // A copy that may be outdated is better than none.
            let given_up = failing.given_up(Instant::now());
            self.publisher.mark_newest(&given_up, began);
            match refreshed {
                Ok(_) => {
                    self.scan = gentle;
                    connect_backoff.reset();
                    if logged.end() {
                        info!(?schedule, "MySQL is back");
                    }
                    repeats.record(due.difference(&pending).copied(), began_at);
                    if pending.is_empty() {
                        refresh_backoff.reset();
                        continue;
                    }
                    let wait = refresh_backoff.next_wait();
                    next_attempt = Instant::now() + wait;
                    warn!(
                        ?wait,
                        "refreshing again in {wait:.1?}: {}",
                        names(pending.iter())
                    );
                }
                Err(error) => {
                    let wait = connect_backoff.next_wait();
                    next_attempt = Instant::now() + wait;
                    let text = format!("{error:#}");
                    if logged.is_due(&text) {
                        warn!(
                            error = text,
                            ?wait,
                            "MySQL is away: trying again in {wait:.1?}"
                        );
                    }
                }
            }
        }
    }

    /// Reports which snapshots are computed again before their cron.
    fn report_discarded(&self, snapshots: &BTreeSet<Snapshot>, wait: Duration) {
        for snapshot in snapshots {
            let cached = self.publisher.get(*snapshot);
            let reason = match cached {
                None => "it was deleted",
                Some(cached) if !cached.by_our_settings => {
                    "another program keeps replacing it with one made under other settings"
                }
                Some(_) => "its date is ahead of this machine's clock, which was set back",
            };
            let text = format!("computed, but must be computed again: {reason}");
            warn!(%snapshot, ?wait, "{snapshot} was {text}; next attempt in {wait:.1?}");
            self.status.metrics.record_discard(*snapshot);
            self.status
                .update(|status| drop(status.discarded.insert(*snapshot, text)));
        }
    }

    fn clear_discarded(&self, schedule: Schedule) {
        self.status.update(|status| {
            let discarded = &mut status.discarded;
            discarded.retain(|snapshot, _| snapshot.schedule() != schedule);
        });
    }

    /// The snapshots to compute now: those in `pending`, those that are missing, and those that are due.
    fn due(&self, schedule: Schedule, pending: &BTreeSet<Snapshot>) -> BTreeSet<Snapshot> {
        let freshness = self.publisher.freshness();
        let is_due = |snapshot: &Snapshot| {
            let cached = self.publisher.get(*snapshot);
            let is_fresh = cached.is_some_and(|cached| !freshness.is_due(*snapshot, &cached));
            // Rounds renew its date, but only a pass finds the loans that they read.
            let is_untracked = *snapshot == Snapshot::Circulation
                && self.circulation_interval.is_some()
                && !self.tracked.are_known_since(freshness.last_due(schedule));
            pending.contains(snapshot) || !is_fresh || is_untracked
        };
        schedule.snapshots().filter(is_due).collect()
    }

    /// How long a snapshot counts as fresh: the circulation until its second next round, if there are rounds.
    fn ttl_seconds(&self, snapshot: Snapshot) -> u32 {
        let has_rounds = || snapshot == Snapshot::Circulation && self.tracked.get().is_some();
        let rounds = self.circulation_interval.filter(|_| has_rounds());
        let ttl = rounds
            .and_then(|interval| u32::try_from((2 * interval).as_millis().div_ceil(1_000)).ok());
        ttl.unwrap_or(self.ttl_seconds)
    }

    /// Caches a snapshot that was computed from `generated_at` on, and records how long that took since `started`.
    ///
    /// # Errors
    /// If the envelope cannot be serialized.
    pub(super) fn publish(
        &self,
        snapshot: Snapshot,
        data: Box<RawValue>,
        generated_at: Timestamp,
        started: Instant,
    ) -> Result<()> {
        let day = self.calendar.day(generated_at);
        let envelope = Envelope {
            generated_at,
            ttl_seconds: self.ttl_seconds(snapshot),
            period: snapshot.period().map(|period| period_name(period, day)),
            data,
        };
        self.publisher.cache(snapshot, &envelope, started)?;
        self.status
            .update(|status| drop(status.errors.remove(&snapshot)));
        let took = started.elapsed();
        self.status.metrics.record_refresh(snapshot, Some(took));
        Ok(())
    }

    /// Computes the `wanted` snapshots of `schedule` and caches each as soon as it is computed. Returns those that failed,
    /// after it has logged and recorded the errors.
    ///
    /// # Errors
    /// If there is no connection to MySQL.
    pub async fn refresh(
        &self,
        schedule: Schedule,
        wanted: &BTreeSet<Snapshot>,
    ) -> Result<Failures> {
        let started = Instant::now();
        let session = self.database.session(STATEMENT_LIMIT).await;
        self.status
            .update(|status| status.mysql = Some(session.is_ok()));
        let mut session = match session {
            Ok(session) => session,
            Err(error) => {
                for snapshot in wanted {
                    self.status.metrics.record_refresh(*snapshot, None);
                }
                self.status.refresh_failed(wanted.iter().copied(), &error);
                return Err(error);
            }
        };

        // Taken before the first row is read, so that a figure is never older than it claims.
        let generated_at = self.clock.now();
        let request = ComputeRequest {
            wanted,
            began_at: generated_at,
            today: self.calendar.day(generated_at),
            member_names: self.member_names,
            scan: self.scan,
            tracked: &self.tracked,
        };
        let mut publish = |snapshot: Snapshot, data| {
            self.publish(snapshot, data, generated_at, started)?;
            let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            let (ready, all) = (self.publisher.count(), Snapshot::ALL.len());
            info!(%snapshot, took_ms, "computed {snapshot} in {took_ms} ms ({ready} of {all} ready)");
            Ok(())
        };
        let failed = compute::compute(schedule, &mut session, &request, &mut publish).await;
        for (snapshot, error) in &failed {
            error!(%snapshot, %error, "cannot compute {snapshot}: {error}");
            self.status.metrics.record_refresh(*snapshot, None);
            self.status
                .refresh_failed(std::iter::once(*snapshot), error);
        }
        let lasting = |(snapshot, failure): &(Snapshot, Failure)| {
            let reason = failure.lasting.clone()?;
            Some((*snapshot, reason))
        };
        let reasons = failed.iter().filter_map(lasting).collect();
        self.publisher.set_unavailable(wanted, reasons).await;
        Ok(failed)
    }
}

fn names<'a>(snapshots: impl Iterator<Item = &'a Snapshot>) -> String {
    let names: Vec<String> = snapshots.map(ToString::to_string).collect();
    names.join(", ")
}
