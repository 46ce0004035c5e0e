//! What the gateway holds at one moment. Immutable once it is shown: a change makes a new one that shares the rest.

use crate::entry::Entry;
use crate::summary;
use crate::today::Today;
use shared::catalog::{Group, Snapshot};
use std::mem;
use std::sync::Arc;
use tokio::time::Instant;

/// The last good copy of everything, ready to send.
#[derive(Clone, Debug, Default)]
pub struct Holdings {
    /// Whether Redis answered when it was last asked.
    pub connected: bool,
    entries: [Option<Arc<Entry>>; Snapshot::ALL.len()],
    today: Option<Arc<Today>>,
    summaries: Summaries,
}

/// Composed from the entries and the count. Those in need of composing anew are marked until [`Holdings::compose`].
#[derive(Clone, Debug, Default)]
struct Summaries {
    books: Option<Arc<Entry>>,
    visitors: Option<Arc<Entry>>,
    /// The same with a count, which ends before the rest of it does. It may be an earlier count than the newest, for as long as
    /// it takes to compose the next one.
    visitors_with_today: Option<(Arc<Today>, Arc<Entry>)>,
    books_changed: bool,
    visitors_changed: bool,
    today_changed: bool,
}

impl Holdings {
    /// The last good copy of a snapshot.
    pub fn snapshot(&self, snapshot: Snapshot) -> Option<&Arc<Entry>> {
        self.entries[snapshot.index()].as_ref()
    }

    /// Today's count, if it may be shown still.
    pub fn today(&self, now: Instant) -> Option<&Arc<Today>> {
        self.today.as_ref().filter(|today| today.is_shown(now))
    }

    /// The newest count, expired or not.
    pub fn newest_count(&self) -> Option<&Today> {
        self.today.as_deref()
    }

    /// A summary, unless a part of it is missing.
    pub fn summary(&self, group: Group, now: Instant) -> Option<&Arc<Entry>> {
        match group {
            Group::Books => self.summaries.books.as_ref(),
            Group::Visitors => match &self.summaries.visitors_with_today {
                Some((today, summary)) if today.is_shown(now) => Some(summary),
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
    pub fn put(&mut self, snapshot: Snapshot, entry: Entry) {
        self.insert(snapshot, entry);
        self.compose();
    }

    /// The same without the summary.
    pub fn insert(&mut self, snapshot: Snapshot, entry: Entry) {
        self.entries[snapshot.index()] = Some(Arc::new(entry));
        match snapshot.group() {
            Group::Books => self.summaries.books_changed = true,
            Group::Visitors => self.summaries.visitors_changed = true,
        }
    }

    /// Takes a new count in, without the summary that it is in.
    pub fn insert_today(&mut self, today: Arc<Today>) {
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
        let compose = |group, today: Option<&Today>| {
            summary::compose(group, |part| self.snapshot(part), today)
        };
        if summaries.books_changed {
            summaries.books = compose(Group::Books, None);
        }
        if summaries.visitors_changed {
            summaries.visitors = compose(Group::Visitors, None);
        }
        if summaries.visitors_changed || summaries.today_changed {
            let with_today = |today: &Arc<Today>| {
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
