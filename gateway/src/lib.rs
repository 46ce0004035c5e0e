//! The gateway: serves REST responses from a cache of Redis, and today's count as a stream of events.
//!
//! # Rooms
//! - [`server`]: accepts connections, enforces limits and time-outs, runs HTTP/1.1
//! - [`http`]: from a request to a response: router, headers, dashboard
//! - [`openapi`]: the API document
//! - [`sse`]: the event stream: permits, hubs, frames, change notices
//! - [`redis`]: keeps the cache equal to Redis and sends refresh requests
//! - [`cache`]: the last good copy of everything, ready to send
//! - [`library`]: what the library says about itself, from a file
//! - [`state`]: what all of them share
//! - [`config`], [`limits`], [`metrics`], [`failures`]: values, counters, current failures
//!
//! # Invariants
//! The gateway has no MySQL client and writes no key. A request waits for Redis only if it needs today's count and the
//! cache has none, or if it arrives while the gateway starts.

pub mod cache;
pub mod config;
pub mod failures;
pub mod http;
pub mod library;
pub mod limits;
pub mod metrics;
pub mod openapi;
pub mod redis;
pub mod server;
pub mod sse;
pub mod state;

use crate::cache::live_cache::Cache;
use crate::config::Config;
use crate::failures::Failures;
use crate::http::assets::Assets;
use crate::http::listener_role::Listeners;
use crate::library::content::Library;
use crate::library::watcher::LibraryWatcher;
use crate::metrics::Metrics;
use crate::redis::client::RedisClient;
use crate::redis::refresh_request::RefreshRequests;
use crate::server::client_limit::ClientLimiter;
use crate::server::io_threads::IoThreads;
use crate::server::listener::ConnectionContext;
use crate::sse::hub::Hub;
use crate::sse::permits::StreamPermits;
use crate::state::Gateway;
use anyhow::{Context, bail};
use shared::time::Clock;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

/// How long the first clients wait, in the kernel's queue, until the cache is filled. Redis answers within
/// milliseconds; without Redis the gateway can only respond with 202.
const FIRST_READ_LIMIT: Duration = Duration::from_millis(500);
/// How long the start waits for the library's file. On a network file system that does not answer, it is read later.
const LIBRARY_READ_LIMIT: Duration = Duration::from_millis(500);
/// How long after the drain window a blocked stream may delay the exit: half of the promised 2 s.
const LAST_STREAMS_LIMIT: Duration = Duration::from_secs(1);
/// How long responses in progress may take after that: the other half, minus the time for the exit itself.
const LAST_RESPONSES_LIMIT: Duration = Duration::from_millis(800);

/// Serves on `listeners` until `stop` is cancelled and all streams are closed.
///
/// # Errors
/// If the Redis client or a thread cannot be created, or if a task ends that should run as long as the process.
pub async fn run(
    listeners: impl Into<Listeners>,
    config: Config,
    clock: Clock,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let listeners = listeners.into();
    let address = listeners.public.local_addr();
    let address = address.context("reading the address of the listener")?;
    let redis_client = Arc::new(RedisClient::new(&config).context("creating the Redis client")?);
    let io_threads = IoThreads::start().context("starting the I/O threads")?;
    let (streams, arrivals) = StreamPermits::new(config.max_streams, io_threads.count());
    let gateway = Arc::new(Gateway {
        clock,
        cache: Cache::default(),
        refresh_requests: RefreshRequests::default(),
        streams,
        assets: Assets::new(openapi::document),
        library: Library::default(),
        metrics: Metrics::new(),
        failures: Failures::default(),
        client_limiter: ClientLimiter::new(config.max_per_address),
        stop,
        stopping: AtomicBool::new(false),
        config,
    });

    let closing = CancellationToken::new();
    let connections = TaskTracker::new();
    let mut tasks = JoinSet::new();
    for (index, arrivals) in arrivals.into_iter().enumerate() {
        let hub = Hub::run(gateway.clone(), arrivals);
        let hub = async move {
            hub.await;
            Ok(())
        };
        tasks.spawn_on(hub, io_threads.handle(index));
    }
    tasks.spawn({
        let (gateway, client) = (gateway.clone(), redis_client.clone());
        async move { redis::subscriber::run(&gateway, &client).await }
    });
    tasks.spawn({
        let gateway = gateway.clone();
        async move { match redis::refresh_sender::run(&gateway, &redis_client).await {} }
    });
    if let Some(path) = gateway.config.library_file.clone() {
        let mut watcher = LibraryWatcher::new(path);
        drop(timeout(LIBRARY_READ_LIMIT, watcher.check(&gateway)).await);
        let gateway = gateway.clone();
        tasks.spawn(async move { match watcher.run(&gateway).await {} });
    }
    let context = Arc::new(ConnectionContext {
        io_threads,
        closing: closing.clone(),
        connections: connections.clone(),
    });
    for listener in listeners.with_roles() {
        let (gateway, context) = (gateway.clone(), context.clone());
        tasks.spawn(async move {
            // A balancer may send requests at once; they must not get a 202 for a snapshot that Redis has.
            drop(timeout(FIRST_READ_LIMIT, gateway.cache.ready()).await);
            match server::listener::accept_loop(listener, gateway, context).await {}
        });
    }
    info!(%address, version = env!("CARGO_PKG_VERSION"), "the gateway listens on {address}");

    tokio::select! {
        ended = tasks.join_next() => match ended {
            Some(Ok(Err(e))) => Err(e).context("a task that must run as long as the process has ended"),
            Some(Err(e)) => Err(e).context("a task has panicked"),
            Some(Ok(Ok(()))) | None => bail!("a task that must run as long as the process has ended"),
        },
        () = drain(&gateway, &closing, &connections) => Ok(()),
    }
}

/// Waits for the stop signal, closes the streams one by one over the drain window, then finishes the responses in
/// progress.
async fn drain(gateway: &Gateway, closing: &CancellationToken, connections: &TaskTracker) {
    gateway.stop.cancelled().await;
    gateway.stopping.store(true, Ordering::Relaxed);
    let window = gateway.config.drain_window;
    let streams = gateway.streams.begin_drain(window);
    info!(streams, window_seconds = window.as_secs(), "draining");
    let drained = timeout(window + LAST_STREAMS_LIMIT, gateway.streams.all_released()).await;
    if drained.is_err() {
        warn!(
            streams = gateway.streams.in_use(),
            "closing the last streams, which did not end in time"
        );
    }
    closing.cancel();
    connections.close();
    if timeout(LAST_RESPONSES_LIMIT, connections.wait())
        .await
        .is_err()
    {
        warn!(
            "closing {} connections, which did not end in time",
            connections.len()
        );
    }
    info!("stopped");
}
