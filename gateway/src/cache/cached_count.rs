//! Today's count as it came from Redis, encoded once for all clients.

use crate::cache::cached_response::MAX_VALUE_BYTES;
use crate::sse::frame::Frame;
use bytes::{BufMut, Bytes, BytesMut};
use chrono::NaiveDate;
use serde::Serialize;
use serde::de::Error as _;
use shared::time::Timestamp;
use shared::today::TodayCount;
use std::time::Duration;
use tokio::time::Instant;
use utoipa::ToSchema;

/// A valid count, from a message or from the key.
#[derive(Debug)]
pub struct CachedCount {
    /// The bytes that Redis sent.
    pub message: Bytes,
    /// The parsed message.
    pub count: TodayCount,
    /// The encoded event `update`.
    pub update: Frame,
    /// The JSON of `/api/visitors/today` with `source: cache`, for requests that did not wait.
    pub json: Bytes,
    /// When the message arrived, or the read was sent.
    pub since: Instant,
    /// Until when it may be shown, on the monotonic clock.
    expires: Instant,
}

/// Whether the request had to wait for the count: `cache`: it was known; `db`: it was counted while the request waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CountSource {
    /// The count was known.
    Cache,
    /// It was counted while the request waited.
    Db,
}

/// Today's count.
#[derive(Serialize, ToSchema)]
#[schema(as = Today)]
pub struct TodayResponse {
    /// Visits of the day so far, guests included. It can fall: at midnight, or when a row is deleted.
    #[schema(examples(312))]
    total: u64,
    #[schema(inline)]
    source: CountSource,
    /// The day that was counted, in the library's time zone.
    #[schema(examples("2025-09-23"))]
    date: NaiveDate,
    /// When it was counted.
    generated_at: Timestamp,
}

/// The first event of a stream, `init`: the current count.
#[derive(Serialize, ToSchema)]
pub struct InitEvent {
    /// Visits of the day so far, guests included.
    #[schema(examples(312))]
    total: u64,
    #[schema(inline)]
    source: CountSource,
    /// When it was counted.
    at: Timestamp,
    /// The day that was counted, in the library's time zone.
    #[schema(examples("2025-09-23"))]
    date: NaiveDate,
}

impl CachedCount {
    /// Parses a message that arrived at `received`; its lifetime begins then.
    ///
    /// # Errors
    /// If the message is not valid.
    pub fn from_message(message: &[u8], received: Instant) -> Result<Self, serde_json::Error> {
        Self::with_lifetime(message, received, Duration::MAX)
    }

    /// Parses the value of the key, which had a TTL of `remaining`. The command was sent at `sent_at`, and the lifetime
    /// begins then, so that it can only end too early.
    ///
    /// # Errors
    /// If the value is not valid.
    pub fn from_key(
        value: &[u8],
        sent_at: Instant,
        remaining: Duration,
    ) -> Result<Self, serde_json::Error> {
        Self::with_lifetime(value, sent_at, remaining)
    }

    /// Whether the count has not expired.
    pub fn is_current(&self, now: Instant) -> bool {
        now < self.expires
    }

    /// The JSON of `/api/visitors/today` with this `source`.
    pub fn json_from(&self, source: CountSource) -> Bytes {
        match source {
            CountSource::Cache => self.json.clone(),
            CountSource::Db => today_json(&self.count, source),
        }
    }

    /// The encoded event `init`. Each stream puts its own `retry:` line in front.
    pub fn init(&self, source: CountSource) -> Bytes {
        let TodayCount {
            total,
            generated_at: at,
            date,
            ..
        } = self.count;
        let data = json(&InitEvent {
            total,
            source,
            at,
            date,
        });
        encode_event("init", at, &data)
    }

    fn with_lifetime(
        message: &[u8],
        since: Instant,
        max_lifetime: Duration,
    ) -> Result<Self, serde_json::Error> {
        if message.len() > MAX_VALUE_BYTES {
            return Err(serde_json::Error::custom("it is larger than 1 MiB"));
        }
        std::str::from_utf8(message).map_err(serde_json::Error::custom)?;
        let count = TodayCount::parse(message)?;
        let message = Bytes::copy_from_slice(message);
        Ok(Self {
            update: Frame::new(&encode_event("update", count.generated_at, &message)),
            json: today_json(&count, CountSource::Cache),
            since,
            expires: since + max_lifetime.min(count.lifetime()),
            count,
            message,
        })
    }
}

fn today_json(count: &TodayCount, source: CountSource) -> Bytes {
    let TodayCount {
        total,
        generated_at,
        date,
        ..
    } = *count;
    json(&TodayResponse {
        total,
        source,
        date,
        generated_at,
    })
}

/// Encodes a block of `text/event-stream`. A line break within the data begins another `data:` line, as the format
/// requires.
fn encode_event(name: &str, generated_at: Timestamp, data: &[u8]) -> Bytes {
    let mut block = BytesMut::with_capacity(data.len() + 64);
    block.put_slice(format!("event: {name}\nid: {}\n", generated_at.millis()).as_bytes());
    for line in data.split(|byte| matches!(byte, b'\r' | b'\n')) {
        block.put_slice(b"data: ");
        block.put_slice(line);
        block.put_u8(b'\n');
    }
    block.put_u8(b'\n');
    block.freeze()
}

fn json(value: &impl Serialize) -> Bytes {
    let text = serde_json::to_vec(value);
    Bytes::from(text.expect("numbers, dates and names can be serialized"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &str = r#"{"total":313,"generated_at":"2025-09-23T09:10:22.111Z","date":"2025-09-23","expires_at":"2025-09-23T09:10:24.111Z"}"#;

    #[test]
    fn json_and_events_match_the_contract() {
        let today = CachedCount::from_message(MESSAGE.as_bytes(), Instant::now()).unwrap();
        assert_eq!(
            today.json_from(CountSource::Cache),
            r#"{"total":313,"source":"cache","date":"2025-09-23","generated_at":"2025-09-23T09:10:22.111Z"}"#
        );
        assert_eq!(
            today.init(CountSource::Db),
            "event: init\nid: 1758618622111\ndata: {\"total\":313,\"source\":\"db\",\"at\":\"2025-09-23T09:10:22.111Z\",\"date\":\"2025-09-23\"}\n\n"
        );
        let update = format!("event: update\nid: 1758618622111\ndata: {MESSAGE}\n\n");
        assert_eq!(today.update.bytes(false), &update);
    }

    #[test]
    fn message_of_several_lines_is_one_event() {
        let message = MESSAGE.replace(",\"", ",\n\"");
        let today = CachedCount::from_message(message.as_bytes(), Instant::now()).unwrap();
        let text = String::from_utf8(today.update.bytes(false).to_vec()).unwrap();
        assert_eq!(text.matches("\ndata: ").count(), 4);
        assert_eq!(text.find("\n\n"), Some(text.len() - 2));
    }

    #[test]
    fn count_is_current_for_its_lifetime_and_never_longer() {
        let start = Instant::now();
        let after = |ms| start + Duration::from_millis(ms);
        let message = CachedCount::from_message(MESSAGE.as_bytes(), start).unwrap();
        assert!(message.is_current(after(1_999)) && !message.is_current(after(2_000)));
        let value =
            CachedCount::from_key(MESSAGE.as_bytes(), start, Duration::from_millis(300)).unwrap();
        assert!(value.is_current(after(299)) && !value.is_current(after(300)));
        let value =
            CachedCount::from_key(MESSAGE.as_bytes(), start, Duration::from_secs(90)).unwrap();
        assert!(!value.is_current(after(2_000)));
    }
}
