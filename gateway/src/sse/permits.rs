//! Limits the number of open streams, hands streams to hubs, and plans when each stream closes during the drain.

use crate::server::client_limit;
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// The longest time between the signal and the first closed stream, in which balancers see that `/readyz` has changed.
const MAX_GRACE: Duration = Duration::from_secs(1);

/// The permission to keep one stream open, counted in total and for the client's address. Dropping it releases both.
#[derive(Debug)]
pub struct StreamPermit {
    _total: OwnedSemaphorePermit,
    _client: client_limit::ClientPermit,
    /// Dropped last, so that the other two are released when no stream is counted any more.
    _counted: TaskTrackerToken,
}

/// Granted streams that wait for their hub. When the queue is full, their connection tasks wait.
const QUEUE_CAPACITY: usize = 1_024;

/// A granted stream: everything that a hub needs to take over the connection.
#[derive(Debug)]
pub struct NewStream {
    /// The connection. Nothing of the response has been sent.
    pub socket: TcpStream,
    /// The head of the response.
    pub head: Bytes,
    /// Whether blocks are sent as chunks. For HTTP/1.0 the stream ends with the connection.
    pub chunked: bool,
    /// Held until the stream ends.
    pub permit: StreamPermit,
}

/// `SSE_MAX_CLIENTS` permits, and the channels to the hubs that serve the streams.
#[derive(Debug)]
pub struct StreamPermits {
    permits: Arc<Semaphore>,
    /// Counts the open streams. The semaphore cannot do that: a task that waits for all permits takes the free ones.
    open: TaskTracker,
    capacity: u32,
    drain: watch::Sender<Option<DrainPlan>>,
    hub_senders: Vec<mpsc::Sender<NewStream>>,
}

/// Spreads the closing of all streams over the drain window: each call of [`Self::next_close_at`] gives the next time.
#[derive(Clone, Debug)]
pub struct DrainPlan {
    first: Instant,
    span: Duration,
    streams: u32,
    closes_planned: Arc<AtomicU32>,
}

impl StreamPermits {
    /// Creates `capacity` permits and one channel for each of `hubs` hubs; returns the receivers of these channels.
    pub fn new(capacity: u32, hubs: usize) -> (Self, Vec<mpsc::Receiver<NewStream>>) {
        let (hub_senders, receivers) = (0..hubs).map(|_| mpsc::channel(QUEUE_CAPACITY)).unzip();
        let permits = Self {
            permits: Arc::new(Semaphore::new(capacity as usize)),
            open: TaskTracker::new(),
            capacity,
            drain: watch::Sender::new(None),
            hub_senders,
        };
        (permits, receivers)
    }

    /// Hands a stream to the hub with the index `hub`.
    pub async fn dispatch(&self, hub: usize, stream: NewStream) {
        // An error means that the hub has ended, and then the process ends too.
        drop(self.hub_senders[hub].send(stream).await);
    }

    /// Returns a stream permit, or `None` if `SSE_MAX_CLIENTS` streams are open. Takes the permit of the client's
    /// address.
    pub fn try_acquire(&self, client: client_limit::ClientPermit) -> Option<StreamPermit> {
        let total = self.permits.clone().try_acquire_owned().ok()?;
        Some(StreamPermit {
            _total: total,
            _client: client,
            _counted: self.open.token(),
        })
    }

    /// The number of open streams.
    pub fn in_use(&self) -> u32 {
        u32::try_from(self.open.len()).unwrap_or(self.capacity)
    }

    /// The number of streams that may be open at once.
    pub fn capacity(&self) -> u32 {
        self.capacity
    }

    /// Returns a receiver that gets the plan when the drain begins.
    pub fn drain_plan(&self) -> watch::Receiver<Option<DrainPlan>> {
        self.drain.subscribe()
    }

    /// Begins to close all streams one by one, spread evenly over `window`; returns how many are open.
    pub fn begin_drain(&self, window: Duration) -> u32 {
        let streams = self.in_use();
        let grace = (window / 4).min(MAX_GRACE);
        self.drain.send_replace(Some(DrainPlan {
            first: Instant::now() + grace,
            span: window - grace,
            streams,
            closes_planned: Arc::default(),
        }));
        streams
    }

    /// Waits until no stream is open.
    pub async fn all_released(&self) {
        self.open.close();
        self.open.wait().await;
    }
}

impl DrainPlan {
    /// When the next stream closes: the first after the grace period, the last just before the end of the window.
    pub fn next_close_at(&self) -> Instant {
        let index = self.closes_planned.fetch_add(1, Ordering::Relaxed);
        let index = index.min(self.streams);
        self.first + self.span * index / self.streams.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn try_acquire(permits: &StreamPermits) -> Option<StreamPermit> {
        permits.try_acquire(client_limit::ClientPermit::default())
    }

    #[tokio::test]
    async fn dropped_permit_is_free_again() {
        let (permits, _) = StreamPermits::new(2, 1);
        let (one, two) = (try_acquire(&permits), try_acquire(&permits));
        assert!(one.is_some() && two.is_some() && try_acquire(&permits).is_none());
        assert_eq!(permits.in_use(), 2);
        drop(one);
        assert_eq!(permits.in_use(), 1);
        assert!(try_acquire(&permits).is_some());
        let mut released = Box::pin(permits.all_released());
        assert!((&mut released).now_or_never().is_none());
        assert_eq!(permits.in_use(), 1, "waiting takes no permit");
        drop(two);
        released.await;
    }

    #[tokio::test]
    async fn no_second_closes_more_than_1_3_times_the_average() {
        let streams = 10_000;
        for window in [3, 10, 60] {
            let (permits, _) = StreamPermits::new(streams, 1);
            let _open: Vec<_> = (0..streams).map(|_| try_acquire(&permits)).collect();
            permits.begin_drain(Duration::from_secs(window));
            let plan = permits.drain_plan().borrow().clone().unwrap();
            let times: Vec<_> = (0..streams).map(|_| plan.next_close_at()).collect();
            let second = Duration::from_secs(1);
            let within = |from| times.partition_point(|time| *time < times[from] + second) - from;
            let most = (0..times.len()).map(within).max().unwrap() as u64;
            let average = u64::from(streams) / window;
            // The grace period takes a quarter of a window of 3 s.
            assert!(
                most * 10 <= average * if window > 4 { 13 } else { 14 },
                "{most} of {average}"
            );
        }
    }

    #[tokio::test]
    async fn streams_close_evenly_within_the_window() {
        let (permits, _) = StreamPermits::new(10, 1);
        let _open: Vec<_> = (0..4).map(|_| try_acquire(&permits)).collect();
        let start = Instant::now();
        assert_eq!(permits.begin_drain(Duration::from_secs(9)), 4);
        let plan = permits.drain_plan().borrow().clone().unwrap();
        let times: Vec<_> = (0..4)
            .map(|_| (plan.next_close_at() - start).as_secs_f64().round())
            .collect();
        assert_eq!(times, [1.0, 3.0, 5.0, 7.0]);
        // A stream that was opened while the others were counted.
        assert!(plan.next_close_at() - start < Duration::from_millis(9_500));
    }
}
