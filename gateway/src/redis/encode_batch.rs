//! The costly part of taking in what was read: parsing, compressing, and composing the summaries. A megabyte takes a tenth of a
//! second and more, in which no count and no new connection may be kept waiting, so that it is done on another thread.
//!
//! There is one batch at a time, made of the newest value of each snapshot, and only a batch changes snapshots and
//! summaries. So an older value never replaces a newer one, and nothing queues.

use crate::cache::cached_response::CachedResponse;
use crate::cache::state::CacheState;
use bytes::Bytes;
use shared::catalog::Snapshot;
use std::sync::Arc;

/// Compressing so many bytes takes a millisecond or two, hardly more than handing them to another thread.
pub const SMALL: usize = 64 << 10;

/// A value that was read and differs from the copy.
#[derive(Debug)]
pub struct NewValue {
    /// Its snapshot.
    pub snapshot: Snapshot,
    /// As Redis gave it.
    pub bytes: Bytes,
    /// Whether it replaces a copy that was generated later.
    pub replaces_newer: bool,
}

/// Work to do.
#[derive(Debug)]
pub struct Batch {
    /// At most one for each snapshot.
    pub values: Vec<NewValue>,
    /// What is held now.
    pub present: Arc<CacheState>,
}

/// Work that is done.
#[derive(Debug)]
pub struct Prepared {
    /// What became of each value.
    pub outcomes: Vec<(NewValue, Outcome)>,
    /// The state with the new snapshots and summaries.
    pub state: CacheState,
}

/// What became of a value.
#[derive(Debug)]
pub enum Outcome {
    /// It is in the state.
    Taken,
    /// The copy was generated later and stays.
    Older,
    /// It is not valid, and why.
    Invalid(serde_json::Error),
}

impl Batch {
    /// Whether it is done so quickly that the calling task may do it itself.
    pub fn is_small(&self) -> bool {
        let values = self.values.iter().map(|value| value.bytes.len());
        values.sum::<usize>() + self.present.summary_bytes() <= SMALL
    }

    /// Does all of it.
    pub fn run(self) -> Prepared {
        let mut state = CacheState::clone(&self.present);
        let mut take = |value: &NewValue| {
            let entry = match CachedResponse::parse(value.snapshot, &value.bytes) {
                Ok(entry) => entry,
                Err(error) => return Outcome::Invalid(error),
            };
            let present = self.present.snapshot(value.snapshot);
            let is_older = present.is_some_and(|shown| shown.generated_at > entry.generated_at);
            if is_older && !value.replaces_newer {
                return Outcome::Older;
            }
            state.insert(value.snapshot, entry);
            Outcome::Taken
        };
        let outcomes = self.values.into_iter().map(|value| {
            let outcome = take(&value);
            (value, outcome)
        });
        let outcomes: Vec<_> = outcomes.collect();
        state.compose();
        Prepared { outcomes, state }
    }
}
