//! Headers in every response that protect against misuse by other sites' pages, and the `Content-Security-Policy` of
//! each page, which allows the page's own scripts and styles, by their hashes, and requests to its own origin.
//!
//! They do not decide which pages may read a response; [`crate::http::cors`] does.

use crate::http::frame_ancestors::FrameAncestors;
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

/// The policy of the shared worker, which does not inherit that of the page: modules and requests of its own origin.
pub const WORKER_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; connect-src 'self'; frame-ancestors 'none'",
);

/// Adds the security headers to `headers`.
pub fn add_security_headers(headers: &mut HeaderMap) {
    headers.insert(X_CONTENT_TYPE_OPTIONS, NO_SNIFFING);
    headers.insert(CONTENT_SECURITY_POLICY, NO_CONTENT);
}

/// Returns the policy of the dashboard's page, the only one that other pages may show in a frame.
pub fn dashboard_policy(html: &str, ancestors: &FrameAncestors) -> HeaderValue {
    page_policy(html, "img-src 'self' data:; worker-src 'self'", ancestors)
}

/// Returns the policy of the page of the API documentation.
pub fn docs_policy(html: &str) -> HeaderValue {
    page_policy(html, "img-src data:", &FrameAncestors::default())
}

/// Returns the policy of the page `html`, with the directives `more`. Scripts and styles come from its own origin or are
/// in the page.
fn page_policy(html: &str, more: &str, ancestors: &FrameAncestors) -> HeaderValue {
    let ancestors = ancestors.sources();
    let (scripts, styles) = (hashes(html, "script"), hashes(html, "style"));
    let text = format!(
        "default-src 'none'; script-src 'self'{scripts}; style-src 'self'{styles}; connect-src 'self'; {more}; \
         base-uri 'none'; form-action 'none'; frame-ancestors {ancestors}"
    );
    HeaderValue::try_from(text).expect("a policy consists of ASCII text")
}

/// Returns the hashes of the page's inline elements as sources, each preceded by a space.
fn hashes(html: &str, element: &str) -> String {
    let (open, close) = (format!("<{element}"), format!("</{element}>"));
    let elements = html.split(&open).skip(1);
    elements
        .filter_map(|tail| tail.split_once('>'))
        .filter(|(attributes, _)| !attributes.contains("src="))
        .filter_map(|(_, rest)| rest.split(&close).next())
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

    #[test]
    fn policy_contains_the_hashes_of_inline_elements_only() {
        let html =
            "<style>a{}</style><script src=\"x.js\"></script><script type=\"module\">b()</script>";
        let hash = |text| format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(text)));
        let policy = dashboard_policy(html, &FrameAncestors::default());
        let directives: Vec<_> = policy.to_str().unwrap().split("; ").collect();
        let (script, style) = (hash("b()"), hash("a{}"));
        assert!(directives.contains(&format!("script-src 'self' {script}").as_str()));
        assert!(directives.contains(&format!("style-src 'self' {style}").as_str()));
    }
}
