//! One worker is active for a database and a prefix: the one that holds the lease in Redis. The others stand by and ask for
//! it all the time. Its epoch rises with each holder, and every write names it ([`Fence`]).

use crate::publish::fence::{Acquired, Fence, WriteRefused};
use crate::publish::publisher::Publisher;
use crate::publish::redis_errors::{RedisErrors, RedisPart, is_of_this_account};
use anyhow::{Result, anyhow};
use fred::interfaces::{ClientLike, EventInterface};
use shared::redis::Connection;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing::info;

/// How long a lease lives that is not taken again: after a kill the next worker is active within this and a moment.
/// Longer than Redis or the worker may stand still without any harm.
const LIFE: Duration = Duration::from_secs(4);
/// The active worker takes it again so often: three may fail.
const RENEW: Duration = Duration::from_secs(1);
/// A standby asks so often, which is how long nobody is active after a SIGTERM.
const ASK: Duration = Duration::from_millis(200);
/// A worker leaves the lease alone for this long where another one may be better: longer than a standby needs to ask and to
/// take it, shorter than a count of today lives.
const YIELD: Duration = Duration::from_secs(1);
/// An active worker whose account fails for this long gives the lease up. Rights that are changed in steps are complete by
/// then.
const HAND_OVER_AFTER: Duration = Duration::from_secs(10);
/// The longest time between two such attempts; each costs a lone worker a count of today.
const HAND_OVER_LONGEST: Duration = Duration::from_secs(600);
/// Who has waited for longer than this was a standby; before, the lease was that of a worker that has just ended.
const STOOD_BY: Duration = Duration::from_secs(10);

/// The lease as this worker sees it.
pub struct Lease {
    fence: Arc<Fence>,
    name: String,
    view: watch::Sender<View>,
    errors: Arc<RedisErrors>,
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
    /// Since when it is ours.
    active_since: Option<Instant>,
    /// The lease of another worker.
    others: Option<String>,
    /// Since when we have known of another worker.
    standing_by: Option<Instant>,
    /// We have it after standing by: what is stored is as good as ours.
    promoted_from_standby: bool,
    last_epoch: u64,
}

impl Lease {
    /// Not asked for yet; `name` is this process's alone.
    pub fn new(fence: Arc<Fence>, name: String, errors: Arc<RedisErrors>) -> Self {
        Self {
            fence,
            name,
            errors,
            view: watch::Sender::default(),
            lost: Notify::new(),
        }
    }

    /// The lease, while this worker is the active one.
    pub fn current(&self) -> Option<String> {
        let view = self.view.borrow();
        let held = view.held.as_ref();
        held.filter(|(_, until)| *until > Instant::now())
            .map(|(lease, _)| lease.clone())
    }

    /// Whether this worker is the active one.
    pub fn is_active(&self) -> bool {
        self.current().is_some()
    }

    /// Waits until this worker is the active one.
    pub async fn wait_until_active(&self) {
        let mut changes = self.view.subscribe();
        while !self.is_active() {
            // An error would say that this lease is no more, while it is borrowed here.
            drop(changes.changed().await);
        }
    }

    /// Who is active, as far as is known: an epoch, a space, a name.
    pub fn holder(&self) -> Option<String> {
        self.current().or_else(|| self.view.borrow().others.clone())
    }

    /// Whether another worker is known to be active.
    pub fn is_standby(&self) -> bool {
        !self.is_active() && self.view.borrow().others.is_some()
    }

    /// The epoch of the lease that is in force, as far as is known; 0 when nothing is.
    pub fn epoch(&self) -> u64 {
        self.holder().map_or(0, |lease| epoch(&lease))
    }

    /// Whether this worker stood by for a while before it became active.
    pub fn promoted_from_standby(&self) -> bool {
        self.view.borrow().promoted_from_standby
    }

    /// Redis has refused a write: it is not ours any more.
    pub fn mark_lost(&self) {
        self.view.send_modify(|view| view.held = None);
        self.lost.notify_one();
    }

    /// Notes that `error` says that it is lost, if it does.
    pub fn on_write_error(&self, error: &anyhow::Error) {
        if error.downcast_ref::<WriteRefused>() == Some(&WriteRefused::Lost) {
            self.mark_lost();
        }
    }

