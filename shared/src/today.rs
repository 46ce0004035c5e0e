//! Today's count. The worker writes the same bytes to its key and to its channel.

use crate::time::Timestamp;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The longest lifetime of a count: the longest day of any time zone has 25 hours.
const MAX_LIFETIME: Duration = Duration::from_secs(25 * 3600);

/// Today's count as the worker published it; in a stream, the event `update`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = UpdateEvent))]
pub struct TodayCount {
    /// Visits of the day so far, including guests. It may decrease: at midnight, or when a row is deleted.
    #[cfg_attr(feature = "openapi", schema(examples(313)))]
    pub total: u64,
    /// When the worker finished counting.
    pub generated_at: Timestamp,
    /// The counted day, in the library's time zone.
    #[cfg_attr(feature = "openapi", schema(examples("2025-09-23")))]
    pub date: NaiveDate,
    /// When the count expires and must no longer be shown; never after the end of `date`.
    pub expires_at: Timestamp,
}

impl TodayCount {
    /// Parses a message or the value of the key.
    ///
    /// # Errors
    /// If the bytes are not such an object, or if its lifetime is zero or longer than any day.
    pub fn parse(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        let count: Self = serde_json::from_slice(bytes)?;
        match count.lifetime() {
            Duration::ZERO => Err(serde::de::Error::custom(
                "expires_at is not after generated_at",
            )),
            lifetime if lifetime > MAX_LIFETIME => Err(serde::de::Error::custom(
                "expires_at is days after generated_at",
            )),
            _ => Ok(count),
        }
    }

    /// The time from `generated_at` to `expires_at`. A gateway may show the count for this time, whatever its own clock
    /// says.
    pub fn lifetime(&self) -> Duration {
        self.expires_at.since(self.generated_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &str = r#"{"total":313,"generated_at":"2025-09-23T09:10:22.111Z","date":"2025-09-23","expires_at":"2025-09-23T09:10:24.111Z"}"#;

    #[test]
    fn a_message_survives_a_round_trip() {
        let count = TodayCount::parse(MESSAGE.as_bytes()).expect("valid");
        assert_eq!(count.lifetime(), Duration::from_secs(2));
        assert_eq!(serde_json::to_string(&count).expect("text"), MESSAGE);
    }

    #[test]
    fn invalid_counts_are_rejected() {
        let invalid = [
            String::new(),
            "{}".into(),
            MESSAGE.replace("313", "-1"),
            MESSAGE.replace("313", "1.5"),
            MESSAGE.replace("10:24", "10:22"),
            MESSAGE.replace("09-23T09:10:24", "09-25T09:10:24"),
            MESSAGE.replace("\"date\":\"2025-09-23\"", "\"date\":\"2025-13-23\""),
        ];
        for text in invalid {
            assert!(TodayCount::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
