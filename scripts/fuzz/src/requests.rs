//! Request targets, and the headers that the gateway interprets.

use crate::Property;
use bytes::Bytes;
use gateway::cache::cached_response::CachedResponse;
use gateway::cache::representation::{ContentCoding, Representation};
use gateway::http::conditional::is_not_modified;
use gateway::http::cors::Origins;
use gateway::http::resource::Resource;
use hyper::Uri;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use shared::catalog::Snapshot;
use std::sync::LazyLock;

/// A resource is found only under its own path.
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
            assert!(contains(input, resource.path().as_bytes()));
        }
    },
};

/// `304` needs this representation's tag, any tag (`*`), or a later date.
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
        let modified = SNAPSHOT.last_modified.as_ref();
        for representation in &SNAPSHOT.representations {
            let etag = &representation.etag;
            let is_304 = |name, value: &[u8]| {
                let request = request(name, value)?;
                Some(is_not_modified(&request, etag, modified))
            };
            if is_304(header::IF_NONE_MATCH, input) == Some(true) {
                assert!(contains(input, etag.as_bytes()) || contains(input, b"*"));
            }
            // After any other tag, ours is found.
            let list = [input, b",", etag.as_bytes()].concat();
            assert_ne!(is_304(header::IF_NONE_MATCH, &list), Some(false));
            if is_304(header::IF_MODIFIED_SINCE, input) == Some(true) {
                let text = std::str::from_utf8(input).expect("a date is text");
                let since = httpdate::parse_http_date(text).expect("a date");
                assert!(modified.is_some_and(|modified| since >= modified.time));
            }
        }
    },
};

/// A client gets a coding that it has named, or the plain bytes.
pub const CODING: Property = Property {
    name: "coding",
    seeds: &[
        "gzip, deflate, br, zstd",
        "br;q=0.5, gzip;q=0.8, *;q=0",
        "identity;q=0, *;q=1e3",
        "gzip;Q=nan;q=-1",
    ],
    check: |input| {
        let Some(request) = request(header::ACCEPT_ENCODING, input) else {
            return;
        };
        let chosen = Representation::negotiate(&SNAPSHOT.representations, &request);
        let text = input.to_ascii_lowercase();
        match chosen.coding {
            ContentCoding::Identity => assert_eq!(chosen.body, SNAPSHOT.body),
            coding => {
                let name = coding.name().expect("it has a name").as_bytes();
                assert!(contains(&text, name) || contains(&text, b"*"));
                assert!(chosen.body.len() < SNAPSHOT.body.len());
            }
        }
    },
};

/// A list of origins survives being written and parsed again, and no other origin is allowed.
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
        let text = String::from_utf8_lossy(input);
        if let Ok(Origins::List(list)) = Origins::parse(&text) {
            let again = Origins::parse(&list.join(","));
            assert_eq!(again, Ok(Origins::List(list)));
        }
        let Some(request) = request(header::ORIGIN, input) else {
            return;
        };
        let allowed = Origins::parse("https://a.example").expect("an origin");
        let mut response = HeaderMap::new();
        allowed.allow(&request, &mut response);
        let echoed = response.get(header::ACCESS_CONTROL_ALLOW_ORIGIN);
        assert!(echoed.is_none_or(|echoed| echoed == "https://a.example"));
    },
};

/// A snapshot that is large enough to be compressed.
static SNAPSHOT: LazyLock<CachedResponse> = LazyLock::new(|| {
    let data = "\"Laskar Pelangi\",".repeat(100);
    let text = format!(
        r#"{{"generated_at":"2025-09-23T00:05:12.345Z","ttl_seconds":9,"data":[{data}1]}}"#
    );
    CachedResponse::parse(Snapshot::Weekly, &Bytes::from(text)).expect("a snapshot")
});

/// The headers of a request with this one, or `None` if no header can have this value.
fn request(name: HeaderName, value: &[u8]) -> Option<HeaderMap> {
    let value = HeaderValue::from_bytes(value).ok()?;
    Some(HeaderMap::from_iter([(name, value)]))
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
