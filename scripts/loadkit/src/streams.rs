//! Opens many event streams to a server, and measures when each of them receives each message.

use crate::publisher::Publisher;
use crate::samples::Samples;
use crate::total_parser::TotalParser;
use anyhow::{Context as _, Result, bail};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

const REQUEST: &[u8] = b"GET /api/visitors/today/stream HTTP/1.1\r\nHost: library.example\r\n\r\n";
/// Clients connect from this many addresses. Each has 28,000 ports, some of which closed connections hold for a minute.
const SOURCE_ADDRESSES: usize = 32;
/// A stream that is not open after this time counts as failed.
const OPEN_LIMIT: Duration = Duration::from_secs(60);
/// A message that has not arrived after this time counts as missed.
const DELIVERY_LIMIT: Duration = Duration::from_secs(5);
/// Streams that open at the same time where the speed of opening is not measured: fewer than a listener's backlog.
pub(crate) const LOW_CONCURRENCY: usize = 64;

/// Open streams to one server. Dropping it closes them when the runtime next runs.
#[derive(Debug)]
pub(crate) struct Streams {
    server: SocketAddr,
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
    /// The `total` of the next message; each message has another one.
    next_total: u64,
}

/// What all streams share.
#[derive(Debug, Default)]
struct Shared {
    progress: Mutex<Progress>,
    changed: Notify,
}

/// What has happened so far.
#[derive(Debug, Default)]
struct Progress {
    opened: usize,
    /// Why streams did not open or have ended.
    errors: Vec<String>,
    /// From connecting to the first event.
    open_times: Samples,
    /// The `total` of the first message of the current measurement.
    first_total: u64,
    /// When each message of the current measurement was published.
    published: Vec<Instant>,
    /// One for each message and stream.
    latencies: Samples,
}

/// When messages are published.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PublishPlan {
    /// The number of messages.
    pub(crate) messages: usize,
    /// The time between two messages.
    pub(crate) interval: Duration,
    /// Whether each message waits until every stream has received the one before.
    pub(crate) wait_for_delivery: bool,
}

/// The result of a measurement.
#[derive(Debug)]
pub(crate) struct Delivery {
    /// From publishing a message to receiving it, in milliseconds.
    pub(crate) latencies: Samples,
    /// Messages that a stream did not receive, summed over all streams.
    pub(crate) missed: usize,
}

/// How fast streams opened.
#[derive(Debug)]
pub(crate) struct Opening {
    /// Until the last stream was open.
    pub(crate) duration: Duration,
    /// From connecting to the first event, in milliseconds.
    pub(crate) open_times: Samples,
}

impl Streams {
    /// No streams yet.
    pub(crate) fn new(server: SocketAddr) -> Self {
        Self {
            server,
            shared: Arc::default(),
            tasks: JoinSet::new(),
            // Above every count that was published before.
            next_total: 1_000,
        }
    }

    /// Opens `count` more streams, at most `concurrency` at the same time.
    ///
    /// # Errors
    /// If one of them does not open.
    pub(crate) async fn open(&mut self, count: usize, concurrency: usize) -> Result<Opening> {
        let permits = Arc::new(Semaphore::new(concurrency));
        self.shared.lock().open_times = Samples::default();
        let (began, wanted) = (Instant::now(), self.count() + count);
        for index in 0..count {
            let last_byte = u8::try_from(index % SOURCE_ADDRESSES).context("a small number")?;
            let source = SocketAddr::from((Ipv4Addr::new(127, 0, 0, last_byte + 2), 0));
            let (server, shared, permits) = (self.server, self.shared.clone(), permits.clone());
            self.tasks.spawn(async move {
                let result = read_stream(source, server, &shared, &permits).await;
                let error = result
                    .err()
                    .map_or("it ended".to_owned(), |error| error.to_string());
                shared.update(|progress| progress.errors.push(error));
            });
        }
        let settled = |progress: &Progress| progress.opened + progress.errors.len() >= wanted;
        self.shared.wait_until(OPEN_LIMIT, settled).await;
        let progress = self.shared.lock();
        if progress.opened < wanted {
            let (missing, error) = (wanted - progress.opened, progress.errors.first());
            bail!("{missing} of {count} streams did not open; the first error: {error:?}");
        }
        Ok(Opening {
            duration: began.elapsed(),
            open_times: progress.open_times.clone(),
        })
    }

