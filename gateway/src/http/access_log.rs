//! Writes the access log (`ACCESS_LOG`): one line per response, with the request id and the trace id.
//!
//! It names no client, and no path that the gateway does not serve. A balancer's log can record both.

use crate::http::resource::Resource;
use crate::http::response::Body;
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, Response};
use tracing::info;

/// The header of the request id.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// See <https://www.w3.org/TR/trace-context/>.
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
/// Long enough for all common formats. A longer id is replaced by a new one.
const MAX_ID_BYTES: usize = 128;

/// Logs `response` and adds the request id to it: the client's own id if it is valid, else a new one.
pub fn log(request: &Request<Incoming>, resource: Option<Resource>, response: &mut Response<Body>) {
    let id = request.headers().get(REQUEST_ID).filter(|id| is_id(id));
    let id = id.cloned().unwrap_or_else(random_id);
    let path = resource.map_or("other", Resource::path);
    let (method, status) = (request.method(), response.status().as_u16());
    info!(
        %method,
        path,
        status,
        bytes = response.body().size_hint().exact(),
        request_id = id.to_str().unwrap_or_default(),
        trace_id = trace_id(request.headers()),
        "{method} {path} {status}"
    );
    response.headers_mut().insert(REQUEST_ID, id);
}

fn is_id(id: &HeaderValue) -> bool {
    let id = id.as_bytes();
    (1..=MAX_ID_BYTES).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic)
}

fn random_id() -> HeaderValue {
    let id = format!("{:032x}", rand::random::<u128>());
    HeaderValue::try_from(id).expect("hexadecimal digits are valid in a header")
}

/// Returns the trace id of the `traceparent`: 16 bytes in hexadecimal.
fn trace_id(request: &HeaderMap) -> Option<&str> {
    let mut fields = request.get(TRACE_PARENT)?.to_str().ok()?.split('-');
    let (version, trace) = (fields.next()?, fields.next()?);
    let is_hex = |text: &str, length| {
        let digits = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        text.len() == length && digits
    };
    let is_valid = is_hex(version, 2) && version != "ff" && is_hex(trace, 32);
    (is_valid && trace.bytes().any(|digit| digit != b'0')).then_some(trace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_valid_traceparent_yields_a_trace_id() {
        let trace_of = |parent: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(TRACE_PARENT, HeaderValue::from_str(parent).unwrap());
            trace_id(&headers).map(str::to_owned)
        };
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        let parent = format!("00-{id}-00f067aa0ba902b7-01");
        assert_eq!(trace_of(&parent).as_deref(), Some(id));
        assert_eq!(
            trace_of(&format!("cc-{id}-00f067aa0ba902b7-01-more")).as_deref(),
            Some(id)
        );
        for bad in [
            "",
            "00",
            &format!("ff-{id}-00f067aa0ba902b7-01"),
            &format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            &format!("00-{}-00f067aa0ba902b7-01", id.to_uppercase()),
            &format!("00-{}-00f067aa0ba902b7-01", &id[1..]),
        ] {
            assert_eq!(trace_of(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_request_id_is_visible_ascii_of_limited_length() {
        for (id, good) in [
            ("a", true),
            ("", false),
            ("a b", false),
            (&"x".repeat(128), true),
            (&"x".repeat(129), false),
        ] {
            assert_eq!(is_id(&HeaderValue::from_str(id).unwrap()), good, "{id}");
        }
        assert!(is_id(&random_id()));
        assert_ne!(random_id(), random_id());
    }
}
