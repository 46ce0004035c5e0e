//! What people look at: the dashboard of `gateway/dashboard`. Each text is part of the binary, and is encoded when it is
//! first asked for.

use crate::Gateway;
use crate::coding::Encoded;
use crate::config::Config;
use crate::guard::guard;
use crate::policy;
use bytes::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderValue};
use std::sync::{Arc, OnceLock};
use tokio::task::spawn_blocking;

const DASHBOARD: &str = include_str!("../dashboard/index.html");
const SHARED_STREAM: &str = include_str!("../dashboard/stream.js");

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// The dashboard.
    Dashboard,
    /// Its shared worker: one stream for all tabs of a browser.
    SharedStream,
}

/// All of them, as they are sent.
#[derive(Debug, Default)]
pub struct Pages([OnceLock<Arc<[Encoded]>>; Page::ALL.len()]);

impl Page {
    /// Every page.
    pub const ALL: [Self; 2] = [Self::Dashboard, Self::SharedStream];

    /// Its place in [`Self::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Where it is.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Dashboard => "/",
            Self::SharedStream => "/stream.js",
        }
    }

    /// Whether it is wanted.
    pub fn is_enabled(self, config: &Config) -> bool {
        match self {
            Self::Dashboard | Self::SharedStream => config.dashboard_enabled,
        }
    }

    fn body(self) -> Bytes {
        match self {
            Self::Dashboard => Bytes::from_static(DASHBOARD.as_bytes()),
            Self::SharedStream => Bytes::from_static(SHARED_STREAM.as_bytes()),
        }
    }

    /// What its coding does not change. A browser keeps it and asks each time whether it is the same.
    fn headers(self) -> HeaderMap {
        let content_type = match self {
            Self::Dashboard => "text/html; charset=utf-8",
            Self::SharedStream => "text/javascript; charset=utf-8",
        };
        let mut headers = HeaderMap::new();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        guard(&mut headers);
        let policy = match self {
            Self::Dashboard => policy::of_page(DASHBOARD, "worker-src 'self'"),
            Self::SharedStream => policy::OF_WORKER,
        };
        headers.insert(CONTENT_SECURITY_POLICY, policy);
        headers
    }
}

impl Pages {
    /// A page, if it has been asked for before.
    pub fn ready(&self, page: Page) -> Option<&[Encoded]> {
        self.0[page.index()].get().map(AsRef::as_ref)
    }

    fn get(&self, page: Page) -> Arc<[Encoded]> {
        let encode = || Encoded::all(&page.body(), &page.headers()).into();
        self.0[page.index()].get_or_init(encode).clone()
    }
}

/// A page that nobody has asked for yet. To encode a large one takes a tenth of a second, in which its thread serves nobody
/// else; so it has a thread of its own.
pub async fn encode(gateway: Arc<Gateway>, page: Page) -> Arc<[Encoded]> {
    let encoded = spawn_blocking(move || gateway.pages.get(page)).await;
    encoded.expect("nothing in it fails, and the runtime lives as long as its requests")
}
