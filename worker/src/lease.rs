//! One worker is active for a database and a prefix: the one that holds the lease in Redis. The others stand by and ask for
//! it all the time. Its epoch rises with each holder, and every write names it ([`Fence`]).

use crate::fence::{Fence, Refused, Taken};
use crate::store::Store;
use anyhow::Result;
use fred::interfaces::{ClientLike, EventInterface};
use shared::redis::Connection;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing::{info, warn};

/// How long a lease lives that is not taken again: after a kill the next worker is active within this and a moment.
/// Longer than Redis or the worker may stand still without any harm.
const LIFE: Duration = Duration::from_secs(4);
/// The active worker takes it again so often: three may fail.
const RENEW: Duration = Duration::from_secs(1);
/// A standby asks so often, which is how long nobody is active after a SIGTERM.
const ASK: Duration = Duration::from_millis(200);
/// Who has waited for longer than this was a standby; before, the lease was that of a worker that has just ended.
const STOOD_BY: Duration = Duration::from_secs(10);

/// The lease as this worker sees it.
pub struct Lease {
    fence: Arc<Fence>,
    name: String,
    view: watch::Sender<View>,
    /// A write was refused.
    lost: Notify,
}

/// Whose it was when Redis last told.
#[derive(Clone, Debug, Default)]
struct View {
    /// Ours, and until when it surely is.
    held: Option<(String, Instant)>,
    /// When it was taken again.
    renewed: Option<Instant>,
    /// The lease of another worker.
    others: Option<String>,
    /// Since when we have known of another worker.
    standing_by: Option<Instant>,
    /// We have it after standing by: what is stored is as good as ours.
    took_over: bool,
    last_epoch: u64,
}

impl Lease {
    /// Not asked for yet; `name` is this process's alone.
    pub fn new(fence: Arc<Fence>, name: String) -> Self {
        Self {
            fence,
            name,
            view: watch::Sender::default(),
            lost: Notify::new(),
        }
    }

    /// The lease, while this worker is the active one.
    pub fn held(&self) -> Option<String> {
        let view = self.view.borrow();
        let held = view.held.as_ref();
        held.filter(|(_, until)| *until > Instant::now())
            .map(|(lease, _)| lease.clone())
    }

    /// Whether this worker is the active one.
    pub fn is_held(&self) -> bool {
        self.held().is_some()
    }

    /// Waits until this worker is the active one.
    pub async fn wait_held(&self) {
        let mut changes = self.view.subscribe();
        while !self.is_held() {
            // An error would say that this lease is no more, while it is borrowed here.
            drop(changes.changed().await);
        }
    }

    /// Who is active, as far as is known: an epoch, a space, a name.
    pub fn holder(&self) -> Option<String> {
        self.held().or_else(|| self.view.borrow().others.clone())
    }

    /// The epoch of the lease that is in force, as far as is known; 0 when nothing is.
    pub fn epoch(&self) -> u64 {
        self.holder().map_or(0, |lease| epoch(&lease))
    }

    /// Whether this worker stood by for a while before it became active.
    pub fn took_over(&self) -> bool {
        self.view.borrow().took_over
    }

    /// Redis has refused a write: it is not ours any more.
    pub fn lose(&self) {
        self.view.send_modify(|view| view.held = None);
        self.lost.notify_one();
    }

    /// Notes that `error` says that it is lost, if it does.
    pub fn heed(&self, error: &anyhow::Error) {
        if error.downcast_ref::<Refused>() == Some(&Refused::Lost) {
            self.lose();
        }
    }

