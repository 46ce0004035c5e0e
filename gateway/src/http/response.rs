//! Builds every kind of response, with its headers.

use crate::cache::cached_count::{self, CachedCount, CountSource};
use crate::cache::cached_response::{CachedResponse, JSON, LastModified};
use crate::cache::representation::Representation;
use crate::http::conditional::is_not_modified;
use crate::http::cors::requested_headers;
use crate::http::security_headers::add_security_headers;
use crate::sse::frame::Frame;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_MAX_AGE, AGE, ALLOW,
    CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, VARY,
};
use hyper::{Response, StatusCode};
use serde::Serialize;
use serde_json::value::RawValue;
use shared::time::Clock;
use utoipa::ToSchema;

/// A complete body. Its bytes are shared, not copied.
pub type Body = Full<Bytes>;

/// When clients should retry while a snapshot is being prepared. It is the same in the header and the body.
const WARMING_RETRY_SECONDS: u64 = 5;
/// The `message` of a 202 while today's count is unknown.
pub const TODAY_WARMING: &str = "today's visitors are being counted";
/// The `message` of a 202 while the summary of visitors is incomplete.
pub const VISITORS_WARMING: &str = "the summary of visitors is being prepared";
/// The `message` of a 202 while the summary of books is incomplete.
pub const BOOKS_WARMING: &str = "the summary of books is being prepared";
/// The message while the summary of members is not there yet.
pub const MEMBERS_WARMING: &str = "the summary of members is being prepared";
/// When refused clients should retry, drawn at random so that they do not all return at once.
pub const FULL_RETRY_SECONDS: std::ops::RangeInclusive<u64> = 2..=8;
/// Two hours. Browsers cache the response to a preflight no longer.
const PREFLIGHT_SECONDS: u64 = 7_200;

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// The body of a 202: the figure is being computed for the first time.
#[derive(Serialize, ToSchema)]
pub struct Warming<'a> {
    #[schema(inline)]
    status: WarmingStatus,
    /// What is being prepared, for people.
    message: &'a str,
    /// The seconds to wait before the next request, as in the header `Retry-After`.
    #[schema(minimum = 5, maximum = 5)]
    retry_after_seconds: u64,
    /// Today's count, if it is known. Only in `/api/visitors/summary`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = cached_count::TodayResponse, required = false)]
    today: Option<&'a RawValue>,
}

/// Distinguishes this body from one with figures, which has no such field.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum WarmingStatus {
    Warming,
}

/// An error as `application/problem+json` (RFC 9457).
#[derive(Serialize, ToSchema)]
pub struct Problem<'a> {
    /// Always `about:blank`: the status identifies the kind of problem.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The reason phrase of the status.
    title: &'a str,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// The reason, for people.
    detail: &'a str,
}

/// Returns a snapshot or a summary in one format, whose content codings are `all`: 200, or 304 if the client already
/// has it.
pub fn snapshot(
    entry: &CachedResponse,
    all: &[Representation],
    request: &HeaderMap,
    clock: &Clock,
) -> Response<Body> {
    let mut response = full_or_not_modified(all, entry.last_modified.as_ref(), request);
    // Replaces the value in place: inserting could make the map grow first.
    if let Some(age) = response.headers_mut().get_mut(AGE) {
        *age = entry.age(clock).as_secs().into();
    }
    response
}

/// Returns a file or a picture: 200, or 304 if the browser already has it.
pub fn asset(encoded: &[Representation], request: &HeaderMap) -> Response<Body> {
    full_or_not_modified(encoded, None, request)
}

fn full_or_not_modified(
    all: &[Representation],
    modified: Option<&LastModified>,
    request: &HeaderMap,
) -> Response<Body> {
    let encoded = Representation::negotiate(all, request);
    let mut response = Response::new(Body::default());
    if is_not_modified(request, &encoded.etag, modified) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.headers_mut() = encoded.not_modified_headers.clone();
    } else {
        *response.headers_mut() = encoded.headers.clone();
        *response.body_mut() = encoded.body.clone().into();
    }
    response
}

/// Returns today's count.
pub fn today(today: &CachedCount, source: CountSource) -> Response<Body> {
    no_store(StatusCode::OK, JSON, today.json_from(source))
}

