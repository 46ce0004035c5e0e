//! The dashboard and the API documentation. Each file is encoded when it is first requested.

use crate::cache::representation::Representation;
use crate::config::Config;
use crate::http::dashboard_files::{DASHBOARD_FILES, FileKind};
use crate::http::frame_ancestors::FrameAncestors;
use crate::http::resource::Asset;
use crate::http::security_headers::{
    WORKER_POLICY, add_security_headers, dashboard_policy, docs_policy,
};
use bytes::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderValue};
use std::sync::{Arc, OnceLock};

const DOCS: &str = include_str!("../../docs/index.html");
/// Swagger UI, extracted by `build.rs`.
const DOCS_SCRIPT: &str = include_str!(concat!(env!("OUT_DIR"), "/swagger-ui.js"));
const DOCS_STYLE: &str = include_str!(concat!(env!("OUT_DIR"), "/swagger-ui.css"));

/// Builds the OpenAPI document of a configuration.
pub type Document = fn(&Config) -> Bytes;

/// All assets that have been encoded so far.
#[derive(Debug)]
pub struct Assets {
    encoded: [OnceLock<Arc<[Representation]>>; Asset::ALL.len()],
    document: Document,
}

/// Returns the headers that do not depend on the encoding. Browsers may store an asset but must revalidate it.
/// `ancestors` are those of the dashboard's page.
pub fn headers(asset: Asset, ancestors: &FrameAncestors) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    let content_type = HeaderValue::from_static(asset.content_type());
    headers.insert(CONTENT_TYPE, content_type);
    add_security_headers(&mut headers);
    let policy = match asset {
        Asset::Dashboard(index) => match DASHBOARD_FILES[index].kind {
            FileKind::Page => {
                let html = DASHBOARD_FILES[index].served_text();
                Some(dashboard_policy(&html, ancestors))
            }
            FileKind::Worker => Some(WORKER_POLICY),
            FileKind::Script | FileKind::Style => None,
        },
        Asset::Docs => Some(docs_policy(DOCS)),
        Asset::Document | Asset::DocsScript | Asset::DocsStyle => None,
    };
    if let Some(policy) = policy {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    headers
}

fn body(asset: Asset, config: &Config, document: Document) -> Bytes {
    let text = match asset {
        Asset::Dashboard(index) => return DASHBOARD_FILES[index].served_text().into(),
        Asset::Docs => DOCS,
        Asset::Document => return document(config),
        Asset::DocsScript => DOCS_SCRIPT,
        Asset::DocsStyle => DOCS_STYLE,
    };
    Bytes::from_static(text.as_bytes())
}

impl Assets {
    /// Creates an empty set; `document` is called when the OpenAPI document is first requested.
    pub fn new(document: Document) -> Self {
        Self {
            encoded: std::array::from_fn(|_| OnceLock::new()),
            document,
        }
    }

    /// Returns the encoded asset, or `None` before its first request.
    pub fn get(&self, asset: Asset) -> Option<&[Representation]> {
        self.encoded[asset.index()].get().map(AsRef::as_ref)
    }

    /// Returns the encoded asset; encodes it at its first request. A large one takes a tenth of a second.
    pub fn get_or_encode(&self, asset: Asset, config: &Config) -> Arc<[Representation]> {
        let encode = || {
            let headers = headers(asset, &config.frame_ancestors);
            let body = body(asset, config, self.document);
            match asset {
                Asset::Dashboard(_) => Representation::encode_all_once(&body, &headers).into(),
                // Swagger UI is large: this would take seconds.
                _ => Representation::encode_all(&body, &headers).into(),
            }
        };
        self.encoded[asset.index()].get_or_init(encode).clone()
    }
}
