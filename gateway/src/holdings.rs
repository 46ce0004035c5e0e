//! What the gateway holds at one moment. Immutable once it is shown: a change makes a new one that shares the rest.

use crate::entry::Entry;
use crate::summary;
use crate::today::Today;
use shared::catalog::{Group, Snapshot};
use std::sync::Arc;
use tokio::time::Instant;

/// The last good copy of everything, ready to send.
#[derive(Clone, Debug, Default)]
pub struct Holdings {
    /// Whether Redis answered when it was last asked.
    pub connected: bool,
    entries: [Option<Arc<Entry>>; Snapshot::ALL.len()],
    today: Option<Arc<Today>>,
    books: Option<Arc<Entry>>,
    visitors: Option<Arc<Entry>>,
    /// The same with today's count, which ends before the rest of it does.
    visitors_with_today: Option<Arc<Entry>>,
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
            Group::Books => self.books.as_ref(),
            Group::Visitors if self.today(now).is_some() => self.visitors_with_today.as_ref(),
            Group::Visitors => self.visitors.as_ref(),
        }
    }

    /// Whether these bytes are the present count already.
    pub fn has_count(&self, message: &[u8]) -> bool {
        let present = self.today.as_ref();
        present.is_some_and(|today| today.message == message)
    }

    /// Takes a snapshot's new value in.
    pub fn put(&mut self, snapshot: Snapshot, entry: Entry) {
        self.entries[snapshot.index()] = Some(Arc::new(entry));
        let group = snapshot.group();
        let composed = summary::compose(group, |part| self.snapshot(part), None);
        match group {
            Group::Books => self.books = composed,
            Group::Visitors => {
                self.visitors = composed;
                self.add_today();
            }
        }
    }

    /// Takes a new count in.
    pub fn put_today(&mut self, today: Arc<Today>) {
        self.today = Some(today);
        self.add_today();
    }

    fn add_today(&mut self) {
        let today = self.today.as_deref();
        self.visitors_with_today =
            summary::compose(Group::Visitors, |part| self.snapshot(part), today);
    }
}
