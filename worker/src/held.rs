//! A snapshot as it is held, and which of two is to be kept: the one here or the one in Redis.

use bytes::Bytes;
use shared::time::Timestamp;

/// A snapshot as it is stored.
#[derive(Clone, Debug)]
pub struct Held {
    /// When its figures were read.
    pub generated_at: Timestamp,
    /// How long it counts as fresh.
    pub ttl_seconds: u32,
    /// Whether it was made under the settings of this worker.
    pub by_our_settings: bool,
    /// It was made here, or could not be made anew when it was due.
    pub is_best: bool,
    /// The envelope, written.
    pub bytes: Bytes,
    /// Whether Redis has confirmed these bytes.
    pub stored: bool,
}

/// What is to be done about a snapshot that is there or here.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    Nothing,
    /// Hold what Redis holds.
    TakeOver,
    /// Store what is held.
    Store,
}

/// Decides between the snapshot held here and the one in Redis, for the active worker or a standby. A snapshot in Redis that
/// is dated after `latest` was made by a wrong clock.
///
/// What this worker made under its own settings wins over what was made under others, even where that has a later date: the
/// other may show names that these settings hide.
pub fn step(ours: Option<&Held>, theirs: Option<&Held>, active: bool, latest: Timestamp) -> Step {
    let theirs = theirs.filter(|theirs| !active || theirs.generated_at <= latest);
    let (ours, theirs) = match (ours, theirs) {
        (None, None) => return Step::Nothing,
        (None, Some(_)) => return Step::TakeOver,
        (Some(_), None) if active => return Step::Store,
        (Some(_), None) => return Step::Nothing,
        (Some(ours), Some(theirs)) => (ours, theirs),
    };
    let only_ours_is_of_our_settings = ours.by_our_settings && !theirs.by_our_settings;
    if ours.bytes == theirs.bytes {
        return match (ours.stored, only_ours_is_of_our_settings) {
            // The note under which settings it was made is lost.
            (_, true) if active => Step::Store,
            (_, true) => Step::Nothing,
            (true, false) if ours.by_our_settings == theirs.by_our_settings => Step::Nothing,
            (_, false) => Step::TakeOver,
        };
    }
    if only_ours_is_of_our_settings && active {
        return Step::Store;
    }
    if theirs.by_our_settings && !ours.by_our_settings {
        return Step::TakeOver;
    }
    // What was made and could not be stored is kept for when it can.
    if !ours.stored
        && !active
        && (only_ours_is_of_our_settings || theirs.generated_at <= ours.generated_at)
    {
        return Step::Nothing;
    }
    match active && theirs.generated_at <= ours.generated_at {
        true => Step::Store,
        false => Step::TakeOver,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(time: &str, stored: bool) -> Held {
        let generated_at = time.parse::<chrono::DateTime<chrono::Utc>>().unwrap();
        Held {
            generated_at: generated_at.into(),
            ttl_seconds: 60,
            by_our_settings: true,
            is_best: true,
            bytes: Bytes::copy_from_slice(time.as_bytes()),
            stored,
        }
    }

    #[test]
    fn the_newer_is_kept_and_only_the_active_worker_stores() {
        let (old, new) = ("2025-09-23T00:05:00Z", "2025-09-24T00:05:00Z");
        let latest = held("2025-09-24T01:00:00Z", true).generated_at;
        for (ours, theirs, active, standing_by) in [
            (None, None, Step::Nothing, Step::Nothing),
            (None, Some(held(old, true)), Step::TakeOver, Step::TakeOver),
            (Some(held(old, true)), None, Step::Store, Step::Nothing),
            (
                Some(held(old, true)),
                Some(held(old, true)),
                Step::Nothing,
                Step::Nothing,
            ),
            // The answer to our own write was lost.
            (
                Some(held(old, false)),
                Some(held(old, true)),
                Step::TakeOver,
                Step::TakeOver,
            ),
            (
                Some(held(old, true)),
                Some(held(new, true)),
                Step::TakeOver,
                Step::TakeOver,
            ),
            (
                Some(held(new, false)),
                Some(held(old, true)),
                Step::Store,
                Step::Nothing,
            ),
            // A clock went back, here or there.
            (
                Some(held(new, true)),
                Some(held(old, true)),
                Step::Store,
                Step::TakeOver,
            ),
            (
                Some(held(old, true)),
                Some(held("2025-09-26T00:05:00Z", true)),
                Step::Store,
                Step::TakeOver,
            ),
        ] {
            let case = format!("{ours:?} {theirs:?}");
            assert_eq!(
                step(ours.as_ref(), theirs.as_ref(), true, latest),
                active,
                "{case}"
            );
            assert_eq!(
                step(ours.as_ref(), theirs.as_ref(), false, latest),
                standing_by,
                "{case}"
            );
        }
    }

    #[test]
    fn own_settings_win_over_others_even_where_those_are_later() {
        let (old, new) = ("2025-09-23T00:05:00Z", "2025-09-23T00:09:00Z");
        let latest = held(new, true).generated_at;
        let foreign = |held: Held| Held {
            by_our_settings: false,
            ..held
        };
        let ours = held(old, true);
        for (ours, theirs, active, standing_by) in [
            (
                held(old, true),
                foreign(held(new, true)),
                Step::Store,
                Step::TakeOver,
            ),
            (
                held(old, false),
                foreign(held(new, true)),
                Step::Store,
                Step::Nothing,
            ),
            // The same bytes: only the note of the settings is lost.
            (
                ours.clone(),
                foreign(ours.clone()),
                Step::Store,
                Step::Nothing,
            ),
            (
                foreign(ours.clone()),
                ours.clone(),
                Step::TakeOver,
                Step::TakeOver,
            ),
            // Neither is of our settings: the later one.
            (
                foreign(held(old, true)),
                foreign(held(new, true)),
                Step::TakeOver,
                Step::TakeOver,
            ),
            // Only the other one is.
            (
                foreign(held(new, true)),
                held(old, true),
                Step::TakeOver,
                Step::TakeOver,
            ),
        ] {
            let case = format!("{ours:?} {theirs:?}");
            assert_eq!(
                step(Some(&ours), Some(&theirs), true, latest),
                active,
                "{case}"
            );
            assert_eq!(
                step(Some(&ours), Some(&theirs), false, latest),
                standing_by,
                "{case}"
            );
        }
    }
}
