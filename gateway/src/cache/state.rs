//! The content of the cache at one moment. It is immutable once published: a change makes a new state, which shares what
//! has not changed.

use crate::cache::cached_count::CachedCount;
use crate::cache::cached_response::CachedResponse;
use crate::cache::summary;
use shared::catalog::{Group, Snapshot};
use shared::unavailable::Reasons;
use std::mem;
use std::sync::Arc;
use tokio::time::Instant;

/// The last good copy of everything, ready to send.
#[derive(Clone, Debug, Default)]
pub struct CacheState {
    /// Whether Redis answered the last command.
    pub connected: bool,
    /// Why some snapshots cannot be computed, as the worker says.
    pub unavailable: Arc<Reasons>,
    snapshots: [Option<Arc<CachedResponse>>; Snapshot::ALL.len()],
    today: Option<Arc<CachedCount>>,
    summaries: Summaries,
}

/// Summaries, composed from the snapshots and the count. A summary whose parts have changed is marked until
/// [`CacheState::compose`].
#[derive(Clone, Debug, Default)]
struct Summaries {
    /// By the index of the group, without today's count.
    plain: [Option<Arc<CachedResponse>>; Group::ALL.len()],
    /// The summary of visitors with today's count, until that count expires. [`CacheState::compose`] renews it, so it may
    /// be one count behind.
    visitors_with_today: Option<(Arc<CachedCount>, Arc<CachedResponse>)>,
    changed: [bool; Group::ALL.len()],
    today_changed: bool,
}

impl CacheState {
    /// The last good copy of a snapshot; `None` until there is one.
    pub fn snapshot(&self, snapshot: Snapshot) -> Option<&Arc<CachedResponse>> {
        self.snapshots[snapshot.index()].as_ref()
    }

    /// Today's count, unless it has expired.
    pub fn today(&self, now: Instant) -> Option<&Arc<CachedCount>> {
        self.today.as_ref().filter(|today| today.is_current(now))
    }

    /// The latest count, even if expired.
    pub fn newest_count(&self) -> Option<&CachedCount> {
        self.today.as_deref()
    }

    /// The summary of a group; `None` if one of its snapshots is missing.
    pub fn summary(&self, group: Group, now: Instant) -> Option<&Arc<CachedResponse>> {
        match &self.summaries.visitors_with_today {
            Some((today, summary)) if group == Group::Visitors && today.is_current(now) => {
                Some(summary)
            }
            _ => self.summaries.plain[group.index()].as_ref(),
        }
    }

    /// Whether the latest count has exactly these bytes.
    pub fn has_count(&self, message: &[u8]) -> bool {
        let latest = self.today.as_ref();
        latest.is_some_and(|today| today.message == message)
    }

    /// Inserts a snapshot and composes the summary that contains it.
    pub fn insert_and_compose(&mut self, snapshot: Snapshot, response: CachedResponse) {
        self.insert(snapshot, response);
        self.compose();
    }

    /// Inserts a snapshot without composing a summary.
    pub fn insert(&mut self, snapshot: Snapshot, response: CachedResponse) {
        self.snapshots[snapshot.index()] = Some(Arc::new(response));
        self.summaries.changed[snapshot.group().index()] |= snapshot.in_summary();
    }

    /// Sets today's count without composing a summary.
    pub fn insert_today(&mut self, today: Arc<CachedCount>) {
        self.today = Some(today);
        self.summaries.today_changed = true;
    }

    /// Adopts the snapshots and summaries of `other`, a clone of this state that another thread has updated. Keeps our
    /// count, which may be newer.
    pub fn merge_snapshots(&mut self, other: Self) {
        let has_latest_count = match (&self.today, &other.today) {
            (Some(ours), Some(theirs)) => Arc::ptr_eq(ours, theirs),
            (ours, _) => ours.is_none(),
        };
        self.snapshots = other.snapshots;
        self.summaries = other.summaries;
        self.summaries.today_changed = !has_latest_count;
    }

    /// Whether the parts of a summary have changed since it was composed.
    pub fn needs_composing(&self) -> bool {
        self.summaries.today_changed || self.summaries.changed.contains(&true)
    }

    /// The number of bytes that composing all summaries compresses.
    pub fn summary_bytes(&self) -> usize {
        let size_of = |group: Group| {
            let parts = group.summary().filter_map(|part| self.snapshot(part));
            parts.map(|part| part.body.len()).sum::<usize>()
        };
        Group::ALL.map(size_of).iter().sum()
    }

    /// Composes each summary whose parts have changed.
    pub fn compose(&mut self) {
        let mut summaries = mem::take(&mut self.summaries);
        let compose = |group, today: Option<&CachedCount>| {
            summary::compose(group, |part| self.snapshot(part), today)
        };
        for group in Group::ALL {
            if summaries.changed[group.index()] {
                summaries.plain[group.index()] = compose(group, None);
            }
        }
        if summaries.changed[Group::Visitors.index()] || summaries.today_changed {
            let with_today = |today: &Arc<CachedCount>| {
                let summary = compose(Group::Visitors, Some(today))?;
                Some((today.clone(), summary))
            };
            summaries.visitors_with_today = self.today.as_ref().and_then(with_today);
        }
        self.summaries = Summaries {
            changed: [false; Group::ALL.len()],
            today_changed: false,
            ..summaries
        };
    }
}
