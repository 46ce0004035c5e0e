//! All streams together: the places they take, and how they leave when the process stops.

use crate::addresses;
use crate::stream::Opening;
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
pub struct Place {
    _of_all: OwnedSemaphorePermit,
    _of_address: addresses::Place,
    /// Dropped last, so that the other two are free once no stream is counted.
    _counted: TaskTrackerToken,
}

/// Granted streams that may wait for their hub; beyond, their connections wait with them.
const WAITING: usize = 1_024;

/// As many places as `SSE_MAX_CLIENTS`, and the hubs that serve who has one.
#[derive(Debug)]
pub struct Streams {
    places: Arc<Semaphore>,
    /// Counts the open streams. The semaphore cannot: whoever waits for all of its permits takes the free ones.
    open: TaskTracker,
    most: u32,
    leaving: watch::Sender<Option<Leaving>>,
    doors: Vec<mpsc::Sender<Opening>>,
}

/// The order of leaving: who asks for a turn gets the next one.
#[derive(Clone, Debug)]
pub struct Leaving {
    first: Instant,
    span: Duration,
    streams: u32,
    turns_given: Arc<AtomicU32>,
}

impl Streams {
    /// `most` streams at once, served by so many `hubs`: gives what each of them is to serve.
    pub fn new(most: u32, hubs: usize) -> (Self, Vec<mpsc::Receiver<Opening>>) {
        let (doors, arrivals) = (0..hubs).map(|_| mpsc::channel(WAITING)).unzip();
        let streams = Self {
            places: Arc::new(Semaphore::new(most as usize)),
            open: TaskTracker::new(),
            most,
            leaving: watch::Sender::new(None),
            doors,
        };
        (streams, arrivals)
    }

    /// Hands a stream to a hub.
    pub async fn enter(&self, hub: usize, opening: Opening) {
        // An error says that the hub has ended, and the process with it.
        drop(self.doors[hub].send(opening).await);
    }

    /// A place, if one is free, to whom has one of its address.
    pub fn admit(&self, of_address: addresses::Place) -> Option<Place> {
        let of_all = self.places.clone().try_acquire_owned().ok()?;
        Some(Place {
            _of_all: of_all,
            _of_address: of_address,
            _counted: self.open.token(),
        })
    }

    /// How many places are taken.
    pub fn live(&self) -> u32 {
        u32::try_from(self.open.len()).unwrap_or(self.most)
    }

    /// How many places there are.
    pub fn most(&self) -> u32 {
        self.most
    }

    /// Tells a stream when the time to leave has come.
    pub fn leaving(&self) -> watch::Receiver<Option<Leaving>> {
        self.leaving.subscribe()
    }

    /// Asks all streams to leave one by one, spread evenly over the `window`; returns how many there are.
    pub fn leave(&self, window: Duration) -> u32 {
        let streams = self.live();
        let grace = (window / 4).min(LONGEST_GRACE);
        self.leaving.send_replace(Some(Leaving {
            first: Instant::now() + grace,
            span: window - grace,
            streams,
            turns_given: Arc::default(),
        }));
        streams
    }

    /// Returns when no place is taken.
    pub async fn all_gone(&self) {
        self.open.close();
        self.open.wait().await;
    }
}

impl Leaving {
    /// When the next stream ends: the first at the end of the grace, the last just before the end of the window.
    pub fn next_turn(&self) -> Instant {
        let turn = self.turns_given.fetch_add(1, Ordering::Relaxed);
        let turn = turn.min(self.streams);
        self.first + self.span * turn / self.streams.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn admit(streams: &Streams) -> Option<Place> {
        streams.admit(addresses::Place::default())
    }

    #[tokio::test]
    async fn a_place_is_free_again_when_it_is_dropped() {
        let (streams, _) = Streams::new(2, 1);
        let (one, two) = (admit(&streams), admit(&streams));
        assert!(one.is_some() && two.is_some() && admit(&streams).is_none());
        assert_eq!(streams.live(), 2);
        drop(one);
        assert_eq!(streams.live(), 1);
        assert!(admit(&streams).is_some());
        let mut draining = Box::pin(streams.all_gone());
        assert!((&mut draining).now_or_never().is_none());
        assert_eq!(streams.live(), 1, "waiting takes no permit");
        drop(two);
        draining.await;
    }

    #[tokio::test]
    async fn in_no_second_leave_more_than_1_3_times_as_many_as_evenly() {
        let streams = 10_000;
        for window in [3, 10, 60] {
            let (all, _) = Streams::new(streams, 1);
            let _places: Vec<_> = (0..streams).map(|_| admit(&all)).collect();
            all.leave(Duration::from_secs(window));
            let leaving = all.leaving().borrow().clone().unwrap();
            let turns: Vec<_> = (0..streams).map(|_| leaving.next_turn()).collect();
            let second = Duration::from_secs(1);
            let within = |from| turns.partition_point(|turn| *turn < turns[from] + second) - from;
            let most = (0..turns.len()).map(within).max().unwrap() as u64;
            let evenly = u64::from(streams) / window;
            // A window of 3 s has a quarter of grace in it.
            assert!(
                most * 10 <= evenly * if window > 4 { 13 } else { 14 },
                "{most} of {evenly}"
            );
        }
    }

    #[tokio::test]
    async fn turns_are_spread_evenly_within_the_window() {
        let (streams, _) = Streams::new(10, 1);
        let _places: Vec<_> = (0..4).map(|_| admit(&streams)).collect();
        let start = Instant::now();
        assert_eq!(streams.leave(Duration::from_secs(9)), 4);
        let leaving = streams.leaving().borrow().clone().unwrap();
        let turns: Vec<_> = (0..4)
            .map(|_| (leaving.next_turn() - start).as_secs_f64().round())
            .collect();
        assert_eq!(turns, [1.0, 3.0, 5.0, 7.0]);
        // One that slipped in while the others were counted.
        assert!(leaving.next_turn() - start < Duration::from_millis(9_500));
    }
}
