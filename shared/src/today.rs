//! Today's count, as it stands under its key and travels on its channel: the same bytes.

use crate::time::Timestamp;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// No count lives longer: the longest day of any time zone is 25 hours.
const LONGEST_LIFE: Duration = Duration::from_secs(25 * 3600);

/// Today's count as the worker made it; in a stream, the event `update`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = UpdateEvent))]
pub struct TodayCount {
    /// Visits of the day so far, guests included. It may fall: at midnight, or when a row is deleted.
    #[cfg_attr(feature = "openapi", schema(examples(313)))]
    pub total: u64,
    /// When the worker had counted.
    pub generated_at: Timestamp,
    /// The day that was counted, by the library's calendar.
    #[cfg_attr(feature = "openapi", schema(examples("2025-09-23")))]
    pub date: NaiveDate,
    /// Until when it may be shown; never past the end of `date`.
    pub expires_at: Timestamp,
}

impl TodayCount {
    /// Reads a message or the value under the key.
    ///
    /// # Errors
    /// What is not such an object, or would not live, or would live longer than any day.
    pub fn parse(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        let count: Self = serde_json::from_slice(bytes)?;
        match count.lifetime() {
            Duration::ZERO => Err(serde::de::Error::custom(
                "expires_at is not after generated_at",
            )),
            life if life > LONGEST_LIFE => Err(serde::de::Error::custom(
                "expires_at is days after generated_at",
            )),
            _ => Ok(count),
        }
    }

    /// From `generated_at` to `expires_at`: how long a gateway may show it, whatever its own clock says.
    pub fn lifetime(&self) -> Duration {
        self.expires_at.since(self.generated_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &str = r#"{"total":313,"generated_at":"2025-09-23T09:10:22.111Z","date":"2025-09-23","expires_at":"2025-09-23T09:10:24.111Z"}"#;

    #[test]
    fn a_message_reads_and_writes_the_same_bytes() {
        let count = TodayCount::parse(MESSAGE.as_bytes()).expect("valid");
        assert_eq!(count.lifetime(), Duration::from_secs(2));
        assert_eq!(serde_json::to_string(&count).expect("text"), MESSAGE);
    }

    #[test]
    fn what_cannot_be_a_count_is_refused() {
        let refused = [
            String::new(),
            "{}".into(),
            MESSAGE.replace("313", "-1"),
            MESSAGE.replace("313", "1.5"),
            MESSAGE.replace("10:24", "10:22"),
            MESSAGE.replace("09-23T09:10:24", "09-25T09:10:24"),
            MESSAGE.replace("\"date\":\"2025-09-23\"", "\"date\":\"2025-13-23\""),
        ];
        for text in refused {
            assert!(TodayCount::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
