//! Messages and values of Redis.

use crate::Property;
use gateway::cache::cached_count::{CachedCount, CountSource};
use gateway::cache::cached_response::CachedResponse;
use gateway::cache::summary;
use serde_json::value::RawValue;
use shared::catalog::{Group, Snapshot};
use shared::snapshot::Envelope;
use shared::today::TodayCount;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A message that is accepted as a count expires within a day, and is sent as exactly one event.
pub const COUNT: Property = Property {
    name: "count",
    seeds: &[
        r#"{"total":313,"generated_at":"2025-09-23T09:10:22.111Z","date":"2025-09-23","expires_at":"2025-09-23T09:10:24.111Z"}"#,
        "{ \"total\" : 0,\r\n\"generated_at\":\"2025-03-30T02:30:00+01:00\",\n\"date\":\"2024-02-29\",\"expires_at\":\"2025-03-31T02:00:00.999999Z\",\"x\":[{}]}",
        r#"{"total":18446744073709551615,"generated_at":"0000-01-01T00:00:00Z","date":"-0001-01-01","expires_at":"0000-01-01T24:00:00Z"}"#,
    ],
    check: |input| {
        let now = Instant::now();
        let Ok(today) = CachedCount::from_message(input, now) else {
            return;
        };
        // The longest day of any zone has 25 hours.
        assert!(!today.is_current(now + Duration::from_secs(25 * 3600)));
        let second = Duration::from_secs(1);
        let stored = CachedCount::from_key(input, now, second).expect("the same bytes");
        assert!(!stored.is_current(now + second));

        assert_eq!(today.message, input);
        let written = serde_json::to_vec(&today.count).expect("a count");
        assert_eq!(TodayCount::parse(&written).ok(), Some(today.count));
        let block = today.update.bytes(false);
        for block in [block.clone(), today.init(CountSource::Db)] {
            let text = std::str::from_utf8(&block).expect("text");
            assert!(!text.contains('\r') && text.find("\n\n") == Some(text.len() - 2));
            let fields = ["event: ", "id: ", "data: "];
            let mut lines = text.trim_end_matches('\n').lines();
            assert!(lines.all(|line| fields.iter().any(|field| line.starts_with(field))));
        }
        let size = format!("{:x}\r\n", block.len());
        let chunk = [size.as_bytes(), block, b"\r\n"].concat();
        assert_eq!(today.update.bytes(true), &chunk);
        for origin in [CountSource::Cache, CountSource::Db] {
            let json = serde_json::from_slice::<serde_json::Value>(&today.json_from(origin));
            assert_eq!(json.expect("JSON")["total"], today.count.total);
        }
    },
};

/// A value that is accepted as a snapshot is served byte for byte, and a summary of it is JSON.
pub const SNAPSHOT: Property = Property {
    name: "snapshot",
    seeds: &[
        r#"{ "generated_at":"2025-09-23T00:05:12.345Z","ttl_seconds":90000,"period":"2025-09", "data" : [ 1 , "é" ] }"#,
        r#"{"generated_at":"9999-12-31T23:59:59.999Z","ttl_seconds":4294967295,"data":{"a":[[[]]],"b":1e400}}"#,
        r#"{"data":"\u0000\ud83d\ude00","ttl_seconds":1,"generated_at":"1970-01-01T00:00:00Z","x":null}"#,
    ],
    check: |input| {
        let Ok(entry) = CachedResponse::parse(Snapshot::Weekly, input) else {
            return;
        };
        assert_eq!(entry.body, input);
        let envelope = Envelope::parse(input).expect("an envelope");
        assert_eq!(envelope.data.get().as_bytes(), entry.data);
        let written = serde_json::to_vec(&envelope).expect("an envelope");
        let again = Envelope::parse(&written).expect("an envelope");
        let again = serde_json::to_vec(&again).expect("an envelope");
        assert_eq!(again, written);

        let entry = Arc::new(entry);
        for group in Group::ALL {
            let summary = summary::compose(group, |_| Some(&entry), None).expect("all are there");
            assert!(serde_json::from_slice::<&RawValue>(&summary.body).is_ok());
            assert_eq!(summary.generated_at, entry.generated_at);
            let text = format!("\"ttl_seconds\":{}", entry.ttl_seconds);
            assert!(std::str::from_utf8(&summary.body).is_ok_and(|body| body.contains(&text)));
        }
    },
};
