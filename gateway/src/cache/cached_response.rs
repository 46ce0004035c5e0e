//! A snapshot or summary that is ready to send: body and headers in every content coding.

use crate::cache::csv;
use crate::cache::representation::Representation;
use crate::http::security_headers::add_security_headers;
use bytes::Bytes;
use hyper::header::{
    AGE, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, HeaderMap, HeaderValue, LAST_MODIFIED,
};
use serde::de::Error as _;
use serde_json::value::RawValue;
use shared::catalog::Snapshot;
use shared::snapshot::Envelope;
use shared::time::{Clock, Timestamp};
use std::time::{Duration, SystemTime};

/// The largest value that is accepted from Redis. Ten titles of any length stay far below it.
pub const MAX_VALUE_BYTES: usize = 1 << 20;
/// The content type of nearly every response.
pub const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// RFC 4180, section 3: the first line is a header.
const CSV: HeaderValue = HeaderValue::from_static("text/csv; charset=utf-8; header=present");

/// A snapshot, or a summary of several snapshots.
#[derive(Debug)]
pub struct CachedResponse {
    /// The body as stored in Redis, byte for byte.
    pub body: Bytes,
    /// The JSON text of `data`, a slice of `body`.
    pub data: Bytes,
    /// `generated_at` of the envelope.
    pub generated_at: Timestamp,
    /// `ttl_seconds` of the envelope.
    pub ttl_seconds: u32,
    /// When it last changed; `None` if it changes with today's count.
    pub last_modified: Option<LastModified>,
    /// The body in every content coding that makes it smaller, with the headers; the identity coding is last.
    pub representations: Vec<Representation>,
    /// The same for the rows of `data` as CSV; empty if `data` is no array of objects, and of a summary. Made together
    /// with the others, so that both formats always show the same figures and no request waits for it.
    pub csv: Vec<Representation>,
}

/// A time in whole seconds, as HTTP writes it.
#[derive(Clone, Debug)]
pub struct LastModified {
    /// The time to compare with `If-Modified-Since`; of a summary, the time of its newest part.
    pub time: SystemTime,
    /// The value of `Last-Modified`.
    pub header: HeaderValue,
}

impl CachedResponse {
    /// Parses the value of the key of `snapshot`. The bytes are copied, because the Redis client's buffer is much
    /// larger.
    ///
    /// # Errors
    /// If the value is not a valid envelope, or larger than 1 MiB.
    pub fn parse(snapshot: Snapshot, stored: &[u8]) -> Result<Self, serde_json::Error> {
        if stored.len() > MAX_VALUE_BYTES {
            return Err(serde_json::Error::custom("it is larger than 1 MiB"));
        }
        // The parser does not check that unknown fields are UTF-8.
        std::str::from_utf8(stored).map_err(serde_json::Error::custom)?;
        let body = Bytes::copy_from_slice(stored);
        let envelope = Envelope::parse(&body)?;
        let modified = LastModified::at(envelope.generated_at).ok_or_else(|| {
            serde_json::Error::custom("generated_at is before 1970 or after 9999")
        })?;
        let (generated_at, ttl_seconds) = (envelope.generated_at, envelope.ttl_seconds);
        let data = body.slice_ref(envelope.data.get().as_bytes());
        let headers = headers(snapshot.lists_people(), Some(&modified));
        Ok(Self {
            representations: Representation::encode_all(&body, &headers),
            csv: encode_csv(snapshot, &envelope, &body, headers),
            data,
            generated_at,
            ttl_seconds,
            last_modified: Some(modified),
            body,
        })
    }

    /// The time since `generated_at`.
    pub fn age(&self, clock: &Clock) -> Duration {
        clock.now().since(self.generated_at)
    }

    /// Whether it is older than `ttl_seconds`. It is served all the same, unless `SERVE_STALE=false`.
    pub fn is_stale(&self, clock: &Clock) -> bool {
        self.age(clock) > Duration::from_secs(self.ttl_seconds.into())
    }
}

