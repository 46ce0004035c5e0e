//! The shapes of answers, with their headers.

use crate::cache::cached_count::{self, CachedCount, CountSource};
use crate::cache::cached_response::{CachedResponse, JSON, LastModified};
use crate::cache::representation::Representation;
use crate::http::conditional::is_not_modified;
use crate::http::security_headers::add_security_headers;
use crate::sse::frame::Frame;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_MAX_AGE, AGE, ALLOW,
    CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
};
use hyper::{Response, StatusCode};
use serde::Serialize;
use serde_json::value::RawValue;
use shared::time::Clock;
use utoipa::ToSchema;

/// Known in full before it is sent; shared, not copied.
pub type Body = Full<Bytes>;

/// What is asked of a client while a snapshot is being prepared; the contract's number, in the header and the body.
const WARMING_RETRY_SECONDS: u64 = 5;
/// What a client is told of the count and of the summaries while they are being prepared.
pub const TODAY_WARMING: &str = "today's visitors are being counted";
/// See [`TODAY_WARMING`].
pub const VISITORS_WARMING: &str = "the summary of visitors is being prepared";
/// See [`TODAY_WARMING`].
pub const BOOKS_WARMING: &str = "the summary of books is being prepared";
/// From when to when clients come back that found no place: apart, so that they do not all come at once.
pub const FULL_RETRY_SECONDS: std::ops::RangeInclusive<u64> = 2..=8;
/// Two hours: browsers keep the answer to a preflight no longer.
const PREFLIGHT_SECONDS: u64 = 7_200;

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// What is there while a figure is being made for the first time.
#[derive(Serialize, ToSchema)]
pub struct Warming<'a> {
    #[schema(inline)]
    status: Status,
    /// What is being made, for people.
    message: &'a str,
    /// After how many seconds to ask again; the header `Retry-After` says the same.
    #[schema(minimum = 5, maximum = 5)]
    retry_after_seconds: u64,
    /// Today's count, in `/api/visitors/summary` alone, and there when it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = cached_count::Answer, required = false)]
    today: Option<&'a RawValue>,
}

/// Tells it from an answer with figures, which has no such field.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Status {
    Warming,
}

/// Why there is no answer: RFC 9457, `application/problem+json`.
#[derive(Serialize, ToSchema)]
pub struct Problem<'a> {
    /// Always `about:blank`: the status says what kind it is.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status in words.
    title: &'a str,
    /// The status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What is the matter, for people.
    detail: &'a str,
}

/// A snapshot or a summary: `200`, or `304` to a client that has it.
pub fn snapshot(entry: &CachedResponse, request: &HeaderMap, clock: &Clock) -> Response<Body> {
    let mut answer = whole_or_unmodified(
        &entry.representations,
        entry.last_modified.as_ref(),
        request,
    );
    // It has its place; to insert it would make room for one more first.
    if let Some(age) = answer.headers_mut().get_mut(AGE) {
        *age = entry.age(clock).as_secs().into();
    }
    answer
}

/// A page: `200`, or `304` to a browser that has it.
pub fn asset(encoded: &[Representation], request: &HeaderMap) -> Response<Body> {
    whole_or_unmodified(encoded, None, request)
}

fn whole_or_unmodified(
    all: &[Representation],
    modified: Option<&LastModified>,
    request: &HeaderMap,
) -> Response<Body> {
    let encoded = Representation::negotiate(all, request);
    let mut answer = Response::new(Body::default());
    if is_not_modified(request, &encoded.etag, modified) {
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
        *answer.headers_mut() = encoded.not_modified_headers.clone();
    } else {
        *answer.headers_mut() = encoded.headers.clone();
        *answer.body_mut() = encoded.body.clone().into();
    }
    answer
}

/// Today's count.
pub fn today(today: &CachedCount, source: CountSource) -> Response<Body> {
    not_stored(StatusCode::OK, JSON, today.json_from(source))
}

