//! Makes the daily snapshots: all at the start (the prewarm), a group when its cron says so, and what has failed again
//! after a while. Visitors and books are two tasks, so that neither waits for the other.

use crate::backoff::Backoff;
use crate::calendar::{Calendar, period_name};
use crate::figures::{self, Read};
use crate::source::database::Database;
use crate::stats::names::MemberNames;
use crate::status::Status;
use crate::store::Store;
use anyhow::Result;
use shared::catalog::{Group, Snapshot};
use shared::snapshot::Envelope;
use shared::time::Clock;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tracing::{error, info, warn};

/// A daily statement reads millions of rows in seconds; what takes longer than this is stuck.
const STATEMENT_LIMIT: Duration = Duration::from_secs(600);

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
}

/// When a read is to be done, and how often it has failed.
struct Due {
    at: Instant,
    backoff: Backoff,
}

impl Refresher {
    /// Keeps the snapshots of `group` fresh for ever: now, whenever `wake` is notified, and again after failures.
    pub async fn keep_fresh(self, group: Group, wake: Arc<Notify>) {
        let mut due = all_due(group);
        let mut away = Backoff::SHORT;
        loop {
            let next = due.values().map(|due| due.at).min();
            tokio::select! {
                () = wake.notified() => due = all_due(group),
                () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {}
            }
            let now = Instant::now();
            let reads: Vec<Read> = due
                .iter()
                .filter(|(_, due)| due.at <= now)
                .map(|(read, _)| *read)
                .collect();
            for read in reads {
                match self.make(read).await {
                    Ok(_) => {
                        away.reset();
                        due.remove(&read);
                    }
                    Err(Failure::Away(error)) => {
                        self.status.failed(read.snapshots(), &error);
                        let wait = away.next_wait();
                        warn!(
                            error = format!("{error:#}"),
                            ?wait,
                            "MySQL is away: trying again in {wait:.1?}"
                        );
                        for due in due.values_mut() {
                            due.at = due.at.max(Instant::now() + wait);
                        }
                        break;
                    }
                    Err(Failure::Read(error)) => {
                        let names = read
                            .snapshots()
                            .map(Snapshot::name)
                            .collect::<Vec<_>>()
                            .join(", ");
                        let due = due.entry(read).or_insert_with(Due::now);
                        let wait = due.backoff.next_wait();
                        due.at = Instant::now() + wait;
                        error!(
                            error = format!("{error:#}"),
                            ?wait,
                            "not made: {names}; trying again in {wait:.1?}"
                        );
                    }
                }
            }
        }
    }

    /// Makes every snapshot that `read` gives, and holds them for the store.
    ///
    /// # Errors
    /// No connection, or what the database says.
    pub async fn make(&self, read: Read) -> Result<Vec<Snapshot>, Failure> {
        let started = Instant::now();
        let session = self.database.session(STATEMENT_LIMIT).await;
        self.status
            .note(|status| status.mysql = Some(session.is_ok()));
        let mut session = session.map_err(Failure::Away)?;

        // Before the first row is read, so that a figure is never older than it says.
        let generated_at = self.clock.now();
        let today = self.calendar.day(generated_at);
        let made = figures::compute(read, &mut session, today, self.member_names).await;
        let held = made.and_then(|made| {
            made.into_iter()
                .map(|(snapshot, data)| {
                    let envelope = Envelope {
                        generated_at,
                        ttl_seconds: self.ttl_seconds,
                        period: snapshot.period().map(|period| period_name(period, today)),
                        data,
                    };
                    self.store.hold(snapshot, &envelope).map(|()| snapshot)
                })
                .collect::<Result<Vec<_>>>()
        });
        match held {
            Ok(snapshots) => {
                self.status.note(|status| {
                    status
                        .errors
                        .retain(|failed, _| !snapshots.contains(failed));
                });
                let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
                for snapshot in &snapshots {
                    let (ready, all) = (self.store.count(), Snapshot::ALL.len());
                    info!(%snapshot, took_ms, "{snapshot} is made in {took_ms} ms ({ready} of {all} stand)");
                }
                Ok(snapshots)
            }
            Err(error) => {
                self.status.failed(read.snapshots(), &error);
                Err(Failure::Read(error))
            }
        }
    }
}

/// Why snapshots were not made.
#[derive(Debug)]
pub enum Failure {
    /// There is no connection: nothing can be made.
    Away(anyhow::Error),
    /// This one read failed; others may not.
    Read(anyhow::Error),
}

impl From<Failure> for anyhow::Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Away(error) | Failure::Read(error) => error,
        }
    }
}

impl Due {
    fn now() -> Self {
        Self {
            at: Instant::now(),
            backoff: Backoff::LONG,
        }
    }
}

fn all_due(group: Group) -> BTreeMap<Read, Due> {
    group
        .snapshots()
        .map(|snapshot| (Read::of(snapshot), Due::now()))
        .collect()
}
