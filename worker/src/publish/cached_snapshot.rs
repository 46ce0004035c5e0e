//! A snapshot as it is held, and which of two is to be kept: the one here or the one in Redis.

use bytes::Bytes;
use shared::time::Timestamp;

/// A snapshot as it is stored.
#[derive(Clone, Debug)]
pub struct CachedSnapshot {
    /// When its figures were read.
    pub generated_at: Timestamp,
    /// How long it counts as fresh.
    pub ttl_seconds: u32,
    /// Whether it was made under the settings of this worker.
    pub by_our_settings: bool,
    /// It was made here, or could not be made anew when it was due.
    pub is_final: bool,
    /// The envelope, written.
    pub bytes: Bytes,
    /// Whether Redis has confirmed these bytes.
    pub stored: bool,
}

/// What is to be done about a snapshot that is there or here.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing.
    Nothing,
    /// Hold what Redis holds.
    TakeOver,
    /// Store what is held.
    Publisher,
}

/// Decides between the snapshot held here and the one in Redis, for the active worker or a standby. A snapshot in Redis that
/// is dated after `latest` was made by a wrong clock.
///
/// What this worker made under its own settings wins over what was made under others, even where that has a later date: the
/// other may show names that these settings hide.
pub fn step(
    ours: Option<&CachedSnapshot>,
    theirs: Option<&CachedSnapshot>,
    active: bool,
    latest: Timestamp,
) -> Action {
    let theirs = theirs.filter(|theirs| !active || theirs.generated_at <= latest);
    let (ours, theirs) = match (ours, theirs) {
        (None, None) => return Action::Nothing,
        (None, Some(_)) => return Action::TakeOver,
        (Some(_), None) if active => return Action::Publisher,
        (Some(_), None) => return Action::Nothing,
        (Some(ours), Some(theirs)) => (ours, theirs),
    };
    let only_ours_is_of_our_settings = ours.by_our_settings && !theirs.by_our_settings;
    if ours.bytes == theirs.bytes {
        return match (ours.stored, only_ours_is_of_our_settings) {
            // The note under which settings it was made is lost.
            (_, true) if active => Action::Publisher,
            (_, true) => Action::Nothing,
            (true, false) if ours.by_our_settings == theirs.by_our_settings => Action::Nothing,
            (_, false) => Action::TakeOver,
        };
    }
    if only_ours_is_of_our_settings && active {
        return Action::Publisher;
    }
    if theirs.by_our_settings && !ours.by_our_settings {
        return Action::TakeOver;
    }
    // What was made and could not be stored is kept for when it can.
    if !ours.stored
        && !active
        && (only_ours_is_of_our_settings || theirs.generated_at <= ours.generated_at)
    {
        return Action::Nothing;
    }
    match active && theirs.generated_at <= ours.generated_at {
        true => Action::Publisher,
        false => Action::TakeOver,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(time: &str, stored: bool) -> CachedSnapshot {
        let generated_at = time.parse::<chrono::DateTime<chrono::Utc>>().unwrap();
        CachedSnapshot {
            generated_at: generated_at.into(),
            ttl_seconds: 60,
            by_our_settings: true,
            is_final: true,
            bytes: Bytes::copy_from_slice(time.as_bytes()),
            stored,
        }
    }

    #[test]
    fn the_newer_is_kept_and_only_the_active_worker_stores() {
        let (old, new) = ("2025-09-23T00:05:00Z", "2025-09-24T00:05:00Z");
        let latest = held("2025-09-24T01:00:00Z", true).generated_at;
        for (ours, theirs, active, standing_by) in [
            (None, None, Action::Nothing, Action::Nothing),
            (
                None,
                Some(held(old, true)),
                Action::TakeOver,
                Action::TakeOver,
            ),
            (
                Some(held(old, true)),
                None,
                Action::Publisher,
                Action::Nothing,
            ),
            (
                Some(held(old, true)),
                Some(held(old, true)),
                Action::Nothing,
                Action::Nothing,
            ),
            // The answer to our own write was lost.
            (
                Some(held(old, false)),
                Some(held(old, true)),
                Action::TakeOver,
                Action::TakeOver,
            ),
            (
                Some(held(old, true)),
                Some(held(new, true)),
                Action::TakeOver,
                Action::TakeOver,
            ),
            (
                Some(held(new, false)),
                Some(held(old, true)),
                Action::Publisher,
                Action::Nothing,
            ),
            // A clock went back, here or there.
            (
                Some(held(new, true)),
                Some(held(old, true)),
                Action::Publisher,
                Action::TakeOver,
            ),
            (
                Some(held(old, true)),
                Some(held("2025-09-26T00:05:00Z", true)),
                Action::Publisher,
                Action::TakeOver,
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
        let foreign = |held: CachedSnapshot| CachedSnapshot {
            by_our_settings: false,
            ..held
        };
        let ours = held(old, true);
        for (ours, theirs, active, standing_by) in [
            (
                held(old, true),
                foreign(held(new, true)),
                Action::Publisher,
                Action::TakeOver,
            ),
            (
                held(old, false),
                foreign(held(new, true)),
                Action::Publisher,
                Action::Nothing,
            ),
            // The same bytes: only the note of the settings is lost.
            (
                ours.clone(),
                foreign(ours.clone()),
                Action::Publisher,
                Action::Nothing,
            ),
            (
                foreign(ours.clone()),
                ours.clone(),
                Action::TakeOver,
                Action::TakeOver,
            ),
            // Neither is of our settings: the later one.
            (
                foreign(held(old, true)),
                foreign(held(new, true)),
                Action::TakeOver,
                Action::TakeOver,
            ),
            // Only the other one is.
            (
                foreign(held(new, true)),
                held(old, true),
                Action::TakeOver,
                Action::TakeOver,
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
