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

/// What is to be done where these are held here and there, by the active worker or a standby. What is of a later time than
/// `latest` is of a wrong clock.
pub fn step(ours: Option<&Held>, theirs: Option<&Held>, active: bool, latest: Timestamp) -> Step {
    let theirs = theirs.filter(|theirs| !active || theirs.generated_at <= latest);
    match (ours, theirs) {
        (None, None) => Step::Nothing,
        (None, Some(_)) => Step::TakeOver,
        (Some(_), None) if active => Step::Store,
        (Some(_), None) => Step::Nothing,
        (Some(ours), Some(theirs)) if ours.bytes == theirs.bytes => {
            match ours.stored && ours.by_our_settings == theirs.by_our_settings {
                true => Step::Nothing,
                false => Step::TakeOver,
            }
        }
        (Some(ours), Some(theirs)) if theirs.generated_at > ours.generated_at => Step::TakeOver,
        (Some(_), Some(_)) if active => Step::Store,
        // What was made and could not be stored is kept for when it can.
        (Some(ours), Some(_)) if !ours.stored => Step::Nothing,
        (Some(_), Some(_)) => Step::TakeOver,
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
}
