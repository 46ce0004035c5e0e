//! Every header of an answer, as the document tells of it.

use hyper::header::{HeaderName, HeaderValue};
use serde_json::{Value, json};
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Ref, RefOr};

/// What HTTP itself needs; a client library sees to them, and the document says nothing of `Content-Type` but by its content.
const OF_HTTP: [&str; 6] = [
    "content-type",
    "content-length",
    "transfer-encoding",
    "connection",
    "date",
    "keep-alive",
];

/// As `Last-Modified` is written.
const HTTP_DATE: &str = concat!(
    "^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-9]{2} (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [0-9]{4} ",
    "[0-9]{2}:[0-9]{2}:[0-9]{2} GMT$"
);

/// What is said of a header wherever it is.
struct Told {
    name: &'static str,
    says: &'static str,
    schema: ObjectBuilder,
    /// `None` for one whose value each answer has of its own.
    example: Option<Value>,
    /// Whether it is there with each answer that may have it.
    always: bool,
}

/// All of them.
#[rustfmt::skip]
fn told() -> Vec<Told> {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let like = |pattern: &str| text().pattern(Some(pattern));
    let between = |least: u32, most: Option<u32>| {
        ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(least)).maximum(most)
    };
    let tell = |name, says, schema, example, always| Told { name, says, schema, example, always };
    vec![
        tell("ETag", "A strong tag of the bytes and their coding, equal on all gateways. Send it as `If-None-Match`.",
            like("^\"[0-9a-f]{32}-(id|gzip|br)\"$"), Some(json!("\"8f14e45fceea167a5a36dedd4bea2543-id\"")), true),
        tell("Last-Modified", "`generated_at` in whole seconds. Send it as `If-Modified-Since` where there is no tag to send.",
            like(HTTP_DATE), Some(json!("Tue, 23 Sep 2025 09:10:22 GMT")), true),
        tell("Age", "Whole seconds since `generated_at`.", between(0, None), Some(json!(312)), true),
        tell("Vary", "Which headers of a request choose the answer; `Origin` where only the pages of some origins may read it.",
            like("^(Accept-Encoding|Origin|Accept-Encoding, Origin)$"), Some(json!("Accept-Encoding")), true),
        tell("Content-Encoding", "How the bytes are encoded; absent when they are as they are. Below 1 KiB they always are.",
            text().enum_values(Some(["gzip", "br"])), Some(json!("br")), false),
        tell("Cache-Control", "Who may keep the answer, and whether to ask again each time.", text(), None, true),
        tell("Retry-After", "After how many seconds to ask again: 5 with a 202, with a 503 drawn anew for each client.",
            between(2, Some(8)), Some(json!(5)), true),
        tell("Allow", "What may be asked of this path.", text(), None, true),
        tell("X-Accel-Buffering", "Tells nginx not to gather events.", text(), None, true),
        tell("X-Content-Type-Options", "Browsers are to believe the content type.",
            text().enum_values(Some(["nosniff"])), Some(json!("nosniff")), true),
        tell("Content-Security-Policy", "What a browser may load and run for it: nothing, but for the pages what stands in them.",
            like("^default-src 'none'; "), Some(json!("default-src 'none'; frame-ancestors 'none'")), true),
        tell("X-Request-Id", "Under which id the answer stands in the access log: your own, or one that was made here.",
            text(), Some(json!("4bf92f3577b34da6a3ce929d0e0e4736")), false),
        tell("Access-Control-Allow-Origin", "Whose pages may read it; absent for the pages of others.",
            text(), Some(json!("*")), false),
        tell("Access-Control-Expose-Headers", "Which headers such a page may read.", text(), None, false),
        tell("Access-Control-Allow-Methods", "What such a page may ask.", text(), None, true),
        tell("Access-Control-Allow-Headers", "Which headers such a page may send: any.", text(), None, true),
        tell("Access-Control-Max-Age", "For how many seconds a browser need not ask this again.",
            between(7200, Some(7200)), Some(json!(7200)), true),
    ]
}

/// Those that are the same everywhere, for answers to refer to.
pub fn common() -> Vec<(String, Header)> {
    let common = told().into_iter().filter(|told| told.example.is_some());
    common
        .map(|told| (told.name.to_owned(), written(told, None)))
        .collect()
}

/// The header of an answer under its name; `None` for what HTTP itself needs. One that is not in the table is told without a word
/// about it, which a test finds.
pub fn of(name: &HeaderName, value: &HeaderValue) -> Option<(String, RefOr<Header>)> {
    if OF_HTTP.contains(&name.as_str()) {
        return None;
    }
    let same = |told: &Told| told.name.eq_ignore_ascii_case(name.as_str());
    let Some(told) = told().into_iter().find(same) else {
        return Some((name.to_string(), Header::default().into()));
    };
    let name = told.name.to_owned();
    if told.example.is_some() {
        let reference = Ref::new(format!("#/components/headers/{name}"));
        return Some((name, RefOr::Ref(reference)));
    }
    let value = value.to_str().unwrap_or_default().to_owned();
    Some((name, written(told, Some(value)).into()))
}

/// One whose value is its answer's own can have no other.
fn written(told: Told, own: Option<String>) -> Header {
    let schema = match &own {
        Some(value) => told.schema.enum_values(Some([value.as_str()])),
        None => told.schema,
    };
    // A field of the header that the builder does not know.
    let required = [("required", told.always)].into_iter().collect();
    HeaderBuilder::new()
        .description(Some(told.says))
        .schema(Some(schema))
        .example(told.example.or(own.map(Value::String)))
        .extensions(Some(required))
        .build()
}
