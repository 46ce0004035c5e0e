//! What the worker's tasks record about themselves, at one moment.

use crate::config::CountMode;
use shared::catalog::Snapshot;
use shared::today::TodayCount;
use std::collections::BTreeMap;

/// The state at one moment.
#[derive(Clone, Debug)]
pub struct State {
    /// Whether the last attempt to reach MySQL succeeded; `None` before the first.
    pub mysql: Option<bool>,
    /// By how many seconds the database server's clock is ahead of ours; `None` if that is within the tolerance or
    /// unknown.
    pub database_clock_off: Option<i64>,
    /// The configured `TODAY_COUNT_MODE`.
    pub mode: CountMode,
    /// How today is counted now: never `Auto`, except before the first count.
    pub counted_by: CountMode,
    /// The last count that was published.
    pub today: Option<TodayCount>,
    /// The error of the last tick, if it failed.
    pub today_error: Option<String>,
    /// For each snapshot whose last refresh failed, the error.
    pub errors: BTreeMap<Snapshot, String>,
    /// Snapshots that were computed and must be computed again before their cron, and why.
    pub discarded: BTreeMap<Snapshot, String>,
}
