//! What the loops have to say of themselves, for `/health`.

use crate::config::Mode;
use crate::ops::metrics::Metrics;
use chrono::{DateTime, Utc};
use shared::catalog::{Group, Snapshot};
use shared::time::Timestamp;
use shared::today::TodayCount;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Written by the loops, read by the health endpoint.
pub struct Status {
    /// What is counted.
    pub metrics: Metrics,
    inner: Mutex<Inner>,
}

/// The state at one moment.
#[derive(Clone, Debug)]
pub struct Inner {
    /// Whether the last attempt to reach MySQL succeeded; `None` before the first.
    pub mysql: Option<bool>,
    /// By how many seconds the server's clock is ahead of ours, when that is too much.
    pub database_clock_off: Option<i64>,
    /// How today is to be counted.
    pub mode: Mode,
    /// How it is: never `Auto`.
    pub way: Mode,
    /// The last count that was published.
    pub today: Option<TodayCount>,
    /// Why the last tick failed, if it did.
    pub today_error: Option<String>,
    /// Why the last attempt at a snapshot failed, if it did.
    pub errors: BTreeMap<Snapshot, String>,
    /// Snapshots that were made and have to be made again although no cron has come, and why.
    pub repeated: BTreeMap<Snapshot, String>,
    /// The crons.
    pub visitors: CronStatus,
    /// The crons.
    pub books: CronStatus,
}

/// One cron.
#[derive(Clone, Copy, Debug, Default)]
pub struct CronStatus {
    /// When it last was due.
    pub last: Option<Timestamp>,
    /// When it is due next.
    pub next: Option<DateTime<Utc>>,
}

impl Inner {
    /// The cron of a group.
    pub fn cron(&mut self, group: Group) -> &mut CronStatus {
        match group {
            Group::Visitors => &mut self.visitors,
            Group::Books => &mut self.books,
        }
    }
}

impl Status {
    /// Nothing has happened yet.
    pub fn new(mode: Mode) -> Self {
        let inner = Inner {
            mysql: None,
            database_clock_off: None,
            mode,
            way: mode,
            today: None,
            today_error: None,
            errors: BTreeMap::new(),
            repeated: BTreeMap::new(),
            visitors: CronStatus::default(),
            books: CronStatus::default(),
        };
        Self {
            metrics: Metrics::new(),
            inner: Mutex::new(inner),
        }
    }

    /// Notes something.
    pub fn update(&self, change: impl FnOnce(&mut Inner)) {
        change(&mut self.lock());
    }

    /// Notes that snapshots could not be made.
    pub fn failed(&self, snapshots: impl Iterator<Item = Snapshot>, error: &anyhow::Error) {
        let text = format!("{error:#}");
        let errors = snapshots.map(|snapshot| (snapshot, text.clone()));
        self.update(|status| status.errors.extend(errors));
    }

    /// Forgets the errors of making the snapshots of `group`, which are over when another worker makes them.
    pub fn forget(&self, group: Group) {
        self.update(|status| {
            status
                .errors
                .retain(|snapshot, _| snapshot.group() != group);
            status
                .repeated
                .retain(|snapshot, _| snapshot.group() != group);
        });
    }

    /// The state now.
    pub fn now(&self) -> Inner {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic elsewhere leaves it readable, and health must answer above all then.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
