//! What a browser lets a page do: a `Content-Security-Policy` that names its own scripts and styles by their hashes, its
//! own origin to read from, and nothing else.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hyper::header::HeaderValue;
use sha2::{Digest as _, Sha256};

/// A worker takes none from the page that starts it. All that it does is to read.
pub const FOR_WORKER: HeaderValue =
    HeaderValue::from_static("default-src 'none'; connect-src 'self'; frame-ancestors 'none'");

/// The policy of a page that is written as `html`, and `more` of it.
pub fn for_page(html: &str, more: &str) -> HeaderValue {
    let (scripts, styles) = (hashes(html, "script"), hashes(html, "style"));
    policy(&scripts, &styles, more)
}

/// The policy of a page that is written as `html`, with a script and a style of its own origin besides.
pub fn for_docs(html: &str) -> HeaderValue {
    let scripts = format!(" 'self'{}", hashes(html, "script"));
    policy(&scripts, " 'self'", "")
}

fn policy(scripts: &str, styles: &str, more: &str) -> HeaderValue {
    let text = format!(
        "default-src 'none'; script-src{scripts}; style-src{styles}; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'; {more}"
    );
    HeaderValue::try_from(text).expect("a policy is made of names and hashes")
}

/// The sources that stand in the page itself, each with a space in front.
fn hashes(html: &str, element: &str) -> String {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    let bodies = html.split(&open).skip(1);
    bodies
        .filter_map(|rest| rest.split(&close).next())
        .map(|body| format!(" 'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(body))))
        .collect()
}
