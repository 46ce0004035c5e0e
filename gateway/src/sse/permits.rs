//! All streams together: the places they take, and how they leave when the process stops.

use crate::server::client_limit;
use crate::sse::stream::SseStart;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// The longest that streams stay after the signal, for balancers to see that `/readyz` has changed.
const LONGEST_GRACE: Duration = Duration::from_secs(1);

/// A place for a stream, also among those of its client's address; given back when it is dropped.
#[derive(Debug)]
pub struct StreamPermit {
    _of_all: OwnedSemaphorePermit,
    _of_address: client_limit::ClientPermit,
    /// Dropped last, so that the other two are free once no stream is counted.
    _counted: TaskTrackerToken,
}

/// Granted streams that may wait for their hub; beyond, their connections wait with them.
const WAITING: usize = 1_024;

/// As many places as `SSE_MAX_CLIENTS`, and the hubs that serve who has one.
#[derive(Debug)]
pub struct StreamPermits {
    places: Arc<Semaphore>,
    /// Counts the open streams. The semaphore cannot: whoever waits for all of its permits takes the free ones.
    open: TaskTracker,
    capacity: u32,
    leaving: watch::Sender<Option<DrainPlan>>,
    hub_senders: Vec<mpsc::Sender<SseStart>>,
}

/// The order of leaving: who asks for a turn gets the next one.
#[derive(Clone, Debug)]
pub struct DrainPlan {
    first: Instant,
    span: Duration,
    streams: u32,
    closes_planned: Arc<AtomicU32>,
}

impl StreamPermits {
    /// `capacity` streams at once, served by so many `hubs`: gives what each of them is to serve.
    pub fn new(capacity: u32, hubs: usize) -> (Self, Vec<mpsc::Receiver<SseStart>>) {
        let (hub_senders, arrivals) = (0..hubs).map(|_| mpsc::channel(WAITING)).unzip();
        let streams = Self {
            places: Arc::new(Semaphore::new(capacity as usize)),
            open: TaskTracker::new(),
            capacity,
            leaving: watch::Sender::new(None),
            hub_senders,
        };
        (streams, arrivals)
    }

    /// Hands a stream to a hub.
    pub async fn dispatch(&self, hub: usize, opening: SseStart) {
        // An error says that the hub has ended, and the process with it.
        drop(self.hub_senders[hub].send(opening).await);
    }

    /// A place, if one is free, to whom has one of its address.
    pub fn try_acquire(&self, of_address: client_limit::ClientPermit) -> Option<StreamPermit> {
        let of_all = self.places.clone().try_acquire_owned().ok()?;
        Some(StreamPermit {
            _of_all: of_all,
            _of_address: of_address,
            _counted: self.open.token(),
        })
    }

    /// How many places are taken.
    pub fn in_use(&self) -> u32 {
        u32::try_from(self.open.len()).unwrap_or(self.capacity)
    }

    /// How many places there are.
    pub fn capacity(&self) -> u32 {
        self.capacity
    }

    /// Tells a stream when the time to leave has come.
    pub fn drain_plan(&self) -> watch::Receiver<Option<DrainPlan>> {
        self.leaving.subscribe()
    }

    /// Asks all streams to leave one by one, spread evenly over the `window`; returns how many there are.
    pub fn begin_drain(&self, window: Duration) -> u32 {
        let streams = self.in_use();
        let grace = (window / 4).min(LONGEST_GRACE);
        self.leaving.send_replace(Some(DrainPlan {
            first: Instant::now() + grace,
            span: window - grace,
            streams,
            closes_planned: Arc::default(),
        }));
        streams
    }

    /// Returns when no place is taken.
    pub async fn all_released(&self) {
        self.open.close();
        self.open.wait().await;
    }
}

impl DrainPlan {
    /// When the next stream ends: the first at the end of the grace, the last just before the end of the window.
    pub fn next_close_at(&self) -> Instant {
        let turn = self.closes_planned.fetch_add(1, Ordering::Relaxed);
        let turn = turn.min(self.streams);
        self.first + self.span * turn / self.streams.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn try_acquire(streams: &StreamPermits) -> Option<StreamPermit> {
        streams.try_acquire(client_limit::ClientPermit::default())
    }

    #[tokio::test]
    async fn a_place_is_free_again_when_it_is_dropped() {
        let (streams, _) = StreamPermits::new(2, 1);
        let (one, two) = (try_acquire(&streams), try_acquire(&streams));
        assert!(one.is_some() && two.is_some() && try_acquire(&streams).is_none());
        assert_eq!(streams.in_use(), 2);
        drop(one);
        assert_eq!(streams.in_use(), 1);
        assert!(try_acquire(&streams).is_some());
        let mut draining = Box::pin(streams.all_released());
        assert!((&mut draining).now_or_never().is_none());
        assert_eq!(streams.in_use(), 1, "waiting takes no permit");
        drop(two);
        draining.await;
    }

    #[tokio::test]
    async fn in_no_second_leave_more_than_1_3_times_as_many_as_evenly() {
        let streams = 10_000;
        for window in [3, 10, 60] {
            let (all, _) = StreamPermits::new(streams, 1);
            let _places: Vec<_> = (0..streams).map(|_| try_acquire(&all)).collect();
            all.begin_drain(Duration::from_secs(window));
            let leaving = all.drain_plan().borrow().clone().unwrap();
            let turns: Vec<_> = (0..streams).map(|_| leaving.next_close_at()).collect();
            let second = Duration::from_secs(1);
            let within = |from| turns.partition_point(|turn| *turn < turns[from] + second) - from;
            let capacity = (0..turns.len()).map(within).max().unwrap() as u64;
            let evenly = u64::from(streams) / window;
            // A window of 3 s has a quarter of grace in it.
            assert!(
                capacity * 10 <= evenly * if window > 4 { 13 } else { 14 },
                "{capacity} of {evenly}"
            );
        }
    }

    #[tokio::test]
    async fn turns_are_spread_evenly_within_the_window() {
        let (streams, _) = StreamPermits::new(10, 1);
        let _places: Vec<_> = (0..4).map(|_| try_acquire(&streams)).collect();
        let start = Instant::now();
        assert_eq!(streams.begin_drain(Duration::from_secs(9)), 4);
        let leaving = streams.drain_plan().borrow().clone().unwrap();
        let turns: Vec<_> = (0..4)
            .map(|_| (leaving.next_close_at() - start).as_secs_f64().round())
            .collect();
        assert_eq!(turns, [1.0, 3.0, 5.0, 7.0]);
        // One that slipped in while the others were counted.
        assert!(leaving.next_close_at() - start < Duration::from_millis(9_500));
    }
}
