//! A snapshot in the worker's cache, and the decision between the cached copy and the one in Redis.

use bytes::Bytes;
use shared::time::Timestamp;

/// A snapshot as the worker caches it and Redis stores it.
#[derive(Clone, Debug)]
pub struct CachedSnapshot {
    /// When its figures were read.
    pub generated_at: Timestamp,
    /// How long it counts as fresh.
    pub ttl_seconds: u32,
    /// Whether it was computed under the settings of this worker.
    pub by_our_settings: bool,
    /// Whether another worker may have written a newer one.
    pub recency: Recency,
    /// The envelope as JSON.
    pub bytes: Bytes,
    /// Whether Redis has confirmed these bytes.
    pub stored: bool,
}

/// Whether a cached snapshot is the newest one. Gateways show what Redis held last, so an older copy must not replace
/// it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recency {
    /// It was computed here, was seen in Redis while this worker was active, or could not be computed again for a while.
    Newest,
    /// Another worker may have written a newer one since: it was active, or this worker could not renew its lease.
    MaybeOutdated,
    /// It was possibly outdated when Redis turned out to have lost it, so it must be computed again.
    Lost,
}

/// What to do about one snapshot.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// Both copies agree, or this worker may not write.
    Nothing,
    /// Cache the copy from Redis.
    Load,
    /// Write the cached copy to Redis.
    Write,
}

/// Decides between the cached copy (`ours`) and the copy in Redis (`theirs`), for the active worker or a standby. A
/// copy in Redis that is dated after `latest` was made with a wrong clock.
///
/// A copy made under this worker's settings wins over a copy made under other settings, even if that has a later date:
/// the other copy may show names that these settings hide.
pub fn decide(
    ours: Option<&CachedSnapshot>,
    theirs: Option<&CachedSnapshot>,
    active: bool,
    latest: Timestamp,
) -> Action {
    let theirs = theirs.filter(|theirs| !active || theirs.generated_at <= latest);
    let (ours, theirs) = match (ours, theirs) {
        (None, None) => return Action::Nothing,
        (None, Some(_)) => return Action::Load,
        (Some(_), None) if active => return Action::Write,
        (Some(_), None) => return Action::Nothing,
        (Some(ours), Some(theirs)) => (ours, theirs),
    };
    let only_ours_is_of_our_settings = ours.by_our_settings && !theirs.by_our_settings;
    if ours.bytes == theirs.bytes {
        return match (ours.stored, only_ours_is_of_our_settings) {
            // Redis has lost the record of the settings.
            (_, true) if active => Action::Write,
            (_, true) => Action::Nothing,
            (true, false) if ours.by_our_settings == theirs.by_our_settings => Action::Nothing,
            (_, false) => Action::Load,
        };
    }
    if only_ours_is_of_our_settings && active {
        return Action::Write;
    }
    if theirs.by_our_settings && !ours.by_our_settings {
        return Action::Load;
    }
    // A copy that could not be written yet is kept until it can be.
    if !ours.stored
        && !active
        && (only_ours_is_of_our_settings || theirs.generated_at <= ours.generated_at)
    {
        return Action::Nothing;
    }
    match active && theirs.generated_at <= ours.generated_at {
        true => Action::Write,
        false => Action::Load,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cached(time: &str, stored: bool) -> CachedSnapshot {
        let generated_at = time.parse::<chrono::DateTime<chrono::Utc>>().unwrap();
        CachedSnapshot {
            generated_at: generated_at.into(),
            ttl_seconds: 60,
            by_our_settings: true,
            recency: Recency::Newest,
            bytes: Bytes::copy_from_slice(time.as_bytes()),
            stored,
        }
    }

    #[test]
    fn the_newer_copy_wins_and_only_the_active_worker_writes() {
        let (old, new) = ("2025-09-23T00:05:00Z", "2025-09-24T00:05:00Z");
        let latest = cached("2025-09-24T01:00:00Z", true).generated_at;
        for (ours, theirs, active, standing_by) in [
            (None, None, Action::Nothing, Action::Nothing),
            (None, Some(cached(old, true)), Action::Load, Action::Load),
            (
                Some(cached(old, true)),
                None,
                Action::Write,
                Action::Nothing,
            ),
            (
                Some(cached(old, true)),
                Some(cached(old, true)),
                Action::Nothing,
                Action::Nothing,
            ),
            // The reply to our own write was lost.
            (
                Some(cached(old, false)),
                Some(cached(old, true)),
                Action::Load,
                Action::Load,
            ),
            (
                Some(cached(old, true)),
                Some(cached(new, true)),
                Action::Load,
                Action::Load,
            ),
            (
                Some(cached(new, false)),
                Some(cached(old, true)),
                Action::Write,
                Action::Nothing,
            ),
            // A clock was set back, on this machine or on the other one.
            (
                Some(cached(new, true)),
                Some(cached(old, true)),
                Action::Write,
                Action::Load,
            ),
            (
                Some(cached(old, true)),
                Some(cached("2025-09-26T00:05:00Z", true)),
                Action::Write,
                Action::Load,
            ),
        ] {
            let case = format!("{ours:?} {theirs:?}");
            assert_eq!(
                decide(ours.as_ref(), theirs.as_ref(), true, latest),
                active,
                "{case}"
            );
            assert_eq!(
                decide(ours.as_ref(), theirs.as_ref(), false, latest),
                standing_by,
                "{case}"
            );
        }
    }

    #[test]
    fn a_copy_with_own_settings_wins_over_a_later_one_with_other_settings() {
        let (old, new) = ("2025-09-23T00:05:00Z", "2025-09-23T00:09:00Z");
        let latest = cached(new, true).generated_at;
        let foreign = |snapshot: CachedSnapshot| CachedSnapshot {
            by_our_settings: false,
            ..snapshot
        };
        let ours = cached(old, true);
        for (ours, theirs, active, standing_by) in [
            (
                cached(old, true),
                foreign(cached(new, true)),
                Action::Write,
                Action::Load,
            ),
            (
                cached(old, false),
                foreign(cached(new, true)),
                Action::Write,
                Action::Nothing,
            ),
            // The same bytes: only the record of the settings is lost.
            (
                ours.clone(),
                foreign(ours.clone()),
                Action::Write,
                Action::Nothing,
            ),
            (
                foreign(ours.clone()),
                ours.clone(),
                Action::Load,
                Action::Load,
            ),
            // Neither has our settings: the later one wins.
            (
                foreign(cached(old, true)),
                foreign(cached(new, true)),
                Action::Load,
                Action::Load,
            ),
            // Only the other one has our settings.
            (
                foreign(cached(new, true)),
                cached(old, true),
                Action::Load,
                Action::Load,
            ),
        ] {
            let case = format!("{ours:?} {theirs:?}");
            assert_eq!(
                decide(Some(&ours), Some(&theirs), true, latest),
                active,
                "{case}"
            );
            assert_eq!(
                decide(Some(&ours), Some(&theirs), false, latest),
                standing_by,
                "{case}"
            );
        }
    }
}
