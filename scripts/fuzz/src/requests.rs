//! Request targets, and the headers that are read for their sense.

use crate::Property;
use bytes::Bytes;
use gateway::cache::cached_response::CachedResponse;
use gateway::cache::representation::{ContentCoding, Representation};
use gateway::http::conditional::is_not_modified;
use gateway::http::cors::Origins;
use gateway::http::resource::Resource;
use hyper::Uri;
use hyper::header::{
    ACCEPT_ENCODING, ACCESS_CONTROL_ALLOW_ORIGIN, HeaderMap, HeaderValue, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, ORIGIN,
};
use shared::catalog::Snapshot;
use std::sync::LazyLock;

/// A resource is under its own path alone.
pub const TARGET: Property = Property {
    name: "target",
    seeds: &[
        "/api/visitors/today",
        "/api/visitors/weekly?x=%00#y",
        "http://other.example:80/livez",
        "*",
        "other.example:443",
    ],
    check: |input| {
        let Ok(uri) = Uri::try_from(input) else {
            return;
        };
        if let Some(resource) = Resource::find(uri.path()) {
            assert_eq!(resource.path(), uri.path());
            let path = resource.path().as_bytes();
            assert!(input.windows(path.len()).any(|part| part == path));
        }
    },
};

/// `304` goes to who has this representation, or asks for any, or has a later date.
pub const CONDITIONAL: Property = Property {
    name: "conditional",
    seeds: &[
        "\"0-id\", W/\"x\", *",
        "W/\"3a7bd3e2360a3d29eea436fcfb7e44c7-br\"",
        "Tue, 23 Sep 2025 00:05:12 GMT",
        "Tuesday, 23-Sep-25 00:05:12 GMT",
        "Tue Sep 23 00:05:12 2025",
    ],
    check: |input| {
        let entry = &*SNAPSHOT;
        let Ok(value) = HeaderValue::from_bytes(input) else {
            return;
        };
        for encoded in &entry.representations {
            let tag = encoded.etag.as_bytes();
            let asked = HeaderMap::from_iter([(IF_NONE_MATCH, value.clone())]);
            if is_not_modified(&asked, &encoded.etag, entry.last_modified.as_ref()) {
                assert!(holds(input, tag) || holds(input, b"*"));
            }
            // Behind any other tag, ours is found.
            let list = [input, b",", tag].concat();
            let list = HeaderValue::from_bytes(&list).expect("two values and a comma");
            let asked = HeaderMap::from_iter([(IF_NONE_MATCH, list)]);
            assert!(is_not_modified(
                &asked,
                &encoded.etag,
                entry.last_modified.as_ref()
            ));
        }
        let asked = HeaderMap::from_iter([(IF_MODIFIED_SINCE, value.clone())]);
        if is_not_modified(
            &asked,
            &entry.representations[0].etag,
            entry.last_modified.as_ref(),
        ) {
            let since = httpdate::parse_http_date(value.to_str().expect("a date is text"));
            let modified = entry.last_modified.as_ref().map(|modified| modified.time);
            assert!(since.ok() >= modified);
        }
    },
};

/// A client gets a coding that it has named, or the bytes as they are.
pub const CODING: Property = Property {
    name: "coding",
    seeds: &[
        "gzip, deflate, br, zstd",
        "br;q=0.5, gzip;q=0.8, *;q=0",
        "identity;q=0, *;q=1e3",
        "gzip;Q=nan;q=-1",
    ],
    check: |input| {
        let entry = &*SNAPSHOT;
        let Ok(value) = HeaderValue::from_bytes(input) else {
            return;
        };
        let asked = HeaderMap::from_iter([(ACCEPT_ENCODING, value)]);
        let best = Representation::negotiate(&entry.representations, &asked);
        let text = input.to_ascii_lowercase();
        match best.coding {
            ContentCoding::Identity => assert_eq!(best.body, entry.body),
            coding => {
                let name = coding.name().expect("it has a name").as_bytes();
                assert!(holds(&text, name) || holds(&text, b"*"));
                assert!(best.body.len() < entry.body.len());
            }
        }
    },
};

/// A list of origins is read again as it was, and only who is in it is let in.
pub const CORS: Property = Property {
    name: "cors",
    seeds: &[
        "https://a.example",
        "http://A.example , https://b.example:8443,http://[::1]:81",
        "*",
        "http://a.example,*",
        "http://u@a.example",
    ],
    check: |input| {
        let Ok(text) = std::str::from_utf8(input) else {
            return;
        };
        if let Ok(Origins::List(list)) = Origins::parse(text) {
            assert_eq!(
                Origins::parse(&list.join(",")),
                Ok(Origins::List(list.clone()))
            );
        }
        let Ok(value) = HeaderValue::from_bytes(input) else {
            return;
        };
        let allowed = Origins::parse("https://a.example").expect("an origin");
        let (asked, mut answer) = (HeaderMap::from_iter([(ORIGIN, value)]), HeaderMap::new());
        allowed.allow(&asked, &mut answer);
        let echoed = answer.get(ACCESS_CONTROL_ALLOW_ORIGIN);
        assert!(echoed.is_none_or(|echoed| echoed == "https://a.example"));
    },
};

/// One that is worth encoding; made once, since that takes longer than to look at it.
static SNAPSHOT: LazyLock<CachedResponse> = LazyLock::new(|| {
    let data = "\"Laskar Pelangi\",".repeat(100);
    let text = format!(
        r#"{{"generated_at":"2025-09-23T00:05:12.345Z","ttl_seconds":9,"data":[{data}1]}}"#
    );
    let text = Bytes::from(text);
    CachedResponse::parse(Snapshot::Weekly, &text).expect("a snapshot")
});

fn holds(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
