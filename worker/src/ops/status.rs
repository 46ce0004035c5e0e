//! The state of the worker's tasks, which they record for `/health` and `/metrics`.

use crate::config::Mode;
use crate::ops::metrics::Metrics;
use chrono::{DateTime, Utc};
use shared::catalog::{Group, Snapshot};
use shared::time::Timestamp;
use shared::today::TodayCount;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The shared state: the tasks write it, the health endpoints read it.
pub struct Status {
    /// The metrics.
    pub metrics: Metrics,
    state: Mutex<State>,
}

/// The state at one moment.
#[derive(Clone, Debug)]
pub struct State {
    /// Whether the last attempt to reach MySQL succeeded; `None` before the first.
    pub mysql: Option<bool>,
    /// By how many seconds the database server's clock is ahead of ours; `None` if that is within the tolerance or
    /// unknown.
    pub database_clock_off: Option<i64>,
    /// The configured `TODAY_COUNT_MODE`.
    pub mode: Mode,
    /// How today is counted now: never `Auto`, except before the first count.
    pub way: Mode,
    /// The last count that was published.
    pub today: Option<TodayCount>,
    /// The error of the last tick, if it failed.
    pub today_error: Option<String>,
    /// For each snapshot whose last refresh failed, the error.
    pub errors: BTreeMap<Snapshot, String>,
    /// Snapshots that were computed and must be computed again before their cron, and why.
    pub discarded: BTreeMap<Snapshot, String>,
    /// The cron of the visitor figures.
    pub visitors: CronStatus,
    /// The cron of the book figures.
    pub books: CronStatus,
}

/// The times of one cron.
#[derive(Clone, Copy, Debug, Default)]
pub struct CronStatus {
    /// When it last was due.
    pub last: Option<Timestamp>,
    /// When it is due next.
    pub next: Option<DateTime<Utc>>,
}

impl State {
    /// The cron of a group.
    pub fn cron(&mut self, group: Group) -> &mut CronStatus {
        match group {
            Group::Visitors => &mut self.visitors,
            Group::Books => &mut self.books,
        }
    }
}

impl Status {
    /// Creates the state of a worker that has just started, with the configured `mode`.
    pub fn new(mode: Mode) -> Self {
        let state = State {
            mysql: None,
            database_clock_off: None,
            mode,
            way: mode,
            today: None,
            today_error: None,
            errors: BTreeMap::new(),
            discarded: BTreeMap::new(),
            visitors: CronStatus::default(),
            books: CronStatus::default(),
        };
        Self {
            metrics: Metrics::new(),
            state: Mutex::new(state),
        }
    }

    /// Changes the state.
    pub fn update(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
    }

    /// Records that the refresh of `snapshots` failed.
    pub fn refresh_failed(&self, snapshots: impl Iterator<Item = Snapshot>, error: &anyhow::Error) {
        let text = format!("{error:#}");
        let errors = snapshots.map(|snapshot| (snapshot, text.clone()));
        self.update(|status| status.errors.extend(errors));
    }

    /// Clears the refresh errors of `group`, when this worker takes the refreshes over from another worker.
    pub fn clear_errors(&self, group: Group) {
        self.update(|status| {
            status
                .errors
                .retain(|snapshot, _| snapshot.group() != group);
            status
                .discarded
                .retain(|snapshot, _| snapshot.group() != group);
        });
    }

    /// Returns a copy of the current state.
    pub fn now(&self) -> State {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // After a panic elsewhere the state is still readable, and then health must answer above all.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
