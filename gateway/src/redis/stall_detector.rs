//! Notices that the process stood still: stopped by a signal, frozen with its container, or without a core.
//!
//! What lies in the socket then may be any age, and a count's life is counted from its receipt. So whatever comes after
//! such a gap counts as received when the gap began, until a reading that was sent_at for after it has been answered: both
//! come on one connection, so that everything behind the answer is new.

use std::mem;
use std::time::Duration;
use tokio::time::Instant;

/// How often the loop turns at least.
pub const BEAT: Duration = Duration::from_millis(100);
/// A turn that is late by more than this was late for a reason. The worker ends each count longer than this before midnight.
const GAP: Duration = Duration::from_millis(150);

/// What a loop knows of its own turns.
#[derive(Debug)]
pub struct StallDetector {
    turned: Instant,
    gap: Option<Gap>,
}

/// The loop did not turn.
#[derive(Clone, Copy, Debug)]
struct Gap {
    since: Instant,
    until: Instant,
}

impl StallDetector {
    /// A loop that begins now.
    pub fn new(now: Instant) -> Self {
        Self {
            turned: now,
            gap: None,
        }
    }

    /// The loop turns; to be told before anything is made of what has come. Whether there was a gap before it.
    pub fn tick(&mut self, now: Instant) -> bool {
        let last = mem::replace(&mut self.turned, now);
        let stood = now - last > GAP;
        if stood {
            // What lay there before an earlier gap may lie there still.
            let since = self.gap.map_or(last, |gap| gap.since);
            self.gap = Some(Gap { since, until: now });
        }
        stood
    }

    /// When what is taken in at this turn came, at the earliest.
    pub fn received_not_before(&self) -> Instant {
        self.gap.map_or(self.turned, |gap| gap.since)
    }

    /// A reading that was sent_at for at `sent_at` has been answered. Whether that was the end of a doubt.
    pub fn resolved_by(&mut self, sent_at: Instant) -> bool {
        self.gap.take_if(|gap| sent_at >= gap.until).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_gap_what_comes_is_as_old_as_the_gap_until_a_later_reading_is_answered() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut stall_detector = StallDetector::new(start);
        assert!(!stall_detector.tick(at(50)) && !stall_detector.tick(at(150)));
        assert_eq!(stall_detector.received_not_before(), at(150));

        assert!(stall_detector.tick(at(9_000)));
        assert_eq!(stall_detector.received_not_before(), at(150));
        assert!(!stall_detector.tick(at(9_010)));
        assert_eq!(stall_detector.received_not_before(), at(150));
        // Asked for before the gap.
        assert!(!stall_detector.resolved_by(at(140)));
        assert_eq!(stall_detector.received_not_before(), at(150));
        // A second gap before the answer.
        assert!(stall_detector.tick(at(20_000)));
        assert!(!stall_detector.resolved_by(at(9_020)));
        assert_eq!(stall_detector.received_not_before(), at(150));

        assert!(stall_detector.resolved_by(at(20_000)));
        assert_eq!(stall_detector.received_not_before(), at(20_000));
        assert!(!stall_detector.resolved_by(at(20_001)));
    }
}
