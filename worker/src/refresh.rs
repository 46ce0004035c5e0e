//! Makes the daily snapshots: all at the start (the prewarm), those that are due when a cron has come, and what has failed again
//! after a while. What is due follows from what stands, whoever made it, so that it is made once a day and never left out.
//! Visitors and books are two tasks with a connection each, so that neither waits for the other; there are no more than these
//! two.

use crate::backoff::Backoff;
use crate::calendar::{Calendar, period_name};
use crate::figures::{self, Failed, Order};
use crate::source::chunks::Reading;
use crate::source::database::Database;
use crate::stats::names::MemberNames;
use crate::status::Status;
use crate::store::Store;
use anyhow::Result;
use shared::catalog::{Group, Snapshot};
use shared::snapshot::Envelope;
use shared::time::Clock;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{error, info, warn};

/// A chunk takes a few hundredths of a second, a count of a table less than one; what takes longer than this is stuck.
const STATEMENT_LIMIT: Duration = Duration::from_secs(60);
/// Between two looks at what is due: what stands may have been lost, replaced, or made by a clock that is right again.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// What a refresh needs.
#[derive(Clone)]
pub struct Refresher {
    /// The source.
    pub database: Arc<Database>,
    /// Where the snapshots go.
    pub store: Arc<Store>,
    /// Where failures are noted.
    pub status: Arc<Status>,
    /// The time.
    pub clock: Clock,
    /// The library's days.
    pub calendar: Calendar,
    /// How long a snapshot counts as fresh.
    pub ttl_seconds: u32,
    /// What is shown of people.
    pub member_names: MemberNames,
    /// How the database is read.
    pub reading: Reading,
}

impl Refresher {
    /// Keeps the snapshots of `group` fresh for ever, while this worker is the active one; `wake` says that it may be time.
    pub async fn keep_fresh(mut self, group: Group, wake: Arc<Notify>) {
        // At the start viewers may be waiting; later they have the last good copies.
        let gentle = self.reading;
        self.reading = gentle.hurried();
        // Whoever starts a worker expects new figures; what a standby finds is as good as its own.
        let mut unmade: BTreeSet<_> = group.snapshots().collect();
        let (mut away, mut failing) = (Backoff::SHORT, Backoff::LONG);
        let mut at = Instant::now();
        loop {
            self.store.lease().wait_held().await;
            if self.store.lease().took_over() {
                unmade.clear();
            }
            let due = self.due(group, &unmade);
            if due.is_empty() || at > Instant::now() {
                tokio::select! {
                    () = wake.notified() => {
                        at = Instant::now();
                        failing.reset();
                    }
                    () = sleep_until(at), if !due.is_empty() => {}
                    () = sleep(LOOK_AGAIN) => {}
                }
                continue;
            }
            let made = self.make(group, &due).await;
            self.store.give_up_waiting(&due);
            match made {
                Ok(failed) => {
                    self.reading = gentle;
                    away.reset();
                    unmade.retain(|snapshot| failed.iter().any(|(one, _)| one == snapshot));
                    if failed.is_empty() {
                        failing.reset();
                        continue;
                    }
                    let wait = failing.next_wait();
                    at = Instant::now() + wait;
                    let failed = failed.iter().map(|(snapshot, _)| snapshot);
                    warn!(?wait, "trying again in {wait:.1?}: {}", names(failed));
                }
                Err(error) => {
                    let wait = away.next_wait();
                    at = Instant::now() + wait;
                    warn!(
                        error = format!("{error:#}"),
                        ?wait,
                        "MySQL is away: trying again in {wait:.1?}"
                    );
                }
            }
        }
    }

    /// What is to be made: what does not stand, and what is due.
    fn due(&self, group: Group, unmade: &BTreeSet<Snapshot>) -> BTreeSet<Snapshot> {
        let is_due = |snapshot: &Snapshot| {
            let held = self.store.held(*snapshot);
            let stands = held.is_some_and(|held| !self.store.due().is_due(*snapshot, &held));
            unmade.contains(snapshot) || !stands
        };
        group.snapshots().filter(is_due).collect()
    }

    /// Makes those of `group` that are `wanted` and holds each for the store as soon as it is made. Gives those that
    /// were not made, which it has logged and noted.
    ///
    /// # Errors
    /// No connection.
    pub async fn make(&self, group: Group, wanted: &BTreeSet<Snapshot>) -> Result<Failed> {
        let started = Instant::now();
        let session = self.database.session(STATEMENT_LIMIT).await;
        self.status
            .note(|status| status.mysql = Some(session.is_ok()));
        let mut session = match session {
            Ok(session) => session,
            Err(error) => {
                for snapshot in wanted {
                    self.status.metrics.refreshed(*snapshot, None);
                }
                self.status.failed(wanted.iter().copied(), &error);
                return Err(error);
            }
        };

        // Before the first row is read, so that a figure is never older than it says.
        let generated_at = self.clock.now();
        let order = Order {
            wanted,
            today: self.calendar.day(generated_at),
            member_names: self.member_names,
            reading: self.reading,
        };
        let mut hold = |snapshot: Snapshot, data| {
            let period = snapshot.period();
            let envelope = Envelope {
                generated_at,
                ttl_seconds: self.ttl_seconds,
                period: period.map(|period| period_name(period, order.today)),
                data,
            };
            self.store.hold(snapshot, &envelope)?;
            self.status
                .note(|status| drop(status.errors.remove(&snapshot)));
            self.status
                .metrics
                .refreshed(snapshot, Some(started.elapsed()));
            let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            let (ready, all) = (self.store.count(), Snapshot::ALL.len());
            info!(%snapshot, took_ms, "{snapshot} is made in {took_ms} ms ({ready} of {all} stand)");
            Ok(())
        };
        let failed = figures::make(group, &mut session, &order, &mut hold).await;
        for (snapshot, error) in &failed {
            let text = format!("{error:#}");
            error!(%snapshot, error = text, "{snapshot} is not made: {text}");
            self.status.metrics.refreshed(*snapshot, None);
            self.status.failed(std::iter::once(*snapshot), error);
        }
        Ok(failed)
    }
}

fn names<'a>(snapshots: impl Iterator<Item = &'a Snapshot>) -> String {
    let names: Vec<String> = snapshots.map(ToString::to_string).collect();
    names.join(", ")
}