impl LastModified {
    /// Returns `None` before 1970 or after 9999, which HTTP cannot write.
    pub fn at(time: Timestamp) -> Option<Self> {
        const LAST: i64 = 253_402_300_799; // 9999-12-31T23:59:59Z
        let seconds = time.utc().timestamp();
        let since_1970 = u64::try_from(seconds).ok().filter(|_| seconds <= LAST)?;
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(since_1970);
        let header = HeaderValue::try_from(httpdate::fmt_http_date(time));
        Some(Self {
            time,
            header: header.expect("an HTTP date is ASCII"),
        })
    }
}

/// Encodes the rows of a snapshot as CSV; returns nothing if it has no rows. `stored` is the value of its key, and
/// `headers` are those of the JSON. The tags change with `stored` too: its date is in the name of the file.
fn encode_csv(
    snapshot: Snapshot,
    envelope: &Envelope<&RawValue>,
    stored: &[u8],
    mut headers: HeaderMap,
) -> Vec<Representation> {
    let columns = snapshot.columns();
    let text = match csv::render(columns, envelope.data.get()) {
        Ok(text) if !columns.is_empty() => Bytes::from(text),
        _ => return Vec::new(),
    };
    let name = snapshot.name().replace(':', "-");
    let date = envelope.generated_at.utc().date_naive();
    let file = HeaderValue::try_from(format!("attachment; filename=\"{name}-{date}.csv\""));
    headers.insert(
        CONTENT_DISPOSITION,
        file.expect("names and dates are ASCII"),
    );
    headers.insert(CONTENT_TYPE, CSV);
    Representation::encode_derived(&text, stored, &headers)
}

/// The headers that do not depend on the content coding; each response sets its own `Age`. Caches must revalidate each
/// time, and only private caches may store a list of people.
pub fn headers(lists_people: bool, modified: Option<&LastModified>) -> HeaderMap {
    let cache_control = match lists_people {
        true => "private, no-cache",
        false => "no-cache",
    };
    let mut headers = HeaderMap::new();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache_control));
    headers.insert(CONTENT_TYPE, JSON);
    headers.insert(AGE, HeaderValue::from_static("0"));
    add_security_headers(&mut headers);
    if let Some(modified) = modified {
        headers.insert(LAST_MODIFIED, modified.header.clone());
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORED: &str =
        r#"{ "generated_at":"2025-09-23T00:05:12.345Z","ttl_seconds":90000, "data" : [ 1 , 2 ] }"#;

    #[test]
    fn body_is_kept_and_headers_follow_from_it() {
        let weekly = CachedResponse::parse(Snapshot::Weekly, STORED.as_bytes()).unwrap();
        assert_eq!(weekly.body, STORED);
        assert_eq!(weekly.data, "[ 1 , 2 ]");
        let modified = weekly.last_modified.unwrap();
        assert_eq!(modified.header, "Tue, 23 Sep 2025 00:05:12 GMT");
        assert_eq!(weekly.representations[0].headers[CACHE_CONTROL], "no-cache");
        let people = CachedResponse::parse(Snapshot::MonthlyTop, STORED.as_bytes()).unwrap();
        assert_eq!(
            people.representations[0].headers[CACHE_CONTROL],
            "private, no-cache"
        );
    }

    #[test]
    fn invalid_envelopes_are_refused() {
        let padding = " ".repeat(MAX_VALUE_BYTES);
        for text in [
            "[]".to_owned(),
            STORED.replace("90000", "0"),
            STORED.replace("2025-", "1925-"),
            STORED.replace("\"2025-", "\"+12025-"),
            STORED.replace(", 2", &padding),
        ] {
            assert!(CachedResponse::parse(Snapshot::Weekly, text.as_bytes()).is_err());
        }
        let bytes = STORED.replace(" }", ",\"x\":\"?\"}").into_bytes();
        let broken: Vec<u8> = bytes
            .iter()
            .map(|b| if *b == b'?' { 0xff } else { *b })
            .collect();
        assert!(CachedResponse::parse(Snapshot::Weekly, &bytes).is_ok());
        assert!(CachedResponse::parse(Snapshot::Weekly, &broken).is_err());
    }
}
