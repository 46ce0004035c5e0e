//! Parses and compresses new snapshots and composes the summaries: the costly part of an update. A megabyte takes a
//! tenth of a second or more, so it is done on another thread and delays no count and no new connection.
//!
//! There is one batch at a time, with the newest value of each snapshot, and only a batch changes snapshots and
//! summaries. So an older value never replaces a newer one, and nothing queues.

use crate::cache::cached_response::CachedResponse;
use crate::cache::state::CacheState;
use bytes::Bytes;
use shared::catalog::Snapshot;
use std::sync::Arc;

/// Compressing this many bytes takes a millisecond or two, hardly more than handing them to another thread.
pub const MAX_INLINE_BYTES: usize = 64 << 10;

/// A value that was read from Redis and differs from the cached one.
#[derive(Debug)]
pub struct NewValue {
    /// The snapshot that it belongs to.
    pub snapshot: Snapshot,
    /// The value as Redis returned it.
    pub bytes: Bytes,
    /// Whether it replaces a cached value even if that was generated later.
    pub replaces_newer: bool,
}

/// The values to encode, and the state to start from.
#[derive(Debug)]
pub struct Batch {
    /// At most one for each snapshot.
    pub values: Vec<NewValue>,
    /// The present state of the cache.
    pub current: Arc<CacheState>,
}

/// The result of a batch.
#[derive(Debug)]
pub struct EncodedBatch {
    /// The outcome for each value.
    pub outcomes: Vec<(NewValue, Outcome)>,
    /// The state with the new snapshots and summaries.
    pub state: CacheState,
}

/// What a batch did with a value.
#[derive(Debug)]
pub enum Outcome {
    /// It is in the new state.
    Accepted,
    /// The cached value was generated later and stays.
    Older,
    /// It is not valid, with the reason.
    Invalid(serde_json::Error),
}

impl Batch {
    /// Whether the batch is so small that the calling task may run it itself.
    pub fn is_small(&self) -> bool {
        let values = self.values.iter().map(|value| value.bytes.len());
        values.sum::<usize>() + self.current.summary_bytes() <= MAX_INLINE_BYTES
    }

    /// Parses and encodes all values, and composes the summaries that they change.
    pub fn run(self) -> EncodedBatch {
        let mut state = CacheState::clone(&self.current);
        let mut apply = |value: &NewValue| {
            let response = match CachedResponse::parse(value.snapshot, &value.bytes) {
                Ok(response) => response,
                Err(error) => return Outcome::Invalid(error),
            };
            let cached = self.current.snapshot(value.snapshot);
            let is_older = cached.is_some_and(|old| old.generated_at > response.generated_at);
            if is_older && !value.replaces_newer {
                return Outcome::Older;
            }
            state.insert(value.snapshot, response);
            Outcome::Accepted
        };
        let outcomes = self.values.into_iter().map(|value| {
            let outcome = apply(&value);
            (value, outcome)
        });
        let outcomes: Vec<_> = outcomes.collect();
        state.compose();
        EncodedBatch { outcomes, state }
    }
}
