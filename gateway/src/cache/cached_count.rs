//! Today's count as it came, and everything that is sent of it, made once for all who get it.

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

/// A valid message, or the value under the key.
#[derive(Debug)]
pub struct CachedCount {
    /// Its bytes.
    pub message: Bytes,
    /// What they say.
    pub count: TodayCount,
    /// The event `update`, ready to send.
    pub update: Frame,
    /// The object of `/api/visitors/today` to who did not have to wait, ready to send.
    pub answer: Bytes,
    /// When it came, or was asked for.
    pub since: Instant,
    /// Until when it may be shown, by a clock that nobody sets.
    expires: Instant,
}

/// Whether the answer had to wait for the count: `cache`, it was known; `db`, it was counted while the answer waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CountSource {
    /// It was known.
    Cache,
    /// It was counted while the answer waited.
    Db,
}

/// Today's count.
#[derive(Serialize, ToSchema)]
#[schema(as = CachedCount)]
pub struct Answer {
    /// Visits of the day so far, guests included. It may fall: at midnight, or when a row is deleted.
    #[schema(examples(312))]
    total: u64,
    #[schema(inline)]
    source: CountSource,
    /// The day that was counted, by the library's calendar.
    #[schema(examples("2025-09-23"))]
    date: NaiveDate,
    /// When it was counted.
    generated_at: Timestamp,
}

/// The first event of a stream, `init`: the count as it is now.
#[derive(Serialize, ToSchema)]
#[schema(as = InitEvent)]
pub struct Init {
    /// Visits of the day so far, guests included.
    #[schema(examples(312))]
    total: u64,
    #[schema(inline)]
    source: CountSource,
    /// When it was counted.
    at: Timestamp,
    /// The day that was counted, by the library's calendar.
    #[schema(examples("2025-09-23"))]
    date: NaiveDate,
}

impl CachedCount {
    /// A message that came at `received`; shown for its lifetime from then on.
    ///
    /// # Errors
    /// What is not a valid message.
    pub fn from_message(message: &[u8], received: Instant) -> Result<Self, serde_json::Error> {
        Self::with_lifetime(message, received, Duration::MAX)
    }

    /// The value of the key, asked for at `asked`, when the key had `remaining` to live.
    ///
    /// Counted from the question, not from the answer, so that it can only end too early.
    ///
    /// # Errors
    /// What is not a valid value.
    pub fn from_key(
        value: &[u8],
        asked: Instant,
        remaining: Duration,
    ) -> Result<Self, serde_json::Error> {
        Self::with_lifetime(value, asked, remaining)
    }

    /// Whether it may be shown still.
    pub fn is_current(&self, now: Instant) -> bool {
        now < self.expires
    }

    /// The same to who had to.
    pub fn json_from(&self, source: CountSource) -> Bytes {
        match source {
            CountSource::Cache => self.answer.clone(),
            CountSource::Db => answer(&self.count, source),
        }
    }

    /// The event `init`, to which each connection adds a line `retry:` in front.
    pub fn init(&self, source: CountSource) -> Bytes {
        let TodayCount {
            total,
            generated_at: at,
            date,
            ..
        } = self.count;
        let data = json(&Init {
            total,
            source,
            at,
            date,
        });
        event("init", at, &data)
    }

    fn with_lifetime(
        message: &[u8],
        from: Instant,
        at_most: Duration,
    ) -> Result<Self, serde_json::Error> {
        if message.len() > MAX_VALUE_BYTES {
            return Err(serde_json::Error::custom("it is larger than 1 MiB"));
        }
        std::str::from_utf8(message).map_err(serde_json::Error::custom)?;
        let count = TodayCount::parse(message)?;
        let message = Bytes::copy_from_slice(message);
        Ok(Self {
            update: Frame::new(&event("update", count.generated_at, &message)),
            answer: answer(&count, CountSource::Cache),
            since: from,
            expires: from + at_most.min(count.lifetime()),
            count,
            message,
        })
    }
}

fn answer(count: &TodayCount, source: CountSource) -> Bytes {
    let TodayCount {
        total,
        generated_at,
        date,
        ..
    } = *count;
    json(&Answer {
        total,
        source,
        date,
        generated_at,
    })
}

/// A block of `text/event-stream`. A line break within the data becomes a further `data:` line, as the format wants.
fn event(name: &str, generated_at: Timestamp, data: &[u8]) -> Bytes {
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
    Bytes::from(text.expect("numbers, dates and names can be written"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &str = r#"{"total":313,"generated_at":"2025-09-23T09:10:22.111Z","date":"2025-09-23","expires_at":"2025-09-23T09:10:24.111Z"}"#;

    #[test]
    fn what_is_sent_is_as_the_contract_says() {
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
    fn a_message_of_several_lines_stays_one_event() {
        let message = MESSAGE.replace(",\"", ",\n\"");
        let today = CachedCount::from_message(message.as_bytes(), Instant::now()).unwrap();
        let text = String::from_utf8(today.update.bytes(false).to_vec()).unwrap();
        assert_eq!(text.matches("\ndata: ").count(), 4);
        assert_eq!(text.find("\n\n"), Some(text.len() - 2));
    }

    #[test]
    fn it_is_current_for_its_life_and_never_longer() {
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
