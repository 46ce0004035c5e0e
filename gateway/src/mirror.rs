//! The copy of what Redis holds, as requests and streams see it: read without a lock, changed by one task alone.

use crate::holdings::Holdings;
use crate::today::Today;
use arc_swap::{ArcSwap, Guard};
use std::mem;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::info;

/// The holdings of the moment, and slots that wake who waits for the next count or change.
#[derive(Debug, Default)]
pub struct Mirror {
    holdings: ArcSwap<Holdings>,
    newest: watch::Sender<Option<Arc<Today>>>,
    changes: watch::Sender<()>,
    heard: watch::Sender<bool>,
}

impl Mirror {
    /// What is held now.
    pub fn holdings(&self) -> Guard<Arc<Holdings>> {
        self.holdings.load()
    }

    /// The newest count, expired or not, and each that follows. Who is slow sees the newest alone.
    pub fn counts(&self) -> watch::Receiver<Option<Arc<Today>>> {
        self.newest.subscribe()
    }

    /// Wakes whenever a snapshot has changed, once for several that change together.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// Notes that Redis has answered, or has not.
    pub fn set_connected(&self, connected: bool) {
        if self.holdings().connected != connected {
            info!(
                connected,
                "Redis {}",
                if connected { "answers" } else { "is away" }
            );
            self.change(|holdings| holdings.connected = connected);
        }
    }

    /// Notes that the first answers of Redis have been taken in.
    pub fn set_heard(&self) {
        self.heard
            .send_if_modified(|heard| !mem::replace(heard, true));
    }

    /// Whether Redis has ever answered, so that what is missing is missing there.
    pub fn has_heard(&self) -> bool {
        *self.heard.borrow()
    }

    /// Waits for the first answer of Redis.
    pub async fn heard(&self) {
        // An error would mean that the mirror is gone, which is borrowed here.
        drop(self.heard.subscribe().wait_for(|heard| *heard).await);
    }

    /// Takes new snapshots and summaries in; then wakes the tasks that tell of them, if `has_changes`.
    pub fn put_prepared(&self, prepared: Holdings, has_changes: bool) {
        self.change(|holdings| holdings.take_prepared(prepared));
        if has_changes {
            self.changes.send_replace(());
        }
    }

    /// Takes a new count in, then wakes the tasks that wait for it. With `compose` it is in the summary at once, else with the
    /// next batch.
    pub fn put_today(&self, today: Today, compose: bool) {
        let today = Arc::new(today);
        self.change(|holdings| {
            holdings.insert_today(today.clone());
            if compose {
                holdings.compose();
            }
        });
        self.newest.send_replace(Some(today));
    }

    /// Whether a count that was made later may be shown still.
    pub fn shows_newer(&self, today: &Today) -> bool {
        let holdings = self.holdings();
        let present = holdings.today(Instant::now());
        present.is_some_and(|present| present.count.generated_at > today.count.generated_at)
    }

    /// Only the following task changes anything, so no change is lost between the two lines.
    fn change(&self, change: impl FnOnce(&mut Holdings)) {
        let mut next = Holdings::clone(&self.holdings());
        change(&mut next);
        self.holdings.store(Arc::new(next));
    }
}
