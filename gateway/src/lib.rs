//! The gateway: answers from a copy of what Redis holds, and relays today's count as a stream of events.
//!
//! # Layout
//! - [`config`], [`cors`], [`limits`]: what it is told, and the numbers that nobody tells
//! - [`cache`]: the copy that requests are answered from, made of [`state`], [`entry`] (in its [`coding`]s), [`summary`], [`today`]
//! - [`follow`]: the one task that keeps the copy like Redis, by way of [`source`], and [`follower`], which takes in what was heard, the costly part of it in a [`batch`]; [`awake`]: whether it stood still; [`failures`]: what fails at present
//! - [`accept`], [`connection`], [`wire`], [`refusal`]: connections and their limits; [`io_threads`]: the threads that serve them
//! - [`files`]: how many of all these there may be; [`client_limiter`], [`proxies`]: how much one client address may hold, and whose a request is
//! - [`route`]: from a request to an answer, by [`reply`] and [`guard`], [`conditional`], [`health`]; [`role`]: on which port
//! - [`pages`]: the dashboard and the API's documents; [`policy`]: what a browser lets them do
//! - [`openapi`]: what the API's documents say
//! - [`metrics`]: what is counted; [`access`]: a line for each answer, where it is wanted
//! - [`doorbell`]: a request that waits for today's count
//! - [`streams`], [`hub`], [`stream`]: all streams, those of one task, one; [`head`], [`frame`] and [`news`] are what is sent
//!
//! Invariants: it knows no MySQL, writes no key, and no request waits for Redis but one that waits for today's count, and
//! those that come as it starts.

pub mod cache;
pub mod config;
pub mod failures;
pub mod http;
pub mod limits;
pub mod metrics;
pub mod openapi;
pub mod redis;
pub mod server;
pub mod sse;

use crate::cache::live_cache::Cache;
use crate::config::Config;
use crate::failures::Failures;
use crate::http::assets::Assets;
use crate::http::listener_role::Listeners;
use crate::metrics::Metrics;
use crate::redis::client::RedisClient;
use crate::redis::refresh_request::RefreshRequests;
use crate::server::client_limit::ClientLimiter;
use crate::server::io_threads::IoThreads;
use crate::server::listener::ConnectionContext;
use crate::sse::hub::Hub;
use crate::sse::permits::StreamPermits;
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

/// How long who comes first waits for the copy, in the kernel's queue: an answer of Redis takes milliseconds, and without
/// Redis 202 is all that there is.
const FIRST_READING: Duration = Duration::from_millis(500);
/// How long after the window a stream that cannot take its end may hold up the exit; half of the contract's 2 s.
const LAST_STREAM: Duration = Duration::from_secs(1);
/// How long answers that are being written may take after that; the other half, less what the exit itself takes.
const LAST_ANSWERS: Duration = Duration::from_millis(800);

/// What every request sees.
pub struct Gateway {
    /// What it was told at the start.
    pub config: Config,
    /// The time of day, for ages.
    pub clock: Clock,
    /// The copy of what Redis holds.
    pub cache: Cache,
    /// Asks the worker for a fresh count.
    pub refresh_requests: RefreshRequests,
    /// The places for streams.
    pub streams: StreamPermits,
    /// What people look at.
    pub assets: Assets,
    /// What is counted.
    pub metrics: Metrics,
    /// What fails at present.
    pub failures: Failures,
    /// What each client address holds.
    pub client_limiter: ClientLimiter,
    /// Cancelled when the process has been told to stop.
    pub stop: CancellationToken,
    stopping: AtomicBool,
}

impl Gateway {
    /// Whether the process has been told to stop; without the lock that asking `stop` takes.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }
}

/// Serves on `listeners` until `stop` is cancelled and the streams have left.
///
/// # Errors
/// A Redis client that cannot be made, or a task that ended though it never should.
pub async fn run(
    listeners: impl Into<Listeners>,
    config: Config,
    clock: Clock,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let listeners = listeners.into();
    let address = listeners.public.local_addr();
    let address = address.context("asking for the address")?;
    let source = Arc::new(RedisClient::new(&config).context("making the Redis client")?);
    let io_threads = IoThreads::start().context("starting the threads that serve")?;
    let (streams, arrivals) = StreamPermits::new(config.max_streams, io_threads.count());
    let gateway = Arc::new(Gateway {
        clock,
        cache: Cache::default(),
        refresh_requests: RefreshRequests::default(),
        streams,
        assets: Assets::default(),
        metrics: Metrics::new(),
        failures: Failures::default(),
        client_limiter: ClientLimiter::new(config.max_per_address, config.trusted_proxies.clone()),
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
        let (gateway, source) = (gateway.clone(), source.clone());
        async move { redis::subscriber::run(&gateway, &source).await }
    });
    tasks.spawn({
        let gateway = gateway.clone();
        async move { match redis::refresh_request::send_requests(&gateway, &source).await {} }
    });
    let hosts = Arc::new(ConnectionContext {
        io_threads,
        closing: closing.clone(),
        connections: connections.clone(),
    });
    for listener in listeners.with_roles() {
        let (gateway, hosts) = (gateway.clone(), hosts.clone());
        tasks.spawn(async move {
            // A balancer that sends here at once must not be told that a figure is missing, which others have.
            drop(timeout(FIRST_READING, gateway.cache.ready()).await);
            match server::listener::accept_loop(listener, gateway, hosts).await {}
        });
    }
    info!(%address, version = env!("CARGO_PKG_VERSION"), "the gateway listens on {address}");

    tokio::select! {
        ended = tasks.join_next() => match ended {
            Some(Ok(Err(e))) => Err(e).context("a task that serves for ever has ended"),
            Some(Err(e)) => Err(e).context("a task has failed"),
            Some(Ok(Ok(()))) | None => bail!("a task that serves for ever has ended"),
        },
        () = drain(&gateway, &closing, &connections) => Ok(()),
    }
}

/// From the signal to the exit: streams leave one by one, then the answers that are being written are finished.
async fn drain(gateway: &Gateway, closing: &CancellationToken, connections: &TaskTracker) {
    gateway.stop.cancelled().await;
    gateway.stopping.store(true, Ordering::Relaxed);
    let window = gateway.config.drain_window;
    let streams = gateway.streams.begin_drain(window);
    info!(streams, window_seconds = window.as_secs(), "draining");
    let gone = timeout(window + LAST_STREAM, gateway.streams.all_released()).await;
    if gone.is_err() {
        warn!(
            streams = gateway.streams.in_use(),
            "cutting the last streams"
        );
    }
    closing.cancel();
    connections.close();
    if timeout(LAST_ANSWERS, connections.wait()).await.is_err() {
        warn!("cutting {} connections", connections.len());
    }
    info!("stopped");
}