    /// The number of streams that have opened.
    pub(crate) fn count(&self) -> usize {
        self.shared.lock().opened
    }

    /// Closes all streams, and waits until they are closed.
    pub(crate) async fn close(mut self) {
        self.tasks.shutdown().await;
    }

    /// Publishes messages, and waits until every stream has received the last one, or until it is too late.
    pub(crate) async fn measure_delivery(
        &mut self,
        publisher: &mut Publisher,
        plan: PublishPlan,
    ) -> Result<Delivery> {
        let streams = self.count();
        self.shared.lock().start_measurement(self.next_total);
        let mut due = Instant::now();
        for message in 1..=plan.messages {
            sleep_until(due).await;
            self.shared.lock().published.push(Instant::now());
            publisher.publish_count(self.next_total)?;
            self.next_total += 1;
            due += plan.interval;
            if plan.wait_for_delivery || message == plan.messages {
                let all = |progress: &Progress| progress.latencies.len() >= message * streams;
                self.shared.wait_until(DELIVERY_LIMIT, all).await;
                due = due.max(Instant::now());
            }
        }
        let latencies = std::mem::take(&mut self.shared.lock().latencies);
        let missed = (plan.messages * streams).saturating_sub(latencies.len());
        Ok(Delivery { latencies, missed })
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, change: impl FnOnce(&mut Progress)) {
        change(&mut self.lock());
        self.changed.notify_waiters();
    }

    /// Waits until `reached` is true, for `limit` at most.
    async fn wait_until(&self, limit: Duration, reached: impl Fn(&Progress) -> bool) {
        let wait = async {
            loop {
                let changed = self.changed.notified();
                if reached(&self.lock()) {
                    return;
                }
                changed.await;
            }
        };
        timeout(limit, wait).await.ok();
    }
}

impl Progress {
    fn start_measurement(&mut self, first_total: u64) {
        self.first_total = first_total;
        self.published.clear();
        self.latencies = Samples::default();
    }

    /// Records that a stream has received the message with this total, unless it is of an earlier measurement.
    fn record(&mut self, total: u64, received: Instant) {
        let index = total.checked_sub(self.first_total).map(usize::try_from);
        let Some(Ok(index)) = index else { return };
        if let Some(published) = self.published.get(index) {
            self.latencies.add_ms(received - *published);
        }
    }
}

/// Opens one stream, and reads it until it ends or fails.
async fn read_stream(
    source: SocketAddr,
    server: SocketAddr,
    shared: &Shared,
    permits: &Semaphore,
) -> Result<()> {
    let mut permit = Some(permits.acquire().await?);
    let began = Instant::now();
    let socket = TcpSocket::new_v4()?;
    socket.bind(source)?;
    let mut socket = socket.connect(server).await?;
    socket.write_all(REQUEST).await?;
    let (mut parser, mut buffer) = (TotalParser::default(), [0; 1024]);
    loop {
        let length = socket.read(&mut buffer).await?;
        let received = Instant::now();
        let bytes = &buffer[..length];
        if permit.is_some() {
            if !bytes.starts_with(b"HTTP/1.1 200 ") {
                bail!("refused: {}", String::from_utf8_lossy(bytes));
            }
            permit = None;
            shared.update(|progress| {
                progress.opened += 1;
                progress.open_times.add_ms(received - began);
            });
        }
        if length == 0 {
            return Ok(());
        }
        parser.parse(bytes, |total| {
            shared.update(|progress| progress.record(total, received));
        });
    }
}
