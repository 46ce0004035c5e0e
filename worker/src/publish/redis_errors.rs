//! Records the current error of each task that uses Redis, for `/health`, the metrics and the lease. A worker whose
//! Redis account lacks rights hands the lease over to another worker.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;
use tracing::{info, warn};

/// A task of the worker that uses Redis; `part` in the metrics and logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RedisTask {
    /// Connecting and logging in.
    Connection,
    /// Taking and renewing the lease.
    Lease,
    /// Checking the rights of the account, without using them.
    Rights,
    /// Reading and writing snapshots.
    Snapshots,
    /// Writing today's count.
    Today,
    /// Reading the counter of `TODAY_COUNT_MODE=incremental`, which the check-in software owns.
    Increments,
    /// The subscription to refresh requests.
    RefreshRequests,
}

impl RedisTask {
    /// Every task, in the order of `/health`.
    pub const ALL: [Self; 7] = [
        Self::Connection,
        Self::Lease,
        Self::Rights,
        Self::Snapshots,
        Self::Today,
        Self::Increments,
        Self::RefreshRequests,
    ];

    /// Its name in `/health` and in the metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Lease => "lease",
            Self::Rights => "rights",
            Self::Snapshots => "snapshot_store",
            Self::Today => "today",
            Self::Increments => "increments",
            Self::RefreshRequests => "refresh_requests",
        }
    }

    /// Whether another worker could do this task when only this worker's account is at fault.
    fn is_transferable(self) -> bool {
        match self {
            Self::Rights | Self::Snapshots | Self::Today | Self::RefreshRequests => true,
            Self::Connection | Self::Lease | Self::Increments => false,
        }
    }
}

/// The current errors, by task.
#[derive(Debug, Default)]
pub struct RedisErrors {
    failures: Mutex<BTreeMap<RedisTask, Failure>>,
    rights_are_known: AtomicBool,
}

#[derive(Debug)]
struct Failure {
    text: String,
    /// Since when the task fails because of this worker's account; `None` when every worker would fail.
    own_since: Option<Instant>,
}

impl RedisErrors {
    /// Records that `part` failed. Logs the error if it differs from the last one.
    pub fn set(&self, part: RedisTask, error: &anyhow::Error) {
        let text = format!("{error:#}");
        let mut errors = self.lock();
        let previous = errors.get(&part);
        if previous.is_none_or(|previous| previous.text != text) {
            let name = part.name();
            warn!(part = name, error = text, "Redis, {name}: {text}");
        }
        let own_since = (part.is_transferable() && is_permission_error(error)).then(|| {
            let since = previous.and_then(|previous| previous.own_since);
            since.unwrap_or_else(Instant::now)
        });
        errors.insert(part, Failure { text, own_since });
    }

    /// Records that `part` works, or that it is no longer this worker's task.
    pub fn clear(&self, part: RedisTask) {
        if self.lock().remove(&part).is_some() {
            let name = part.name();
            info!(part = name, "Redis, {name}: works again");
        }
    }

    /// Records the result of `part`.
    pub fn record<T>(&self, part: RedisTask, result: &anyhow::Result<T>) {
        match result {
            Ok(_) => self.clear(part),
            Err(error) => self.set(part, error),
        }
    }

    /// The texts of all current errors, by the name of the task.
    pub fn all(&self) -> BTreeMap<&'static str, String> {
        let errors = self.lock();
        let texts = errors.iter();
        texts
            .map(|(part, failure)| (part.name(), failure.text.clone()))
            .collect()
    }

    /// Records whether the server can report the rights of the account.
    pub fn set_rights_known(&self, known: bool) {
        self.rights_are_known.store(known, Ordering::Relaxed);
    }

    /// Whether the server can report the rights of the account (Redis 7 and later). If so, the absence of an error of
    /// [`RedisTask::Rights`] means that the account has all rights.
    pub fn rights_are_known(&self) -> bool {
        self.rights_are_known.load(Ordering::Relaxed)
    }

    /// The oldest failure that another worker might not have: since when, and the error.
    pub fn own_failure(&self) -> Option<(Instant, String)> {
        let errors = self.lock();
        let own = errors.iter().filter_map(|(part, failure)| {
            let text = format!("{}: {}", part.name(), failure.text);
            Some((failure.own_since?, text))
        });
        own.min_by_key(|(since, _)| *since)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<RedisTask, Failure>> {
        // A panic elsewhere cannot leave the map half-changed.
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether `error` says that this worker's account lacks a right, so that another worker might succeed. Every other
/// error, such as a full server, a replica or no answer, would hit every worker.
pub fn is_permission_error(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<fred::error::Error>();
    error.is_some_and(|error| {
        // Redis 7.0 omits the error code inside a script.
        *error.kind() == fred::error::ErrorKind::Auth
            || ["NOPERM", "user executing the script"]
                .iter()
                .any(|text| error.details().contains(text))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use fred::error::{Error, ErrorKind};

    #[test]
    fn only_permission_errors_count_as_own_failures() {
        let error = |kind, details: &'static str| anyhow::Error::new(Error::new(kind, details));
        let denied = error(ErrorKind::Auth, "NOPERM this user has no permissions");
        let full = error(ErrorKind::Unknown, "OOM command not allowed");
        let timed_out = error(ErrorKind::Timeout, "Request timed out.");
        let errors = RedisErrors::default();
        for shared in [&full, &timed_out] {
            errors.set(RedisTask::Snapshots, shared);
            assert_eq!(errors.own_failure(), None, "{shared}");
        }
        errors.set(RedisTask::Connection, &denied);
        assert_eq!(errors.own_failure(), None);
        errors.set(RedisTask::Snapshots, &denied);
        let since = errors.own_failure().unwrap().0;
        errors.set(RedisTask::Today, &denied);
        assert_eq!(errors.own_failure().unwrap().0, since, "the first counts");
        errors.clear(RedisTask::Snapshots);
        assert!(errors.own_failure().unwrap().1.starts_with("today: "));
        assert_eq!(errors.all().len(), 2);
    }
}
