//! The worker's copies of all snapshots.

use crate::publish::cached_snapshot::{CachedSnapshot, Recency};
use shared::catalog::Snapshot;
use std::collections::{BTreeMap, BTreeSet};
use tokio::time::Instant;

/// The copies, and since when another worker may have written newer ones.
#[derive(Default)]
pub(super) struct Cache {
    pub(super) snapshots: BTreeMap<Snapshot, CachedSnapshot>,
    /// When another worker may last have been active. What this worker began to compute before may be outdated.
    doubted_at: Option<Instant>,
}

impl Cache {
    /// What is known of a copy that this worker has computed since `began`.
    pub(super) fn recency_of(&self, began: Instant) -> Recency {
        match self.doubted_at.is_some_and(|doubted| doubted >= began) {
            true => Recency::MaybeOutdated,
            false => Recency::Newest,
        }
    }

    /// Marks copies as the newest ones, unless another worker may have been active since `began`.
    pub(super) fn mark_newest(&mut self, snapshots: &BTreeSet<Snapshot>, began: Instant) {
        if self.recency_of(began) == Recency::Newest {
            for snapshot in snapshots {
                self.set_recency(*snapshot, Recency::Newest);
            }
        }
    }

    /// Marks every copy as one that another worker may have replaced by now.
    pub(super) fn mark_maybe_outdated(&mut self) {
        self.doubted_at = Some(Instant::now());
        for cached in self.snapshots.values_mut() {
            cached.recency = Recency::MaybeOutdated;
        }
    }

    pub(super) fn set_recency(&mut self, snapshot: Snapshot, recency: Recency) {
        if let Some(cached) = self.snapshots.get_mut(&snapshot) {
            cached.recency = recency;
        }
    }
}
