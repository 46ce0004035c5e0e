//! The last error of every part of the worker that uses Redis, for `/health`, the metrics and the lease: a worker whose own
//! account cannot do its work leaves the lease to another one.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;
use tracing::{info, warn};

/// A part of the worker that uses Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RedisPart {
    /// The connection itself: connecting and logging in.
    Connection,
    /// Taking and renewing the lease.
    Lease,
    /// The rights of the account, checked without using them.
    Rights,
    /// Reading and writing snapshots.
    Snapshots,
    /// Writing today's count.
    Today,
    /// Reading the counter of `TODAY_COUNT_MODE=incremental`, which the writer of visits owns.
    Increments,
    /// The subscription to refresh requests.
    RefreshRequests,
}

impl RedisPart {
    /// Every part, in the order of `/health`.
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

    /// Whether another worker could do this part when only this worker's account is at fault.
    fn is_work(self) -> bool {
        match self {
            Self::Rights | Self::Snapshots | Self::Today | Self::RefreshRequests => true,
            Self::Connection | Self::Lease | Self::Increments => false,
        }
    }
}

/// The errors that are not over yet.
#[derive(Debug, Default)]
pub struct RedisErrors {
    failures: Mutex<BTreeMap<RedisPart, Failure>>,
    rights_are_known: AtomicBool,
}

#[derive(Debug)]
struct Failure {
    text: String,
    /// Since when the part fails because of this worker; `None` while every worker would fail.
    own_since: Option<Instant>,
}

impl RedisErrors {
    /// Notes that `part` failed. Logs an error that differs from the last one.
    pub fn set(&self, part: RedisPart, error: &anyhow::Error) {
        let text = format!("{error:#}");
        let mut errors = self.lock();
        let known = errors.get(&part);
        if known.is_none_or(|known| known.text != text) {
            let name = part.name();
            warn!(part = name, error = text, "Redis, {name}: {text}");
        }
        let own_since = (part.is_work() && is_of_this_account(error)).then(|| {
            let since = known.and_then(|known| known.own_since);
            since.unwrap_or_else(Instant::now)
        });
        errors.insert(part, Failure { text, own_since });
    }

    /// Notes that `part` works, or that this worker does not do it any more.
    pub fn clear(&self, part: RedisPart) {
        if self.lock().remove(&part).is_some() {
            let name = part.name();
            info!(part = name, "Redis, {name}: the error is over");
        }
    }

    /// Notes how `part` ended.
    pub fn note<T>(&self, part: RedisPart, result: &anyhow::Result<T>) {
        match result {
            Ok(_) => self.clear(part),
            Err(error) => self.set(part, error),
        }
    }

    /// The texts of all errors that are not over.
    pub fn all(&self) -> BTreeMap<&'static str, String> {
        let errors = self.lock();
        let texts = errors.iter();
        texts
            .map(|(part, failure)| (part.name(), failure.text.clone()))
            .collect()
    }

    /// Notes whether the server can tell what the account may do.
    pub fn set_rights_known(&self, known: bool) {
        self.rights_are_known.store(known, Ordering::Relaxed);
    }

    /// Whether the server can tell what the account may do, so that no error of [`RedisPart::Rights`] means that it may do all.
    pub fn rights_are_known(&self) -> bool {
        self.rights_are_known.load(Ordering::Relaxed)
    }

    /// Since when a part fails that another worker may be able to do, and its error.
    pub fn own_failure(&self) -> Option<(Instant, String)> {
        let errors = self.lock();
        let own = errors.iter().filter_map(|(part, failure)| {
            let text = format!("{}: {}", part.name(), failure.text);
            Some((failure.own_since?, text))
        });
        own.min_by_key(|(since, _)| *since)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<RedisPart, Failure>> {
        // A panic elsewhere leaves the map whole: no change to it has steps.
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the account of this worker may not do what failed, so that another worker may be able to. Everything else, such
/// as a full server, a replica or no answer, fails for every worker.
pub fn is_of_this_account(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<fred::error::Error>();
    error.is_some_and(|error| {
        // In a script Redis 7.0 leaves the code out.
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
    fn only_errors_of_this_worker_are_its_own() {
        let error = |kind, details: &'static str| anyhow::Error::new(Error::new(kind, details));
        let denied = error(ErrorKind::Auth, "NOPERM this user has no permissions");
        let full = error(ErrorKind::Unknown, "OOM command not allowed");
        let silent = error(ErrorKind::Timeout, "Request timed out.");
        let errors = RedisErrors::default();
        for shared in [&full, &silent] {
            errors.set(RedisPart::Snapshots, shared);
            assert_eq!(errors.own_failure(), None, "{shared}");
        }
        errors.set(RedisPart::Connection, &denied);
        assert_eq!(errors.own_failure(), None);
        errors.set(RedisPart::Snapshots, &denied);
        let since = errors.own_failure().unwrap().0;
        errors.set(RedisPart::Today, &denied);
        assert_eq!(errors.own_failure().unwrap().0, since, "the first counts");
        errors.clear(RedisPart::Snapshots);
        assert!(errors.own_failure().unwrap().1.starts_with("today: "));
        assert_eq!(errors.all().len(), 2);
    }
}
