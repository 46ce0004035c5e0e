//! Detects that the process did not run for a while: stopped by a signal, frozen with its container, or without a core.
//!
//! Messages that wait in the socket after such a gap may be of any age, and a count's lifetime begins with its receipt.
//! So a message that is read after a gap counts as received when the gap began, until a read that was sent after the
//! gap has been answered. Messages and replies share one connection, so everything behind that reply is new.

use std::mem;
use std::time::Duration;
use tokio::time::Instant;

/// How often the subscriber's loop calls [`StallDetector::tick`] at least.
pub const TICK_INTERVAL: Duration = Duration::from_millis(100);
/// A longer time between two ticks is a gap. The worker lets each count expire longer than this before midnight.
const MAX_TICK_DELAY: Duration = Duration::from_millis(150);

/// Measures the time between the turns of a loop.
#[derive(Debug)]
pub struct StallDetector {
    last_tick: Instant,
    gap: Option<Gap>,
}

/// A time in which the loop did not run.
#[derive(Clone, Copy, Debug)]
struct Gap {
    start: Instant,
    end: Instant,
}

impl StallDetector {
    /// Creates the detector for a loop that begins now.
    pub fn new(now: Instant) -> Self {
        Self {
            last_tick: now,
            gap: None,
        }
    }

    /// Records a turn of the loop; returns whether there was a gap before it. Call it before a message is used.
    pub fn tick(&mut self, now: Instant) -> bool {
        let last = mem::replace(&mut self.last_tick, now);
        let is_gap = now - last > MAX_TICK_DELAY;
        if is_gap {
            // Messages from an earlier gap may still wait in the socket.
            let start = self.gap.map_or(last, |gap| gap.start);
            self.gap = Some(Gap { start, end: now });
        }
        is_gap
    }

    /// The earliest time at which the messages of this turn may have arrived.
    pub fn received_not_before(&self) -> Instant {
        self.gap.map_or(self.last_tick, |gap| gap.start)
    }

    /// Records that the read which was sent at `sent_at` has been answered; returns whether that resolves a gap.
    pub fn resolved_by(&mut self, sent_at: Instant) -> bool {
        self.gap.take_if(|gap| sent_at >= gap.end).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_after_a_gap_are_as_old_as_the_gap_until_a_later_read_is_answered() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut detector = StallDetector::new(start);
        assert!(!detector.tick(at(50)) && !detector.tick(at(150)));
        assert_eq!(detector.received_not_before(), at(150));

        assert!(detector.tick(at(9_000)));
        assert_eq!(detector.received_not_before(), at(150));
        assert!(!detector.tick(at(9_010)));
        assert_eq!(detector.received_not_before(), at(150));
        // Sent before the gap.
        assert!(!detector.resolved_by(at(140)));
        assert_eq!(detector.received_not_before(), at(150));
        // A second gap before the reply.
        assert!(detector.tick(at(20_000)));
        assert!(!detector.resolved_by(at(9_020)));
        assert_eq!(detector.received_not_before(), at(150));

        assert!(detector.resolved_by(at(20_000)));
        assert_eq!(detector.received_not_before(), at(20_000));
        assert!(!detector.resolved_by(at(20_001)));
    }
}
