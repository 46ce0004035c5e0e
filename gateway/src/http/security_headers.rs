//! What every answer tells a browser that has been sent here by somebody else's page.
//!
//! Nothing about who may read an answer: that is for [`crate::http::cors`] to say, and no header here is in its way.

use hyper::header::{CONTENT_SECURITY_POLICY, HeaderMap, HeaderValue, X_CONTENT_TYPE_OPTIONS};

/// JSON is not a script or a page, however it is embedded.
const NO_SNIFFING: HeaderValue = HeaderValue::from_static("nosniff");
/// Nobody puts an answer into a frame of its own page, and if one is ever shown as a page, nothing in it is loaded or run.
const NO_CONTENT: HeaderValue =
    HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
/// The same for an answer that is written without hyper.
pub const LINES: &str = "x-content-type-options: nosniff\r\n\
    content-security-policy: default-src 'none'; frame-ancestors 'none'\r\n";

/// Adds them; to headers that stand ready this is done once, not with each answer.
pub fn add_security_headers(headers: &mut HeaderMap) {
    headers.insert(X_CONTENT_TYPE_OPTIONS, NO_SNIFFING);
    headers.insert(CONTENT_SECURITY_POLICY, NO_CONTENT);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_write_them_are_the_same() {
        let mut headers = HeaderMap::new();
        add_security_headers(&mut headers);
        let lines: String = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}\r\n", value.to_str().unwrap()))
            .collect();
        assert_eq!(lines, LINES);
    }
}
