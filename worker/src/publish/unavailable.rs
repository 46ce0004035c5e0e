//! Tells gateways which snapshots cannot be computed, and why.

use crate::publish::fence::FencedWrite;
use crate::publish::publisher::Publisher;
use shared::catalog::Snapshot;
use shared::unavailable::{Reasons, encode};
use std::collections::BTreeSet;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;
use tracing::debug;

/// How long the reasons stay in Redis without being written again. A failed snapshot is tried again within minutes, a
/// schedule without failures each day.
const TTL: Duration = Duration::from_secs(90_000);

impl Publisher {
    /// Records why some of `computed` cannot be computed, and that the others can. A write that fails is made up for by
    /// the next computation.
    pub async fn set_unavailable(&self, computed: &BTreeSet<Snapshot>, reasons: Reasons) {
        let value = {
            let unavailable = self.unavailable.lock();
            let mut unavailable = unavailable.unwrap_or_else(PoisonError::into_inner);
            let before = encode(&unavailable);
            unavailable.retain(|snapshot, _| !computed.contains(snapshot));
            unavailable.extend(reasons);
            let value = encode(&unavailable);
            // An earlier worker may have left reasons; later, Redis may have lost ours.
            let is_known = before == value && unavailable.is_empty();
            if is_known && self.has_cleared_reasons.swap(true, Ordering::Relaxed) {
                return;
            }
            value
        };
        let Some(lease) = self.lease.current() else {
            return;
        };
        let key = self.keys.unavailable();
        let write = FencedWrite {
            key: key.clone(),
            value: value.into(),
            max_ttl: TTL,
            expires_by: Instant::now() + TTL,
            channel: self.keys.snapshots_channel(),
            message: key.into(),
            snapshot: None,
        };
        if let Err(error) = self.fence.write(&lease, write).await {
            debug!(
                error = format!("{error:#}"),
                "cannot write what is unavailable"
            );
        }
    }
}