/// `202`: nothing is there yet. `today` is told where a summary would have told it.
pub fn warming(message: &str, today: Option<&CachedCount>) -> Response<Body> {
    let today = today.map(|today| today.json_from(CountSource::Cache));
    let today = today.as_deref().map(serde_json::from_slice);
    let body = Warming {
        status: Status::Warming,
        message,
        retry_after_seconds: WARMING_RETRY_SECONDS,
        today: today.map(|text| text.expect("it was written as JSON")),
    };
    let answer = not_stored(StatusCode::ACCEPTED, JSON, json(&body));
    with(answer, RETRY_AFTER, WARMING_RETRY_SECONDS.into())
}

/// JSON that is of this moment.
pub fn current(body: &impl Serialize) -> Response<Body> {
    not_stored(StatusCode::OK, JSON, json(body))
}

/// What was counted, in the format that [`crate::metrics`] writes.
pub fn metrics(text: String) -> Response<Body> {
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let content_type = HeaderValue::from_static(content_type);
    not_stored(StatusCode::OK, content_type, text.into())
}

/// The head of the stream.
pub fn event_stream() -> Response<Body> {
    let mut answer = Response::new(Body::default());
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    // A proxy that compressed it would hold events back.
    let cache_control = HeaderValue::from_static("no-store, no-transform");
    headers.insert(CACHE_CONTROL, cache_control);
    add_security_headers(headers);
    // nginx would gather events in a buffer.
    let name = HeaderName::from_static("x-accel-buffering");
    headers.insert(name, HeaderValue::from_static("no"));
    answer
}

/// The only block of a refused stream: when to come back, and why. No blank line ends it, since some clients would dispatch an
/// empty event.
pub fn refused_stream(detail: &str) -> Frame {
    let seconds = FULL_RETRY_SECONDS;
    let milliseconds = rand::random_range(seconds.start() * 1_000..=seconds.end() * 1_000);
    Frame::new(format!("retry: {milliseconds}\n: {detail}\n").as_bytes())
}

/// What a browser asks before it lets a page send what it would not send by itself.
pub fn preflight() -> Response<Body> {
    let mut answer = Response::new(Body::default());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    let headers = answer.headers_mut();
    add_security_headers(headers);
    headers.insert(ALLOW, METHODS);
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    // No header of a request changes what may be read, so any may be sent.
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("*"));
    headers.insert(ACCESS_CONTROL_MAX_AGE, PREFLIGHT_SECONDS.into());
    answer
}

/// `404`.
pub fn not_found() -> Response<Body> {
    problem(StatusCode::NOT_FOUND, "nothing is served under this path")
}

/// `405`.
pub fn method_not_allowed() -> Response<Body> {
    let detail = "this path can be read, with GET or HEAD, and nothing else";
    let answer = problem(StatusCode::METHOD_NOT_ALLOWED, detail);
    with(answer, ALLOW, METHODS)
}

/// `503` to a client that may come back soon.
pub fn too_busy(detail: &str) -> Response<Body> {
    let seconds = rand::random_range(FULL_RETRY_SECONDS);
    with(unavailable(detail), RETRY_AFTER, seconds.into())
}

/// `503`.
pub fn unavailable(detail: &str) -> Response<Body> {
    problem(StatusCode::SERVICE_UNAVAILABLE, detail)
}

/// `detail` is for strangers: nothing of the inside.
fn problem(status: StatusCode, detail: &str) -> Response<Body> {
    let body = Problem {
        kind: "about:blank",
        title: status.canonical_reason().unwrap_or_default(),
        status: status.as_u16(),
        detail,
    };
    let content_type = HeaderValue::from_static("application/problem+json");
    not_stored(status, content_type, json(&body))
}

fn not_stored(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Response<Body> {
    let mut answer = Response::new(body.into());
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(CACHE_CONTROL, NO_STORE);
    add_security_headers(headers);
    answer
}

fn with(mut answer: Response<Body>, name: HeaderName, value: HeaderValue) -> Response<Body> {
    answer.headers_mut().insert(name, value);
    answer
}

fn json(value: &impl Serialize) -> Bytes {
    let text = serde_json::to_vec(value);
    Bytes::from(text.expect("an answer is made of texts, numbers and lists"))
}
