//! The access log: a line for each answer, where it is wanted (`ACCESS_LOG`), with what ties it to the logs of others.
//!
//! It names no client and no path but our own: who looks at the figures of a library, and what strangers try, is for the
//! balancer's log.

use crate::http::response::Body;
use crate::http::router::Resource;
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, Response};
use tracing::info;

/// Under which an answer stands in the log.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// <https://www.w3.org/TR/trace-context/>
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
/// As long as anybody makes them; what is longer is not a name but a load.
const LONGEST_ID: usize = 128;

/// Writes the line, and tells the client under which id it stands: its own, or one that is made here.
pub fn log(request: &Request<Incoming>, resource: Option<Resource>, answer: &mut Response<Body>) {
    let id = request.headers().get(REQUEST_ID).filter(|id| is_id(id));
    let id = id.cloned().unwrap_or_else(made);
    let path = resource.map_or("other", Resource::path);
    let (method, status) = (request.method(), answer.status().as_u16());
    info!(
        %method,
        path,
        status,
        bytes = answer.body().size_hint().exact(),
        request_id = id.to_str().unwrap_or_default(),
        trace_id = trace(request.headers()),
        "{method} {path} {status}"
    );
    answer.headers_mut().insert(REQUEST_ID, id);
}

fn is_id(id: &HeaderValue) -> bool {
    let id = id.as_bytes();
    (1..=LONGEST_ID).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic)
}

fn made() -> HeaderValue {
    let id = format!("{:032x}", rand::random::<u128>());
    HeaderValue::try_from(id).expect("digits may stand in a header")
}

/// The trace that the request is part of: 16 bytes in hex.
fn trace(request: &HeaderMap) -> Option<&str> {
    let mut fields = request.get(TRACE_PARENT)?.to_str().ok()?.split('-');
    let (version, trace) = (fields.next()?, fields.next()?);
    let is_hex = |text: &str, length| {
        let digits = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        text.len() == length && digits
    };
    let known = is_hex(version, 2) && version != "ff" && is_hex(trace, 32);
    (known && trace.bytes().any(|digit| digit != b'0')).then_some(trace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_taken_from_a_valid_parent_alone() {
        let trace_of = |parent: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(TRACE_PARENT, HeaderValue::from_str(parent).unwrap());
            trace(&headers).map(str::to_owned)
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
    fn an_id_is_a_short_word() {
        for (id, good) in [
            ("a", true),
            ("", false),
            ("a b", false),
            (&"x".repeat(128), true),
            (&"x".repeat(129), false),
        ] {
            assert_eq!(is_id(&HeaderValue::from_str(id).unwrap()), good, "{id}");
        }
        assert!(is_id(&made()));
        assert_ne!(made(), made());
    }
}
