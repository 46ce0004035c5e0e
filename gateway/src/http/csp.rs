//! Builds the `Content-Security-Policy` of each page. It allows the page's own scripts and styles, by their hashes, and
//! requests to its own origin, and nothing else.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hyper::header::HeaderValue;
use sha2::{Digest as _, Sha256};

/// The policy of the shared worker, which does not inherit that of the page. It only allows requests to its own origin.
pub const FOR_WORKER: HeaderValue =
    HeaderValue::from_static("default-src 'none'; connect-src 'self'; frame-ancestors 'none'");

/// Returns the policy of the page `html`, followed by the `extra` directives.
pub fn for_page(html: &str, extra: &str) -> HeaderValue {
    let (scripts, styles) = (hashes(html, "script"), hashes(html, "style"));
    policy(&scripts, &styles, extra)
}

/// Returns the policy of the page `html`, which also loads a script and a style sheet from its own origin.
pub fn for_docs(html: &str) -> HeaderValue {
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
        .filter_map(|rest| rest.split(&close).next())
        .map(|body| format!(" 'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(body))))
        .collect()
}
