//! What people look at: the dashboard of `gateway/dashboard`, and the API's documents. Each text is encoded when it is first
//! asked for.

use crate::Gateway;
use crate::cache::representation::Representation;
use crate::config::Config;
use crate::http::csp;
use crate::http::security_headers::add_security_headers;
use crate::openapi;
use bytes::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderValue};
use std::sync::{Arc, OnceLock};
use tokio::task::spawn_blocking;

const DASHBOARD: &str = include_str!("../../dashboard/index.html");
const SHARED_STREAM: &str = include_str!("../../dashboard/stream.js");
const DOCS: &str = include_str!("../../docs/index.html");
/// Swagger UI, which `build.rs` puts there.
const DOCS_SCRIPT: &str = include_str!(concat!(env!("OUT_DIR"), "/swagger-ui.js"));
const DOCS_STYLE: &str = include_str!(concat!(env!("OUT_DIR"), "/swagger-ui.css"));

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asset {
    /// The dashboard.
    Dashboard,
    /// Its shared worker: one stream for all tabs of a browser.
    SharedStream,
    /// The API's document, to read and to try.
    Docs,
    /// The same for machines.
    Document,
    /// What shows it.
    DocsScript,
    /// How it looks.
    DocsStyle,
}

/// All of them, as they are sent.
#[derive(Debug, Default)]
pub struct Assets([OnceLock<Arc<[Representation]>>; Asset::ALL.len()]);

impl Asset {
    /// Every page.
    pub const ALL: [Self; 6] = [
        Self::Dashboard,
        Self::SharedStream,
        Self::Docs,
        Self::Document,
        Self::DocsScript,
        Self::DocsStyle,
    ];

    /// Its place in [`Self::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Where it is.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Dashboard => "/",
            Self::SharedStream => "/stream.js",
            Self::Docs => "/docs",
            Self::Document => "/docs/json",
            Self::DocsScript => "/docs/swagger-ui.js",
            Self::DocsStyle => "/docs/swagger-ui.css",
        }
    }

    /// What it is.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Dashboard | Self::Docs => "text/html; charset=utf-8",
            Self::SharedStream | Self::DocsScript => "text/javascript; charset=utf-8",
            Self::Document => "application/json",
            Self::DocsStyle => "text/css; charset=utf-8",
        }
    }

    /// Whether it is wanted.
    pub fn is_enabled(self, config: &Config) -> bool {
        match self {
            Self::Dashboard | Self::SharedStream => config.dashboard_enabled,
            Self::Docs | Self::Document | Self::DocsScript | Self::DocsStyle => config.docs_enabled,
        }
    }

    /// What its coding does not change. A browser keeps it and asks each time whether it is the same.
    pub fn headers(self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        let content_type = HeaderValue::from_static(self.content_type());
        headers.insert(CONTENT_TYPE, content_type);
        add_security_headers(&mut headers);
        let policy = match self {
            Self::Dashboard => Some(csp::for_page(DASHBOARD, "worker-src 'self'")),
            Self::SharedStream => Some(csp::FOR_WORKER),
            Self::Docs => Some(csp::for_docs(DOCS)),
            Self::Document | Self::DocsScript | Self::DocsStyle => None,
        };
        if let Some(policy) = policy {
            headers.insert(CONTENT_SECURITY_POLICY, policy);
        }
        headers
    }

    fn body(self, config: &Config) -> Bytes {
        let text = match self {
            Self::Dashboard => DASHBOARD,
            Self::SharedStream => SHARED_STREAM,
            Self::Docs => DOCS,
            Self::Document => return openapi::document(config),
            Self::DocsScript => DOCS_SCRIPT,
            Self::DocsStyle => DOCS_STYLE,
        };
        Bytes::from_static(text.as_bytes())
    }
}

impl Assets {
    /// A page, if it has been asked for before.
    pub fn ready(&self, page: Asset) -> Option<&[Representation]> {
        self.0[page.index()].get().map(AsRef::as_ref)
    }

    fn get(&self, page: Asset, config: &Config) -> Arc<[Representation]> {
        let encode = || Representation::encode_all(&page.body(config), &page.headers()).into();
        self.0[page.index()].get_or_init(encode).clone()
    }
}

/// A page that nobody has asked for yet. To encode a large one takes a tenth of a second, in which its thread serves nobody
/// else; so it has a thread of its own.
pub async fn encode(gateway: Arc<Gateway>, page: Asset) -> Arc<[Representation]> {
    let encoded = spawn_blocking(move || gateway.assets.get(page, &gateway.config)).await;
    encoded.expect("nothing in it fails, and the runtime lives as long as its requests")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// It stands in both, since the page must work without the other file; whoever mends one must mend the other.
    #[test]
    fn the_page_and_its_worker_follow_the_stream_in_the_same_lines() {
        let follow = |text: &'static str| {
            let (_, rest) = text.split_once("\nfunction follow(").unwrap();
            rest.split_once("\n}\n").unwrap().0
        };
        assert!(follow(DASHBOARD).contains("new EventSource(url)"));
        assert_eq!(follow(DASHBOARD), follow(SHARED_STREAM));
    }
}
