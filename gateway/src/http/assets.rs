//! The dashboard of `gateway/dashboard` and the API documentation. Each file is encoded when it is first requested.

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
/// Swagger UI, extracted by `build.rs`.
const DOCS_SCRIPT: &str = include_str!(concat!(env!("OUT_DIR"), "/swagger-ui.js"));
const DOCS_STYLE: &str = include_str!(concat!(env!("OUT_DIR"), "/swagger-ui.css"));

/// A file for browsers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asset {
    /// The dashboard.
    Dashboard,
    /// The dashboard's shared worker: one stream for all tabs of a browser.
    SharedStream,
    /// The page of the API documentation.
    Docs,
    /// The OpenAPI document.
    Document,
    /// The script of Swagger UI.
    DocsScript,
    /// The style sheet of Swagger UI.
    DocsStyle,
}

/// All assets that have been encoded so far.
#[derive(Debug, Default)]
pub struct Assets([OnceLock<Arc<[Representation]>>; Asset::ALL.len()]);

impl Asset {
    /// Every asset.
    pub const ALL: [Self; 6] = [
        Self::Dashboard,
        Self::SharedStream,
        Self::Docs,
        Self::Document,
        Self::DocsScript,
        Self::DocsStyle,
    ];

    /// Returns the index in [`Self::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Returns the URL path.
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

    /// Returns the media type.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Dashboard | Self::Docs => "text/html; charset=utf-8",
            Self::SharedStream | Self::DocsScript => "text/javascript; charset=utf-8",
            Self::Document => "application/json",
            Self::DocsStyle => "text/css; charset=utf-8",
        }
    }

    /// Returns whether the configuration enables the asset.
    pub fn is_enabled(self, config: &Config) -> bool {
        match self {
            Self::Dashboard | Self::SharedStream => config.dashboard_enabled,
            Self::Docs | Self::Document | Self::DocsScript | Self::DocsStyle => config.docs_enabled,
        }
    }

    /// Returns the headers that do not depend on the encoding. Browsers may store an asset but must revalidate it.
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
    /// Returns the encoded asset, or `None` if nobody has requested it yet.
    pub fn get(&self, asset: Asset) -> Option<&[Representation]> {
        self.0[asset.index()].get().map(AsRef::as_ref)
    }

    fn get_or_encode(&self, asset: Asset, config: &Config) -> Arc<[Representation]> {
        let encode = || Representation::encode_all(&asset.body(config), &asset.headers()).into();
        self.0[asset.index()].get_or_init(encode).clone()
    }
}

/// Encodes an asset and stores the result. A large one takes a tenth of a second, which would block an I/O thread, so
/// this runs on a thread for blocking work.
pub async fn encode(gateway: Arc<Gateway>, asset: Asset) -> Arc<[Representation]> {
    let encoded =
        spawn_blocking(move || gateway.assets.get_or_encode(asset, &gateway.config)).await;
    encoded.expect("encoding does not panic, and the runtime outlives its requests")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The function is duplicated because the page must also work without the other file.
    #[test]
    fn dashboard_and_shared_worker_contain_the_same_follow_function() {
        let follow = |text: &'static str| {
            let (_, rest) = text.split_once("\nfunction follow(").unwrap();
            rest.split_once("\n}\n").unwrap().0
        };
        assert!(follow(DASHBOARD).contains("new EventSource(url)"));
        assert_eq!(follow(DASHBOARD), follow(SHARED_STREAM));
    }
}
