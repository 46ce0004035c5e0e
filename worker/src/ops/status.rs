//! The state of the worker's tasks, which they record for `/health` and `/metrics`.

use crate::config::CountMode;
use crate::ops::metrics::Metrics;
use crate::ops::state::State;
use shared::catalog::{Schedule, Snapshot};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The shared state: the tasks write it, the health endpoints read it.
pub struct Status {
    /// The metrics.
    pub metrics: Metrics,
    state: Mutex<State>,
}

impl Status {
    /// Creates the state of a worker that has just started, with the configured `mode`.
    pub fn new(mode: CountMode) -> Self {
        let state = State {
            mysql: None,
            database_clock_off: None,
            mode,
            counted_by: mode,
            today: None,
            today_error: None,
            errors: BTreeMap::new(),
            discarded: BTreeMap::new(),
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
    pub fn refresh_failed(&self, snapshots: impl Iterator<Item = Snapshot>, error: &impl Display) {
        let text = format!("{error:#}");
        let errors = snapshots.map(|snapshot| (snapshot, text.clone()));
        self.update(|status| status.errors.extend(errors));
    }

    /// Clears the refresh errors of `schedule`, when this worker takes the refreshes over from another worker.
    pub fn clear_errors(&self, schedule: Schedule) {
        self.update(|status| {
            status
                .errors
                .retain(|snapshot, _| snapshot.schedule() != schedule);
            status
                .discarded
                .retain(|snapshot, _| snapshot.schedule() != schedule);
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
