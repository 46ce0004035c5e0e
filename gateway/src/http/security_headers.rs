//! Headers in every response that protect against misuse by other sites' pages.
//!
//! They do not decide which pages may read a response; [`crate::http::cors`] does.

use hyper::header::{CONTENT_SECURITY_POLICY, HeaderMap, HeaderValue, X_CONTENT_TYPE_OPTIONS};

/// Browsers must not treat JSON as a script or a page.
const NO_SNIFFING: HeaderValue = HeaderValue::from_static("nosniff");
/// No page may show a response in a frame. If a browser shows a response as a page, it loads and runs nothing in it.
const NO_CONTENT: HeaderValue =
    HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
/// The same headers as lines, for responses that are written without hyper.
pub const HEADER_LINES: &str = "x-content-type-options: nosniff\r\n\
    content-security-policy: default-src 'none'; frame-ancestors 'none'\r\n";

/// Adds the security headers to `headers`.
pub fn add_security_headers(headers: &mut HeaderMap) {
    headers.insert(X_CONTENT_TYPE_OPTIONS, NO_SNIFFING);
    headers.insert(CONTENT_SECURITY_POLICY, NO_CONTENT);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_lines_equal_the_headers() {
        let mut headers = HeaderMap::new();
        add_security_headers(&mut headers);
        let lines: String = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}\r\n", value.to_str().unwrap()))
            .collect();
        assert_eq!(lines, HEADER_LINES);
    }
}
