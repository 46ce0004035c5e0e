//! What the gateway holds at one moment. Immutable once it is shown: a change makes a new one that shares the rest.

use crate::cache::cached_count::CachedCount;
use crate::cache::cached_response::CachedResponse;
use crate::cache::summary;
use shared::catalog::{Group, Snapshot};
use std::mem;
use std::sync::Arc;
use tokio::time::Instant;

/// The last good copy of everything, ready to send.
#[derive(Clone, Debug, Default)]
pub struct CacheState {
    /// Whether Redis answered when it was last asked.
    pub connected: bool,
    entries: [Option<Arc<CachedResponse>>; Snapshot::ALL.len()],
    today: Option<Arc<CachedCount>>,
    summaries: Summaries,
}

/// Composed from the entries and the count. Those in need of composing anew are marked until [`CacheState::compose`].
#[derive(Clone, Debug, Default)]
struct Summaries {
    books: Option<Arc<CachedResponse>>,
    visitors: Option<Arc<CachedResponse>>,
    /// The same with a count, which ends before the rest of it does. It may be an earlier count than the newest, for as long as
    /// it takes to compose the next one.
    visitors_with_today: Option<(Arc<CachedCount>, Arc<CachedResponse>)>,
    books_changed: bool,
    visitors_changed: bool,
    today_changed: bool,
}

impl CacheState {
    /// The last good copy of a snapshot.
    pub fn snapshot(&self, snapshot: Snapshot) -> Option<&Arc<CachedResponse>> {
        self.entries[snapshot.index()].as_ref()
    }

    /// Today's count, if it may be shown still.
    pub fn today(&self, now: Instant) -> Option<&Arc<CachedCount>> {
        self.today.as_ref().filter(|today| today.is_current(now))
    }

    /// The newest count, expired or not.
    pub fn newest_count(&self) -> Option<&CachedCount> {
        self.today.as_deref()
    }

    /// A summary, unless a part of it is missing.
    pub fn summary(&self, group: Group, now: Instant) -> Option<&Arc<CachedResponse>> {
        match group {
            Group::Books => self.summaries.books.as_ref(),
            Group::Visitors => match &self.summaries.visitors_with_today {
                Some((today, summary)) if today.is_current(now) => Some(summary),
                _ => self.summaries.visitors.as_ref(),
            },
        }
    }

    /// Whether these bytes are the present count already.
    pub fn has_count(&self, message: &[u8]) -> bool {
        let present = self.today.as_ref();
        present.is_some_and(|today| today.message == message)
    }

    /// Takes a snapshot's new value in, with the summary that it is in.
    pub fn put(&mut self, snapshot: Snapshot, entry: CachedResponse) {
        self.insert(snapshot, entry);
        self.compose();
    }

    /// The same without the summary.
    pub fn insert(&mut self, snapshot: Snapshot, entry: CachedResponse) {
        self.entries[snapshot.index()] = Some(Arc::new(entry));
        match snapshot.group() {
            Group::Books => self.summaries.books_changed = true,
            Group::Visitors => self.summaries.visitors_changed = true,
        }
    }

    /// Takes a new count in, without the summary that it is in.
    pub fn insert_today(&mut self, today: Arc<CachedCount>) {
        self.today = Some(today);
        self.summaries.today_changed = true;
    }

    /// Takes the snapshots and summaries of `other`, which were prepared while this one got new counts alone.
    pub fn take_prepared(&mut self, other: Self) {
        let is_newest = match (&self.today, &other.today) {
            (Some(ours), Some(theirs)) => Arc::ptr_eq(ours, theirs),
            (ours, _) => ours.is_none(),
        };
        self.entries = other.entries;
        self.summaries = other.summaries;
        self.summaries.today_changed = !is_newest;
    }

    /// Whether a summary is older than its parts.
    pub fn needs_composing(&self) -> bool {
        let Summaries {
            books_changed,
            visitors_changed,
            today_changed,
            ..
        } = self.summaries;
        books_changed || visitors_changed || today_changed
    }

    /// How many bytes composing would compress beside what is new.
    pub fn summary_bytes(&self) -> usize {
        let bytes = |group: Group| {
            let parts = group.snapshots().filter_map(|part| self.snapshot(part));
            parts.map(|entry| entry.body.len()).sum::<usize>()
        };
        bytes(Group::Books) + bytes(Group::Visitors)
    }

    /// Composes each summary whose parts have changed.
    pub fn compose(&mut self) {
        let mut summaries = mem::take(&mut self.summaries);
        let compose = |group, today: Option<&CachedCount>| {
            summary::compose(group, |part| self.snapshot(part), today)
        };
        if summaries.books_changed {
            summaries.books = compose(Group::Books, None);
        }
        if summaries.visitors_changed {
            summaries.visitors = compose(Group::Visitors, None);
        }
        if summaries.visitors_changed || summaries.today_changed {
            let with_today = |today: &Arc<CachedCount>| {
                let summary = compose(Group::Visitors, Some(today))?;
                Some((today.clone(), summary))
            };
            summaries.visitors_with_today = self.today.as_ref().and_then(with_today);
        }
        self.summaries = Summaries {
            books_changed: false,
            visitors_changed: false,
            today_changed: false,
            ..summaries
        };
    }
}
