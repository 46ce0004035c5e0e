//! Headers in every response that protect against misuse by other sites' pages, and the `Content-Security-Policy` of
//! each page, which allows the page's own scripts and styles, by their hashes, and requests to its own origin.
//!
//! They do not decide which pages may read a response; [`crate::http::cors`] does.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hyper::header::{CONTENT_SECURITY_POLICY, HeaderMap, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use sha2::{Digest as _, Sha256};

/// Browsers must not treat JSON as a script or a page.
const NO_SNIFFING: HeaderValue = HeaderValue::from_static("nosniff");
/// No page may show a response in a frame. If a browser shows a response as a page, it loads and runs nothing in it.
const NO_CONTENT: HeaderValue =
    HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
/// The same headers as lines, for responses that are written without hyper.
pub const HEADER_LINES: &str = "x-content-type-options: nosniff\r\n\
    content-security-policy: default-src 'none'; frame-ancestors 'none'\r\n";

/// The policy of the shared worker, which does not inherit that of the page. It only allows requests to its own origin.
pub const WORKER_POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; connect-src 'self'; frame-ancestors 'none'");

/// Adds the security headers to `headers`.
pub fn add_security_headers(headers: &mut HeaderMap) {
    headers.insert(X_CONTENT_TYPE_OPTIONS, NO_SNIFFING);
    headers.insert(CONTENT_SECURITY_POLICY, NO_CONTENT);
}

/// Returns the policy of the page `html`, followed by the `extra` directives.
pub fn page_policy(html: &str, extra: &str) -> HeaderValue {
    let (scripts, styles) = (hashes(html, "script"), hashes(html, "style"));
    policy(&scripts, &styles, extra)
}

/// Returns the policy of the page `html`, which also loads a script and a style sheet from its own origin.
pub fn docs_policy(html: &str) -> HeaderValue {
    let scripts = format!(" 'self'{}", hashes(html, "script"));
    policy(&scripts, " 'self'", "")
}

fn policy(scripts: &str, styles: &str, extra: &str) -> HeaderValue {
    let text = format!(
        "default-src 'none'; script-src{scripts}; style-src{styles}; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'; {extra}"
    );
    HeaderValue::try_from(text).expect("a policy consists of ASCII text")
}

/// Returns the hashes of the page's inline elements as sources, each preceded by a space.
fn hashes(html: &str, element: &str) -> String {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    let bodies = html.split(&open).skip(1);
    bodies
        .filter_map(|tail| tail.split(&close).next())
        .map(|body| format!(" 'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(body))))
        .collect()
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
