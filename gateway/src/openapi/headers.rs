//! Describes the headers of responses in the document.

use hyper::header::{HeaderName, HeaderValue};
use serde_json::{Value, json};
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Ref, RefOr};

/// Headers that the document omits. HTTP libraries handle them, and OpenAPI describes `Content-Type` as the content.
const OMITTED: [&str; 6] = [
    "content-type",
    "content-length",
    "transfer-encoding",
    "connection",
    "date",
    "keep-alive",
];

/// The format of `Last-Modified`.
const HTTP_DATE: &str = concat!(
    "^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-9]{2} (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [0-9]{4} ",
    "[0-9]{2}:[0-9]{2}:[0-9]{2} GMT$"
);

/// The description of a header.
struct HeaderSpec {
    name: &'static str,
    description: &'static str,
    schema: ObjectBuilder,
    /// `None` if the value depends on the response.
    example: Option<Value>,
    /// Whether the header is always there in the responses that list it.
    required: bool,
}

/// Returns the descriptions of all headers.
#[rustfmt::skip]
fn specs() -> Vec<HeaderSpec> {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let matching = |pattern: &str| text().pattern(Some(pattern));
    let between = |min: u32, max: Option<u32>| {
        ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(min)).maximum(max)
    };
    let spec = |name, description, schema, example, required| HeaderSpec { name, description, schema, example, required };
    vec![
        spec("ETag", "A strong tag of the bytes and their encoding, equal on all gateways. Send it as `If-None-Match`.",
            matching("^\"[0-9a-f]{32}-(id|gzip|br)\"$"), Some(json!("\"8f14e45fceea167a5a36dedd4bea2543-id\"")), true),
        spec("Last-Modified", "`generated_at` in whole seconds. Send it as `If-Modified-Since` if you have no `ETag`.",
            matching(HTTP_DATE), Some(json!("Tue, 23 Sep 2025 09:10:22 GMT")), true),
        spec("Age", "Whole seconds since `generated_at`.", between(0, None), Some(json!(312)), true),
        spec("Vary", "The request headers that the response depends on. `Origin` is among them if only some origins may read it.",
            matching("^(Accept-Encoding|Origin|Accept-Encoding, Origin)$"), Some(json!("Accept-Encoding")), true),
        spec("Content-Encoding", "The encoding of the body. Absent if it is not encoded, which is always so below 1 KiB.",
            text().enum_values(Some(["gzip", "br"])), Some(json!("br")), false),
        spec("Content-Disposition", "The name under which browsers save the file, with the UTC date of `generated_at`.",
            matching("^attachment; filename=\"[a-z-]+-[0-9]{4}-[0-9]{2}-[0-9]{2}[.]csv\"$"),
            Some(json!("attachment; filename=\"visitors-weekly-2025-09-23.csv\"")), true),
        spec("Cache-Control", "Who may store the response, and whether to revalidate it each time.", text(), None, true),
        spec("Retry-After", "The seconds to wait before the next request: 5 with a 202, random with a 503.",
            between(2, Some(8)), Some(json!(5)), true),
        spec("Allow", "The methods that this path supports.", text(), None, true),
        spec("X-Accel-Buffering", "Tells nginx not to buffer events.", text(), None, true),
        spec("X-Content-Type-Options", "Tells browsers not to guess the media type.",
            text().enum_values(Some(["nosniff"])), Some(json!("nosniff")), true),
        spec("Content-Security-Policy", "What a browser may load and run: nothing, except the parts of the pages themselves.",
            matching("^default-src 'none'; "), Some(json!("default-src 'none'; frame-ancestors 'none'")), true),
        spec("X-Request-Id", "The id of the request in the access log: your own, or a new one.",
            text(), Some(json!("4bf92f3577b34da6a3ce929d0e0e4736")), false),
        spec("Access-Control-Allow-Origin", "The origin whose pages may read the response. Absent for any other origin.",
            text(), Some(json!("*")), false),
        spec("Access-Control-Expose-Headers", "The headers that such a page may read.", text(), None, false),
    ]
}

/// Returns the headers that are described once and referenced by responses, with their names.
pub fn common() -> Vec<(String, Header)> {
    let common = specs().into_iter().filter(|spec| spec.example.is_some());
    common
        .map(|spec| (spec.name.to_owned(), render_header(spec, None)))
        .collect()
}

/// Renders a header of a response; returns it with its name, or `None` if the document omits it. A header without a
/// description is rendered without one, which makes a test fail.
pub fn render(name: &HeaderName, value: &HeaderValue) -> Option<(String, RefOr<Header>)> {
    if OMITTED.contains(&name.as_str()) {
        return None;
    }
    let has_name = |spec: &HeaderSpec| spec.name.eq_ignore_ascii_case(name.as_str());
    let Some(spec) = specs().into_iter().find(has_name) else {
        return Some((name.to_string(), Header::default().into()));
    };
    let name = spec.name.to_owned();
    if spec.example.is_some() {
        let reference = Ref::new(format!("#/components/headers/{name}"));
        return Some((name, RefOr::Ref(reference)));
    }
    let value = value.to_str().unwrap_or_default().to_owned();
    Some((name, render_header(spec, Some(value)).into()))
}

/// Renders a header. If the response determines its value, `value` is the only one that the schema allows.
fn render_header(spec: HeaderSpec, value: Option<String>) -> Header {
    let schema = match &value {
        Some(value) => spec.schema.enum_values(Some([value.as_str()])),
        None => spec.schema,
    };
    // The builder has no method for this field.
    let required = [("required", spec.required)].into_iter().collect();
    HeaderBuilder::new()
        .description(Some(spec.description))
        .schema(Some(schema))
        .example(spec.example.or(value.map(Value::String)))
        .extensions(Some(required))
        .build()
}
