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
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
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

/// A snapshot that is to be made, and when.
struct Waiting {
    at: Instant,
    backoff: Backoff,
}

impl Refresher {
    /// Keeps the snapshots of `group` fresh until `stop`: now, whenever `due` is notified, and after failures.
    pub async fn keep_fresh(self, group: Group, due: Arc<Notify>, stop: CancellationToken) {
        let mut waiting = everything(group);
        let mut away = Backoff::SHORT;
        loop {
            let next = waiting.values().map(|waiting| waiting.at).min();
            tokio::select! {
                () = stop.cancelled() => return,
                () = due.notified() => waiting = everything(group),
                () = tokio::time::sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {}
            }
            let now = Instant::now();
            let wanted: Vec<Snapshot> = waiting
                .iter()
                .filter(|(_, w)| w.at <= now)
                .map(|(s, _)| *s)
                .collect();
            for read in Read::ALL {
                let wanted: Vec<Snapshot> = wanted
                    .iter()
                    .copied()
                    .filter(|s| Read::of(*s) == read)
                    .collect();
                if wanted.is_empty() {
                    continue;
                }
                let Some(made) = stop.run_until_cancelled(self.make(read)).await else {
                    return;
                };
                match made {
                    Ok(made) => {
                        away.reset();
                        waiting.retain(|snapshot, _| !made.contains(snapshot));
                    }
                    Err(Failure::Away(error)) => {
                        let wait = away.next_wait();
                        warn!(
                            error = format!("{error:#}"),
                            ?wait,
                            "MySQL is away: trying again in {wait:.1?}"
                        );
                        for waiting in waiting.values_mut().filter(|waiting| waiting.at <= now) {
                            waiting.at = Instant::now() + wait;
                        }
                        break;
                    }
                    Err(Failure::Read(error)) => {
                        for snapshot in wanted {
                            let Some(waiting) = waiting.get_mut(&snapshot) else {
                                continue;
                            };
                            let wait = waiting.backoff.next_wait();
                            waiting.at = Instant::now() + wait;
                            error!(
                                %snapshot,
                                error = format!("{error:#}"),
                                ?wait,
                                "{snapshot} could not be made: trying again in {wait:.1?}"
                            );
                        }
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
                let failed = Snapshot::ALL
                    .into_iter()
                    .filter(|snapshot| Read::of(*snapshot) == read);
                let text = format!("{error:#}");
                self.status.note(|status| {
                    status
                        .errors
                        .extend(failed.map(|snapshot| (snapshot, text.clone())));
                });
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

fn everything(group: Group) -> BTreeMap<Snapshot, Waiting> {
    let now = || Waiting {
        at: Instant::now(),
        backoff: Backoff::LONG,
    };
    group
        .snapshots()
        .map(|snapshot| (snapshot, now()))
        .collect()
}