/// Returns a 202: the figure is not there yet. `today` is the count that the summary of visitors includes.
pub fn warming(message: &str, today: Option<&CachedCount>) -> Response<Body> {
    let today = today.map(|today| today.json_from(CountSource::Cache));
    let today = today.as_deref().map(serde_json::from_slice);
    let body = Warming {
        status: WarmingStatus::Warming,
        message,
        retry_after_seconds: WARMING_RETRY_SECONDS,
        today: today.map(|text| text.expect("the cached count is valid JSON")),
    };
    let response = no_store(StatusCode::ACCEPTED, JSON, json(&body));
    with_header(response, RETRY_AFTER, WARMING_RETRY_SECONDS.into())
}

/// Returns `body` as JSON that must not be stored.
pub fn current(body: &impl Serialize) -> Response<Body> {
    no_store(StatusCode::OK, JSON, json(body))
}

/// Returns the metrics, in the format of [`crate::metrics`].
pub fn metrics(text: String) -> Response<Body> {
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let content_type = HeaderValue::from_static(content_type);
    no_store(StatusCode::OK, content_type, text.into())
}

/// Returns the head of an event stream.
pub fn event_stream() -> Response<Body> {
    let mut response = Response::new(Body::default());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    // A proxy that compresses the stream would delay events.
    let cache_control = HeaderValue::from_static("no-store, no-transform");
    headers.insert(CACHE_CONTROL, cache_control);
    add_security_headers(headers);
    // Without this header nginx would buffer events.
    let name = HeaderName::from_static("x-accel-buffering");
    headers.insert(name, HeaderValue::from_static("no"));
    response
}

/// Returns the only block of a refused stream: the time to reconnect and the reason. No blank line ends it, because
/// some clients would dispatch an empty event.
pub fn refused_stream(detail: &str) -> Frame {
    let seconds = FULL_RETRY_SECONDS;
    let milliseconds = rand::random_range(seconds.start() * 1_000..=seconds.end() * 1_000);
    Frame::new(format!("retry: {milliseconds}\n: {detail}\n").as_bytes())
}

/// Returns the response to an OPTIONS request, which browsers send as a preflight.
pub fn preflight(request: &HeaderMap) -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    add_security_headers(headers);
    headers.insert(ALLOW, METHODS);
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    // No request header changes what a page may read, so all are allowed. They are named, because `*` does not cover
    // `Authorization`.
    if let Some(names) = requested_headers(request) {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, names);
    }
    headers.insert(
        VARY,
        HeaderValue::from_static("Access-Control-Request-Headers"),
    );
    headers.insert(ACCESS_CONTROL_MAX_AGE, PREFLIGHT_SECONDS.into());
    response
}

/// Returns a 404.
pub fn not_found() -> Response<Body> {
    problem(
        StatusCode::NOT_FOUND,
        "there is no resource under this path",
    )
}

/// Returns a 405.
pub fn method_not_allowed() -> Response<Body> {
    let detail = "this resource supports only GET, HEAD and OPTIONS";
    let response = problem(StatusCode::METHOD_NOT_ALLOWED, detail);
    with_header(response, ALLOW, METHODS)
}

/// Returns a 503 with a `Retry-After` of a few seconds.
pub fn too_busy(detail: &str) -> Response<Body> {
    let seconds = rand::random_range(FULL_RETRY_SECONDS);
    with_header(unavailable(detail), RETRY_AFTER, seconds.into())
}

/// Returns a 503.
pub fn unavailable(detail: &str) -> Response<Body> {
    problem(StatusCode::SERVICE_UNAVAILABLE, detail)
}

/// Returns a problem. `detail` is public and must not reveal internals.
fn problem(status: StatusCode, detail: &str) -> Response<Body> {
    let body = Problem {
        kind: "about:blank",
        title: status.canonical_reason().unwrap_or_default(),
        status: status.as_u16(),
        detail,
    };
    let content_type = HeaderValue::from_static("application/problem+json");
    no_store(status, content_type, json(&body))
}

fn no_store(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(CACHE_CONTROL, NO_STORE);
    add_security_headers(headers);
    response
}

fn with_header(
    mut response: Response<Body>,
    name: HeaderName,
    value: HeaderValue,
) -> Response<Body> {
    response.headers_mut().insert(name, value);
    response
}

fn json(value: &impl Serialize) -> Bytes {
    let text = serde_json::to_vec(value);
    Bytes::from(text.expect("a response body consists of strings, numbers and lists"))
}
