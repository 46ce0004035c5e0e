//! The state that all connections and tasks share.

use crate::cache::live_cache::Cache;
use crate::config::Config;
use crate::failures::Failures;
use crate::http::assets::Assets;
use crate::library::content::Library;
use crate::metrics::Metrics;
use crate::redis::refresh_request::RefreshRequests;
use crate::server::client_limit::ClientLimiter;
use crate::sse::permits::StreamPermits;
use shared::time::Clock;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio_util::sync::CancellationToken;

/// The state that all connections and tasks share.
pub struct Gateway {
    /// The configuration.
    pub config: Config,
    /// The time of day, used for ages.
    pub clock: Clock,
    /// The last good copy of everything in Redis.
    pub cache: Cache,
    /// Asks the worker for a fresh count of today.
    pub refresh_requests: RefreshRequests,
    /// The permits for streams.
    pub streams: StreamPermits,
    /// The dashboard and the API documents.
    pub assets: Assets,
    /// What the library says about itself.
    pub library: Library,
    /// The metrics of the process.
    pub metrics: Metrics,
    /// What fails at present.
    pub failures: Failures,
    /// Limits the connections and streams of each client address.
    pub client_limiter: ClientLimiter,
    /// Cancelled when the process must stop.
    pub stop: CancellationToken,
    pub(crate) stopping: AtomicBool,
}

impl Gateway {
    /// Returns whether the drain has begun. Cheaper than checking `stop`, which takes a lock.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }
}
