//! The gateway: answers from a copy of what Redis holds, and relays today's count as a stream of events.
//!
//! # Layout
//! - [`config`], [`cors`], [`limits`]: what it is told, and the numbers that nobody tells
//! - [`mirror`]: the copy that requests are answered from, made of [`holdings`], [`entry`] (in its [`coding`]s), [`summary`], [`today`]
//! - [`follow`]: the one task that keeps the copy like Redis, by way of [`source`], and [`follower`], which takes in what was heard, the costly part of it in a [`batch`]; [`awake`]: whether it stood still; [`failures`]: what fails at present
//! - [`accept`], [`connection`], [`wire`], [`refusal`]: connections and their limits; [`reactors`]: the threads that serve them
//! - [`files`]: how many of all these there may be; [`addresses`], [`proxies`]: how much one client address may hold, and whose a request is
//! - [`route`]: from a request to an answer, by [`reply`] and [`guard`], [`conditional`], [`health`]; [`offer`]: on which port
//! - [`pages`]: the dashboard and the API's documents; [`policy`]: what a browser lets them do
//! - [`openapi`]: what the API's documents say
//! - [`metrics`]: what is counted; [`access`]: a line for each answer, where it is wanted
//! - [`doorbell`]: a request that waits for today's count
//! - [`streams`], [`hub`], [`stream`]: all streams, those of one task, one; [`head`], [`frame`] and [`news`] are what is sent
//!
//! Invariants: it knows no MySQL, writes no key, and no request waits for Redis but one that waits for today's count, and
//! those that come as it starts.

pub mod accept;
pub mod access;
pub mod addresses;
pub mod awake;
pub mod batch;
pub mod coding;
pub mod conditional;
pub mod config;
pub mod connection;
pub mod cors;
pub mod doorbell;
pub mod entry;
pub mod failures;
pub mod files;
pub mod follow;
pub mod follower;
pub mod frame;
pub mod guard;
pub mod head;
pub mod health;
pub mod holdings;
pub mod hub;
pub mod limits;
pub mod metrics;
pub mod mirror;
pub mod news;
pub mod offer;
pub mod openapi;
pub mod pages;
pub mod policy;
pub mod proxies;
pub mod reactors;
pub mod refusal;
pub mod reply;
pub mod route;
pub mod source;
pub mod stream;
pub mod streams;
pub mod summary;
pub mod today;
pub mod wire;

use accept::Hosts;
use addresses::Addresses;
use anyhow::{Context, bail};
use config::Config;
use doorbell::Doorbell;
use failures::Failures;
use hub::Hub;
use metrics::Metrics;
use mirror::Mirror;
use offer::Listeners;
use pages::Pages;
use reactors::Reactors;
use shared::time::Clock;
use source::Source;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use streams::Streams;
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
    pub mirror: Mirror,
    /// Asks the worker for a fresh count.
    pub doorbell: Doorbell,
    /// The places for streams.
    pub streams: Streams,
    /// What people look at.
    pub pages: Pages,
    /// What is counted.
    pub metrics: Metrics,
    /// What fails at present.
    pub failures: Failures,
    /// What each client address holds.
    pub addresses: Addresses,
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
    let source = Arc::new(Source::new(&config).context("making the Redis client")?);
    let reactors = Reactors::start().context("starting the threads that serve")?;
    let (streams, arrivals) = Streams::new(config.max_streams, reactors.count());
    let gateway = Arc::new(Gateway {
        clock,
        mirror: Mirror::default(),
        doorbell: Doorbell::default(),
        streams,
        pages: Pages::default(),
        metrics: Metrics::new(),
        failures: Failures::default(),
        addresses: Addresses::new(config.max_per_address, config.trusted_proxies.clone()),
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
        tasks.spawn_on(hub, reactors.handle(index));
    }
    tasks.spawn({
        let (gateway, source) = (gateway.clone(), source.clone());
        async move { follow::follow(&gateway, &source).await }
    });
    tasks.spawn({
        let gateway = gateway.clone();
        async move { match doorbell::answer_presses(&gateway, &source).await {} }
    });
    let hosts = Arc::new(Hosts {
        reactors,
        closing: closing.clone(),
        connections: connections.clone(),
    });
    for offered in listeners.offers() {
        let (gateway, hosts) = (gateway.clone(), hosts.clone());
        tasks.spawn(async move {
            // A balancer that sends here at once must not be told that a figure is missing, which others have.
            drop(timeout(FIRST_READING, gateway.mirror.heard()).await);
            match accept::accept(offered, gateway, hosts).await {}
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
    let streams = gateway.streams.leave(window);
    info!(streams, window_seconds = window.as_secs(), "draining");
    let gone = timeout(window + LAST_STREAM, gateway.streams.all_gone()).await;
    if gone.is_err() {
        warn!(streams = gateway.streams.live(), "cutting the last streams");
    }
    closing.cancel();
    connections.close();
    if timeout(LAST_ANSWERS, connections.wait()).await.is_err() {
        warn!("cutting {} connections", connections.len());
    }
    info!("stopped");
}