    /// Asks for it and keeps it, for ever. Before this worker is active, `store` takes over what is in Redis.
    ///
    /// A worker that cannot read what is in Redis does not take it, and one whose own account fails gives it up, so that
    /// another worker can be active.
    pub async fn keep(&self, connection: &Connection, store: &Publisher) {
        let redis = connection.client();
        let mut connected = redis.reconnect_rx();
        let mut ask = interval(ASK);
        ask.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut leaving, mut candidacy) = (false, Candidacy::default());
        loop {
            let is_regular = tokio::select! {
                event = connected.recv() => match event {
                    Err(RecvError::Closed) => return,
                    _ => {
                        leaving = false;
                        false
                    }
                },
                () = self.lost.notified() => false,
                _ = ask.tick() => true,
            };
            // Before the first connection, and between two, there is nobody to ask.
            if !redis.is_connected() {
                continue;
            }
            if let Some(reason) = self.reason_to_hand_over(&mut candidacy) {
                self.hand_over(&reason, &mut candidacy).await;
                continue;
            }
            if is_regular && self.renewed_lately() {
                continue;
            }
            let asked = self.ask(store, &mut candidacy).await;
            match &asked {
                Ok(()) => match candidacy.given_up(&self.errors) {
                    Some(reason) => self.errors.set(RedisPart::Lease, &anyhow!(reason)),
                    None => self.errors.clear(RedisPart::Lease),
                },
                Err(error) => self.errors.set(RedisPart::Lease, error),
            }
            if let Err(error) = asked
                && must_leave(&error)
                && !std::mem::replace(&mut leaving, true)
            {
                connection.leave();
            }
        }
    }

    /// Gives it back, if that is quick, so that another worker is active at once.
    pub async fn release(&self) {
        if let Some(lease) = self.current() {
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
    pub async fn acquire_or_borrow(&self) -> Result<(String, bool)> {
        Ok(match self.fence.acquire(&self.name, LIFE, 0).await? {
            Acquired::Ours(lease) => (lease, false),
            Acquired::Others(lease) => (lease, true),
        })
    }

    fn renewed_lately(&self) -> bool {
        let view = self.view.borrow();
        view.held.is_some() && view.renewed.is_some_and(|at| at.elapsed() < RENEW)
    }

    /// Why the lease is to be given up now, if it is.
    fn reason_to_hand_over(&self, candidacy: &mut Candidacy) -> Option<String> {
        let Some((failing_since, reason)) = self.errors.own_failure() else {
            candidacy.hand_overs = 0;
            return None;
        };
        let active_since = self
            .view
            .borrow()
            .active_since
            .filter(|_| self.is_active())?;
        let is_due = failing_since.elapsed() >= HAND_OVER_AFTER
            && active_since.elapsed() >= candidacy.until_hand_over();
        is_due.then_some(reason)
    }

    /// Gives the lease up, and leaves it alone for long enough that a standby takes it.
    async fn hand_over(&self, reason: &str, candidacy: &mut Candidacy) {
        let Some(lease) = self.current() else { return };
        candidacy.hand_overs = candidacy.hand_overs.saturating_add(1);
        let text = format!("given up, so that another worker can be active: {reason}");
        self.errors.set(RedisPart::Lease, &anyhow!(text.clone()));
        candidacy.given_up = Some((text, Instant::now() + candidacy.until_hand_over()));
        self.view.send_modify(|view| view.held = None);
        let released = self.fence.release(&lease).await;
        // A lease that could not be released ends by itself.
        candidacy.yield_for(if released.is_ok() {
            YIELD
        } else {
            LIFE + YIELD
        });
    }

    async fn ask(&self, store: &Publisher, candidacy: &mut Candidacy) -> Result<()> {
        if !self.is_active() {
            match self.fence.other_holder(&self.name, LIFE).await? {
                Some(lease) => {
                    candidacy.free_since = None;
                    self.stand_by(lease);
                    return Ok(());
                }
                None => self.view.send_modify(|view| view.others = None),
            }
            store.check_rights().await;
            if candidacy.yields(&self.errors) {
                return Ok(());
            }
            self.look(store, candidacy).await?;
        }
        let asked = Instant::now();
        let last_epoch = self.view.borrow().last_epoch;
        let lease = match self.fence.acquire(&self.name, LIFE, last_epoch).await? {
            Acquired::Ours(lease) => lease,
            Acquired::Others(lease) => {
                self.stand_by(lease);
                return Ok(());
            }
        };
        candidacy.free_since = None;
        let is_new = self.current().as_ref() != Some(&lease);
        if is_new {
            // What was ours is over: nothing can be written under it.
            self.view.send_modify(|view| view.held = None);
            // Since the look before, another worker may have been active.
            if let Err(error) = self.look(store, candidacy).await {
                // Where that fails, it ends by itself.
                drop(self.fence.release(&lease).await);
                return Err(error);
            }
            info!(lease, "this worker is the active one");
        }
        self.view.send_modify(|view| {
            let waited = view.standing_by.take().map(|since| since.elapsed());
            view.promoted_from_standby |= waited.is_some_and(|waited| waited > STOOD_BY);
            view.last_epoch = epoch(&lease);
            view.held = Some((lease, asked + LIFE));
            view.renewed = Some(Instant::now());
            if is_new {
                view.active_since = Some(Instant::now());
            }
            view.others = None;
        });
        if is_new {
            // What is missing there, as in a Redis that has lost everything, does not wait for the next look.
            store.wake();
        }
        Ok(())
    }

    /// Lets `store` take over what is in Redis. After an error of this worker's account, the lease is left alone for a while.
    async fn look(&self, store: &Publisher, candidacy: &mut Candidacy) -> Result<()> {
        let looked = store.take_over().await;
        if let Err(error) = &looked
            && is_of_this_account(error)
        {
            candidacy.yield_for(YIELD);
        }
        looked
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
        // The active worker does these parts now.
        for part in [RedisPart::Today, RedisPart::Increments] {
            self.errors.clear(part);
        }
    }
}

/// How this worker applies for the lease.
#[derive(Default)]
struct Candidacy {
    /// Since when the lease is seen to be free.
    free_since: Option<Instant>,
    /// Until when it is left to others.
    yields_until: Option<Instant>,
    /// How often it was given up while this worker's account kept failing.
    hand_overs: u32,
    /// Why it was given up last, and for how long that is worth telling.
    given_up: Option<(String, Instant)>,
}

impl Candidacy {
    /// Leaves the lease to others for `time`.
    fn yield_for(&mut self, time: Duration) {
        self.yields_until = Some(Instant::now() + time);
    }

    /// Whether a lease that is free is left to others for the moment: while a part of this worker fails, a healthy standby
    /// comes first.
    fn yields(&mut self, errors: &RedisErrors) -> bool {
        let free_since = *self.free_since.get_or_insert_with(Instant::now);
        let others_come_first = errors.own_failure().is_some() && free_since.elapsed() < YIELD;
        others_come_first
            || self
                .yields_until
                .is_some_and(|until| until > Instant::now())
    }

    /// How long this worker has to be active before it gives the lease up again; doubling.
    fn until_hand_over(&self) -> Duration {
        let doubled = HAND_OVER_AFTER.saturating_mul(2_u32.saturating_pow(self.hand_overs));
        doubled.min(HAND_OVER_LONGEST)
    }

    /// Why the lease was given up, while that is not over: no part fails any more, and some time has passed in which a
    /// server that cannot tell the rights would have shown an error.
    fn given_up(&mut self, errors: &RedisErrors) -> Option<String> {
        let over = |until: Instant| {
            errors.own_failure().is_none() && (errors.rights_are_known() || until < Instant::now())
        };
        self.given_up.take_if(|(_, until)| over(*until));
        self.given_up.as_ref().map(|(reason, _)| reason.clone())
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

    #[test]
    fn hand_overs_become_rare_while_the_cause_lasts() {
        let mut candidacy = Candidacy::default();
        let mut waits = Vec::new();
        for _ in 0..8 {
            waits.push(candidacy.until_hand_over().as_secs());
            candidacy.hand_overs += 1;
        }
        assert_eq!(waits, [10, 20, 40, 80, 160, 320, 600, 600]);
        candidacy.hand_overs = u32::MAX;
        assert_eq!(candidacy.until_hand_over(), HAND_OVER_LONGEST);
    }

    #[test]
    fn a_worker_that_fails_lets_others_come_first_and_a_healthy_one_does_not_wait() {
        use fred::error::{Error, ErrorKind};
        let ago = |time| Instant::now().checked_sub(time);
        let errors = RedisErrors::default();
        assert!(!Candidacy::default().yields(&errors));
        let denied = Error::new(ErrorKind::Auth, "NOPERM this user has no permissions");
        errors.set(RedisPart::Snapshots, &denied.into());
        let mut candidacy = Candidacy::default();
        assert!(candidacy.yields(&errors));
        candidacy.free_since = ago(YIELD);
        assert!(!candidacy.yields(&errors), "nobody else has taken it");
        candidacy.yield_for(YIELD);
        errors.clear(RedisPart::Snapshots);
        assert!(candidacy.yields(&errors));
        candidacy.yields_until = ago(YIELD);
        assert!(!candidacy.yields(&errors));
    }
}
