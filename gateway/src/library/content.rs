//! The last good version of the library's information and logo, ready to send.

use crate::cache::cached_response::JSON;
use crate::cache::representation::Representation;
use crate::http::security_headers::add_security_headers;
use crate::library::information::LibraryInformation;
use crate::library::logo::LogoFormat;
use arc_swap::{ArcSwap, Guard};
use bytes::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderValue};
use std::sync::Arc;

/// A logo needs its own styles and nothing else. In the sandbox no script of an SVG runs, also where it is opened as a
/// page.
const LOGO_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'",
);

/// The information and the logo of one version.
#[derive(Debug)]
pub struct LibraryContent {
    /// The response of `/api/library`.
    pub information: Vec<Representation>,
    /// The response of `/logo`; `None` if there is no logo.
    pub logo: Option<Vec<Representation>>,
}

/// The last good version. Requests read it without a lock.
#[derive(Debug)]
pub struct Library(ArcSwap<LibraryContent>);

impl LibraryContent {
    /// Encodes a version.
    pub fn new(information: &LibraryInformation, logo: Option<(LogoFormat, Bytes)>) -> Self {
        let text = serde_json::to_vec(information);
        let text = text.expect("the information consists of strings, numbers and lists");
        Self {
            information: Representation::encode_all(&text.into(), &headers(JSON)),
            logo: logo.map(|(format, bytes)| encode_logo(format, &bytes)),
        }
    }
}

impl Library {
    /// Returns the current version.
    pub fn content(&self) -> Guard<Arc<LibraryContent>> {
        self.0.load()
    }

    /// Replaces the current version.
    pub fn replace(&self, content: LibraryContent) {
        self.0.store(Arc::new(content));
    }
}

impl Default for Library {
    /// Without information and logo.
    fn default() -> Self {
        let content = LibraryContent::new(&LibraryInformation::default(), None);
        Self(ArcSwap::from_pointee(content))
    }
}

/// Encodes the response of `/logo`.
pub fn encode_logo(format: LogoFormat, bytes: &Bytes) -> Vec<Representation> {
    let mut headers = headers(HeaderValue::from_static(format.content_type()));
    headers.insert(CONTENT_SECURITY_POLICY, LOGO_POLICY);
    Representation::encode_all(bytes, &headers)
}

fn headers(content_type: HeaderValue) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    add_security_headers(&mut headers);
    headers
}
