//! Makes the daily snapshots: all at the start (the prewarm), those that are due when a cron has come, and what has failed again
//! after a while. What is due follows from what stands, whoever made it, so that it is made once a day and never left out.
//! Visitors and books are two tasks with a connection each, so that neither waits for the other; there are no more than these
//! two.

use crate::backoff::Backoff;
use crate::calendar::{Calendar, period_name};
use crate::mysql::connection::Database;
use crate::mysql::scan::ScanSettings;
use crate::ops::status::Status;
use crate::publish::publisher::Publisher;
use crate::snapshots::compute::{self, ComputeRequest, Failures};
use crate::snapshots::member_names::MemberNames;
use anyhow::Result;
use shared::catalog::{Group, Snapshot};
use shared::snapshot::Envelope;
use shared::time::{Clock, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{error, info, warn};

/// A chunk takes a few hundredths of a second, a count of a table less than one; what takes longer than this is stuck.
const STATEMENT_LIMIT: Duration = Duration::from_secs(60);
/// Between two looks at what is due: what stands may have been lost, replaced, or made by a clock that is right again.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// The shortest wait before a pass whose result was not taken is repeated.
const REPEAT_AFTER: Duration = Duration::from_secs(1);

/// What a refresh needs.
#[derive(Clone)]
pub struct Refresher {
    /// The source.
    pub database: Arc<Database>,
    /// Where the snapshots go.
    pub store: Arc<Publisher>,
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
    pub reading: ScanSettings,
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
        let mut repeats = Repeats::default();
        let mut at = Instant::now();
        loop {
            if !self.store.lease().is_active() {
                self.store.lease().wait_until_active().await;
                // Other workers may have made them since.
                repeats = Repeats::default();
                self.status.forget(group);
            }
            if self.store.lease().promoted_from_standby() {
                unmade.clear();
            }
            let due = self.due(group, &unmade);
            if let Some(wait) = repeats.next_wait(&due, self.store.due().last(group)) {
                at = Instant::now() + wait;
                self.tell_repeated(&repeats.waiting, wait);
            }
            if repeats.have_ended(&due) {
                self.tell_that_all_stand(group);
            }
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
            let began = self.clock.now();
            let made = self.make(group, &due).await;
            self.store.mark_final(&due);
            match made {
                Ok(failed) => {
                    self.reading = gentle;
                    away.reset();
                    let has_failed =
                        |snapshot: &Snapshot| failed.iter().any(|(one, _)| one == snapshot);
                    unmade.retain(has_failed);
                    repeats.made(
                        due.into_iter().filter(|snapshot| !has_failed(snapshot)),
                        began,
                    );
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

    /// Says which snapshots are made again although no cron has come.
    fn tell_repeated(&self, snapshots: &BTreeSet<Snapshot>, wait: Duration) {
        for snapshot in snapshots {
            let held = self.store.held(*snapshot);
            let why = match held {
                None => "it is gone",
                Some(held) if !held.by_our_settings => {
                    "another program keeps replacing it with one of other settings"
                }
                Some(_) => "it is dated ahead of this machine's clock, which was set back",
            };
            let text = format!("made and not taken, so that it is made again: {why}");
            warn!(%snapshot, ?wait, "{snapshot} was {text}; in {wait:.1?}");
            self.status.metrics.discarded(*snapshot);
            self.status
                .update(|status| drop(status.repeated.insert(*snapshot, text)));
        }
    }

    fn tell_that_all_stand(&self, group: Group) {
        self.status.update(|status| {
            let repeated = &mut status.repeated;
            repeated.retain(|snapshot, _| snapshot.group() != group);
        });
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
    pub async fn make(&self, group: Group, wanted: &BTreeSet<Snapshot>) -> Result<Failures> {
        let started = Instant::now();
        let session = self.database.session(STATEMENT_LIMIT).await;
        self.status
            .update(|status| status.mysql = Some(session.is_ok()));
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
        let order = ComputeRequest {
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
            self.store.cache(snapshot, &envelope)?;
            self.status
                .update(|status| drop(status.errors.remove(&snapshot)));
            self.status
                .metrics
                .refreshed(snapshot, Some(started.elapsed()));
            let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            let (ready, all) = (self.store.count(), Snapshot::ALL.len());
            info!(%snapshot, took_ms, "{snapshot} is made in {took_ms} ms ({ready} of {all} stand)");
            Ok(())
        };
        let failed = compute::compute(group, &mut session, &order, &mut hold).await;
        for (snapshot, error) in &failed {
            let text = format!("{error:#}");
            error!(%snapshot, error = text, "{snapshot} is not made: {text}");
            self.status.metrics.refreshed(*snapshot, None);
            self.status.failed(std::iter::once(*snapshot), error);
        }
        Ok(failed)
    }
}

/// Snapshots that were made, and whether they have to be made again before their cron comes: a pass whose result is not
/// taken must not be repeated at once, and for ever.
struct Repeats {
    /// When each was made last.
    made: BTreeMap<Snapshot, Timestamp>,
    /// Those that are made again after a wait.
    waiting: BTreeSet<Snapshot>,
    last_pass: Instant,
    backoff: Backoff,
}

impl Default for Repeats {
    fn default() -> Self {
        Self {
            made: BTreeMap::new(),
            waiting: BTreeSet::new(),
            last_pass: Instant::now(),
            backoff: Backoff::LONG,
        }
    }
}

impl Repeats {
    /// Notes a pass that began then.
    fn made(&mut self, snapshots: impl Iterator<Item = Snapshot>, began: Timestamp) {
        self.made
            .extend(snapshots.map(|snapshot| (snapshot, began)));
        self.last_pass = Instant::now();
    }

    /// How long to wait when some of `due` were made after their cron had come, at `last`; once for each pass.
    fn next_wait(&mut self, due: &BTreeSet<Snapshot>, last: Option<Timestamp>) -> Option<Duration> {
        let is_repeated = |snapshot: &&Snapshot| {
            let made = self.made.get(*snapshot);
            made.is_some_and(|made| last.is_none_or(|last| *made >= last))
        };
        let repeated: BTreeSet<_> = due.iter().filter(is_repeated).copied().collect();
        if repeated.is_empty() {
            return None;
        }
        self.made.retain(|snapshot, _| !repeated.contains(snapshot));
        self.waiting.extend(repeated);
        Some(REPEAT_AFTER + self.backoff.next_wait())
    }

    /// Whether those that were made again have stood for a while.
    fn have_ended(&mut self, due: &BTreeSet<Snapshot>) -> bool {
        let stand = self.waiting.is_disjoint(due) && self.last_pass.elapsed() >= LOOK_AGAIN;
        if self.waiting.is_empty() || !stand {
            return false;
        }
        self.waiting.clear();
        self.backoff.reset();
        true
    }
}

fn names<'a>(snapshots: impl Iterator<Item = &'a Snapshot>) -> String {
    let names: Vec<String> = snapshots.map(ToString::to_string).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time: &str) -> Timestamp {
        time.parse::<chrono::DateTime<chrono::Utc>>()
            .unwrap()
            .into()
    }

    #[test]
    fn what_is_made_and_due_again_before_its_cron_waits_longer_each_time() {
        let (cron, made) = (at("2025-09-23T00:05:00Z"), at("2025-09-23T00:06:00Z"));
        let due = BTreeSet::from([Snapshot::Weekly]);
        let mut repeats = Repeats::default();
        assert_eq!(
            repeats.next_wait(&due, Some(cron)),
            None,
            "it was never made"
        );
        for bound in [1, 2, 4, 8] {
            repeats.made(due.iter().copied(), made);
            let wait = repeats.next_wait(&due, Some(cron)).unwrap();
            let longest = REPEAT_AFTER + Duration::from_secs(bound);
            assert!((REPEAT_AFTER..=longest).contains(&wait), "{wait:?}");
            assert_eq!(
                repeats.next_wait(&due, Some(cron)),
                None,
                "once for each pass"
            );
        }
        // Made, and it stands.
        repeats.made(due.iter().copied(), made);
        assert!(
            !repeats.have_ended(&BTreeSet::new()),
            "it may be replaced yet"
        );
        repeats.last_pass = Instant::now().checked_sub(LOOK_AGAIN).unwrap();
        assert!(repeats.have_ended(&BTreeSet::new()));
        assert!(!repeats.have_ended(&BTreeSet::new()), "said once");
        // The next cron.
        let next = at("2025-09-24T00:05:00Z");
        assert_eq!(repeats.next_wait(&due, Some(next)), None, "it is time");
    }
}