    /// Asks for it and keeps it, for ever. Before this worker is active, `store` takes over what is in Redis.
    pub async fn keep(&self, connection: &Connection, store: &Store) {
        let redis = connection.client();
        let mut connected = redis.reconnect_rx();
        let mut ask = interval(ASK);
        ask.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut leaving, mut trouble) = (false, String::new());
        loop {
            tokio::select! {
                event = connected.recv() => match event {
                    Err(RecvError::Closed) => return,
                    _ => leaving = false,
                },
                () = self.lost.notified() => {}
                _ = ask.tick() => if self.renewed_lately() {
                    continue;
                },
            }
            // Before the first connection, and between two, there is nobody to ask.
            if !redis.is_connected() {
                continue;
            }
            let Err(error) = self.ask(store).await else {
                trouble.clear();
                continue;
            };
            let text = format!("{error:#}");
            if trouble != text {
                warn!(error = text, "the lease cannot be had: {text}");
                trouble = text;
            }
            if must_leave(&error) && !std::mem::replace(&mut leaving, true) {
                connection.leave();
            }
        }
    }

    /// Gives it back, if that is quick, so that another worker is active at once.
    pub async fn release(&self) {
        if let Some(lease) = self.held() {
            self.view.send_modify(|view| view.held = None);
            // Where that fails, it ends by itself.
            drop(self.fence.release(&lease).await);
        }
    }

    /// Takes it for a moment if it is free; else gives that of the active worker, beside which something may be written, and
    /// says so.
    ///
    /// # Errors
    /// As Redis says.
    pub async fn take_or_join(&self) -> Result<(String, bool)> {
        Ok(match self.fence.take(&self.name, LIFE, 0).await? {
            Taken::Ours(lease) => (lease, false),
            Taken::Others(lease) => (lease, true),
        })
    }

    fn renewed_lately(&self) -> bool {
        let view = self.view.borrow();
        view.held.is_some() && view.renewed.is_some_and(|at| at.elapsed() < RENEW)
    }

    async fn ask(&self, store: &Store) -> Result<()> {
        let asked = Instant::now();
        let last_epoch = self.view.borrow().last_epoch;
        let lease = match self.fence.take(&self.name, LIFE, last_epoch).await? {
            Taken::Ours(lease) => lease,
            Taken::Others(lease) => {
                self.stand_by(lease);
                return Ok(());
            }
        };
        let is_new = self.held().as_ref() != Some(&lease);
        if is_new {
            store.look().await?;
            info!(lease, "this worker is the active one");
        }
        self.view.send_modify(|view| {
            let waited = view.standing_by.take().map(|since| since.elapsed());
            view.took_over |= waited.is_some_and(|waited| waited > STOOD_BY);
            view.last_epoch = epoch(&lease);
            view.held = Some((lease, asked + LIFE));
            view.renewed = Some(Instant::now());
            view.others = None;
        });
        if is_new {
            // What is missing there, as in a Redis that has lost everything, does not wait for the next look.
            store.look_soon();
        }
        Ok(())
    }

    fn stand_by(&self, lease: String) {
        self.view.send_modify(|view| {
            if view.others.as_ref() != Some(&lease) {
                info!(active = lease, "another worker is active: standing by");
            }
            view.last_epoch = view.last_epoch.max(epoch(&lease));
            view.held = None;
            view.standing_by.get_or_insert_with(Instant::now);
            view.others = Some(lease);
        });
    }
}

/// What no other process is called.
pub fn own_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let (host, pid) = (host.trim(), std::process::id());
    format!("{host}:{pid}:{:08x}", rand::random::<u32>())
}

fn epoch(lease: &str) -> u64 {
    let number = lease.split(' ').next().unwrap_or_default();
    number.parse().unwrap_or(0)
}

/// Whether a new connection may be better: nothing answers, or what answers has become a replica.
fn must_leave(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<fred::error::Error>();
    error.is_some_and(|error| {
        // Redis 6 puts the name of the script in front.
        *error.kind() == fred::error::ErrorKind::Timeout || error.details().contains("READONLY")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_may_not_be_written_or_does_not_answer_is_left() {
        use fred::error::{Error, ErrorKind};
        for (kind, details, left) in [
            (ErrorKind::Timeout, "Request timed out.", true),
            (
                ErrorKind::Unknown,
                "READONLY You can't write against a read only replica. script: 1",
                true,
            ),
            (
                ErrorKind::Unknown,
                "ERR Error running script (call to f_1): @user_script:1: -READONLY You can't write",
                true,
            ),
            (ErrorKind::Unknown, "OOM command not allowed", false),
            (
                ErrorKind::Auth,
                "NOPERM this user has no permissions",
                false,
            ),
        ] {
            let error = anyhow::Error::new(Error::new(kind, details)).context("asking");
            assert_eq!(must_leave(&error), left, "{details}");
        }
    }

    #[test]
    fn a_lease_begins_with_its_epoch() {
        assert_eq!(epoch("7 host:12:0a1b2c3d"), 7);
        assert_eq!((epoch(""), epoch("x 7")), (0, 0));
        assert_ne!(own_name(), own_name());
    }
}
