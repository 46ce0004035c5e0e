//! The clock, which alone reads the time of day, the timestamps of the API, and periods.

use chrono::{DateTime, SubsecRound, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// A source of the time of day. It is passed as a parameter, so that a test can run just before midnight.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// Milliseconds added to the machine's time; 0 except in tests.
    shift_ms: Arc<AtomicI64>,
}

/// Ticks at once, and again after each `period`. After a tick that came late, because the process was paused or busy,
/// the next one comes a whole period later: none is made up for.
pub fn every(period: Duration) -> Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that shows `start` now and runs at normal speed.
    pub fn starting_at(start: DateTime<Utc>) -> Self {
        let clock = Self::system();
        clock.step_to(start);
        clock
    }

    /// Sets this clock and all its clones to `time`.
    pub fn step_to(&self, time: DateTime<Utc>) {
        let shift = time - Self::machine_time();
        self.shift_ms
            .store(shift.num_milliseconds(), Ordering::Relaxed);
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        let shift = chrono::Duration::milliseconds(self.shift_ms.load(Ordering::Relaxed));
        Timestamp::from(Self::machine_time() + shift)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn machine_time() -> DateTime<Utc> {
        Utc::now()
    }
}

/// An instant in UTC, whole milliseconds, written as RFC 3339: `2025-09-23T00:05:12.345Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "openapi",
    schema(
        value_type = String,
        format = DateTime,
        pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$",
        examples("2025-09-23T00:05:12.345Z"),
    )
)]
pub struct Timestamp(DateTime<Utc>);

impl Timestamp {
    /// The instant as a `DateTime`, for calendar arithmetic.
    pub fn utc(self) -> DateTime<Utc> {
        self.0
    }

    /// Milliseconds since 1970.
    pub fn millis(self) -> i64 {
        self.0.timestamp_millis()
    }

    /// `self - earlier`, or zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        (self.0 - earlier.0).to_std().unwrap_or_default()
    }

    /// The instant `duration` earlier, or the earliest possible one.
    pub fn minus(self, duration: Duration) -> Self {
        let earlier = chrono::Duration::from_std(duration)
            .ok()
            .and_then(|duration| self.0.checked_sub_signed(duration));
        earlier.map_or(Self(DateTime::<Utc>::MIN_UTC), Self::from)
    }

    /// The instant `duration` later, or the latest possible one.
    pub fn plus(self, duration: Duration) -> Self {
        let later = chrono::Duration::from_std(duration)
            .ok()
            .and_then(|duration| self.0.checked_add_signed(duration));
        later.map_or(Self(DateTime::<Utc>::MAX_UTC), Self::from)
    }
}

impl From<DateTime<Utc>> for Timestamp {
    fn from(time: DateTime<Utc>) -> Self {
        Self(time.trunc_subsecs(3))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.format("%Y-%m-%dT%H:%M:%S%.3fZ"))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let time = DateTime::parse_from_rfc3339(&text).map_err(serde::de::Error::custom)?;
        Ok(Self::from(time.with_timezone(&Utc)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_rfc_3339_with_three_digits() {
        let time: Timestamp =
            serde_json::from_str("\"2025-09-23T07:05:12.3459+07:00\"").expect("valid");
        assert_eq!(
            serde_json::to_string(&time).expect("text"),
            "\"2025-09-23T00:05:12.345Z\""
        );
        assert_eq!(
            time.plus(Duration::from_millis(655)).to_string(),
            "2025-09-23T00:05:13.000Z"
        );
        assert!(serde_json::from_str::<Timestamp>("\"yesterday\"").is_err());
    }

    #[test]
    fn setting_a_clock_sets_its_clones() {
        let start = DateTime::from_timestamp(1_700_000_000, 0).expect("in range");
        let clock = Clock::system();
        let copy = clock.clone();
        clock.step_to(start);
        assert!(copy.now().since(Timestamp::from(start)) < Duration::from_secs(60));
    }
}
