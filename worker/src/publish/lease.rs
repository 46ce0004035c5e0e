//! The lease in Redis, which makes one worker the active one for a Redis database and key prefix. The other workers
//! stand by and poll the lease. Its epoch rises with each holder, and every write names the lease ([`Fence`]).

use crate::publish::fence::{Acquired, Fence, WriteRefused};
use crate::publish::redis_errors::RedisErrors;
use anyhow::Result;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// The TTL of a lease that is not renewed: after a kill the next worker is active within this time and a moment. Longer
/// than the pauses of Redis or the worker that must do no harm.
pub(super) const TTL: Duration = Duration::from_secs(4);

/// The lease as this worker sees it.
pub struct Lease {
    pub(super) fence: Arc<Fence>,
    pub(super) name: String,
    pub(super) view: watch::Sender<View>,
    pub(super) errors: Arc<RedisErrors>,
    /// Notified when a write was refused.
    pub(super) lost: Notify,
}

/// Who held the lease when Redis last answered.
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    /// Our lease, and until when it is certainly ours.
    pub(super) current: Option<(String, Instant)>,
    /// When we last asked to renew it, with success.
    pub(super) renewed_at: Option<Instant>,
    /// Since when we hold it.
    pub(super) active_since: Option<Instant>,
    /// The lease of another worker.
    pub(super) other: Option<String>,
    /// Since when we know of another worker.
    pub(super) standing_by: Option<Instant>,
    /// Whether we acquired it after standing by. The snapshots in Redis are then as good as new ones.
    pub(super) promoted_from_standby: bool,
    pub(super) last_epoch: u64,
    /// Whether another worker has ever held it or stood by.
    pub(super) knows_others: bool,
    /// When this process last noticed that it had been paused, so that it may have missed another worker.
    pub(super) paused_at: Option<Instant>,
}

impl View {
    /// Whether our last lease has expired and another worker may have acquired it. A worker that was not paused since and
    /// has never seen another one is taken for the only one, so that an outage of Redis costs MySQL nothing.
    pub(super) fn was_replaceable(&self) -> bool {
        let has_expired = self.renewed_at.is_some_and(|at| at.elapsed() > TTL);
        has_expired && (self.knows_others || self.paused_at > self.renewed_at)
    }
}

impl Lease {
    /// Creates a lease that is not acquired yet. `name` must be unique to this process.
    pub fn new(fence: Arc<Fence>, name: String, errors: Arc<RedisErrors>) -> Self {
        Self {
            fence,
            name,
            errors,
            view: watch::Sender::default(),
            lost: Notify::new(),
        }
    }

    /// Returns the lease while this worker is active.
    pub fn current(&self) -> Option<String> {
        let view = self.view.borrow();
        let current = view.current.as_ref();
        current
            .filter(|(_, until)| *until > Instant::now())
            .map(|(lease, _)| lease.clone())
    }

    /// Whether this worker is active.
    pub fn is_active(&self) -> bool {
        self.current().is_some()
    }

    /// Waits until this worker is active.
    pub async fn wait_until_active(&self) {
        let mut changes = self.view.subscribe();
        while !self.is_active() {
            // This cannot fail: `self` owns the sender.
            drop(changes.changed().await);
        }
    }

    /// The lease of the active worker, if known: its epoch, a space, its name.
    pub fn holder(&self) -> Option<String> {
        self.current().or_else(|| self.view.borrow().other.clone())
    }

    /// Whether another worker is known to be active.
    pub fn is_standby(&self) -> bool {
        !self.is_active() && self.view.borrow().other.is_some()
    }

    /// The epoch of the current lease; 0 when none is known.
    pub fn epoch(&self) -> u64 {
        self.holder().map_or(0, |lease| epoch(&lease))
    }

    /// Whether this worker stood by for a while before it became active.
    pub fn promoted_from_standby(&self) -> bool {
        self.view.borrow().promoted_from_standby
    }

    /// Records that this worker no longer holds the lease, because Redis has refused a write.
    pub fn mark_lost(&self) {
        self.view.send_modify(|view| view.current = None);
        self.lost.notify_one();
    }

    /// Calls [`Self::mark_lost`] if `error` says that the lease is lost.
    pub fn on_write_error(&self, error: &anyhow::Error) {
        if error.downcast_ref::<WriteRefused>() == Some(&WriteRefused::Lost) {
            self.mark_lost();
        }
    }

    /// Releases the lease, if Redis answers quickly, so that another worker becomes active at once.
    pub async fn release(&self) {
        if let Some(lease) = self.current() {
            self.view.send_modify(|view| view.current = None);
            // If that fails, the lease expires by itself.
            drop(self.fence.release(&lease).await);
        }
    }

    /// Acquires the lease for a moment and returns it with `false`. If another worker is active, returns that worker's
    /// lease with `true`: something may be written under it.
    ///
    /// # Errors
    /// If Redis does not answer.
    pub async fn acquire_or_borrow(&self) -> Result<(String, bool)> {
        Ok(match self.fence.acquire(&self.name, TTL, 0).await? {
            Acquired::Ours { lease, .. } => (lease, false),
            Acquired::Others(lease) => (lease, true),
        })
    }
}

/// A name for this process that no other process has: host, process id and a random number.
pub fn own_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let (host, pid) = (host.trim(), std::process::id());
    format!("{host}:{pid}:{:08x}", rand::random::<u32>())
}

pub(super) fn epoch(lease: &str) -> u64 {
    let number = lease.split(' ').next().unwrap_or_default();
    number.parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_begins_with_its_epoch() {
        assert_eq!(epoch("7 host:12:0a1b2c3d"), 7);
        assert_eq!((epoch(""), epoch("x 7")), (0, 0));
        assert_ne!(own_name(), own_name());
    }
}
