//! Acquires the lease, renews it, and hands it over when this worker cannot use Redis.

use crate::publish::fence::Acquired;
use crate::publish::lease::{Lease, TTL, epoch};
use crate::publish::publisher::Publisher;
use crate::publish::redis_errors::{RedisErrors, RedisTask, is_permission_error};
use anyhow::{Result, anyhow};
use fred::interfaces::{ClientLike, EventInterface};
use shared::redis::Connection;
use shared::time::every;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, sleep};
use tracing::info;

/// How often the active worker renews the lease: three renewals may fail.
const RENEW_INTERVAL: Duration = Duration::from_secs(1);
/// How often a standby polls the lease, which is how long no worker is active after a SIGTERM.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// This process was paused if it wakes up so much too late: stopped, frozen with its container, or without a core.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a worker leaves a free lease to others that may be healthier: longer than a standby needs to poll and
/// acquire it, shorter than the TTL of today's count.
const YIELD: Duration = Duration::from_secs(1);
/// How long the account of an active worker may fail before the worker hands the lease over. An administrator who
/// changes rights step by step is done by then.
const HAND_OVER_AFTER: Duration = Duration::from_secs(10);
/// The longest time between two hand-overs. Each costs one count of today if no other worker takes over.
const HAND_OVER_LONGEST: Duration = Duration::from_secs(600);
/// A worker that has waited longer than this was a standby. A shorter wait means that the lease belonged to a worker
/// that had just ended.
const STANDBY_AFTER: Duration = Duration::from_secs(10);

impl Lease {
    /// Acquires the lease and keeps it, for ever. Before this worker becomes active, `publisher` caches the snapshots
    /// in Redis.
    ///
    /// A worker that cannot read the snapshots does not acquire the lease, and a worker whose account lacks rights
    /// hands it over, so that another worker can become active.
    pub async fn keep(&self, connection: &Connection, publisher: &Publisher) {
        tokio::select! {
            // A pause must be known before a new lease is.
            biased;
            () = self.notice_pauses() => {}
            () = self.run(connection, publisher) => {}
        }
    }

    /// Runs beside everything that waits for Redis, since that wait is no pause.
    async fn notice_pauses(&self) {
        loop {
            let began = Instant::now();
            sleep(POLL_INTERVAL).await;
            if began.elapsed() > PAUSE {
                let noticed = Some(Instant::now());
                self.view.send_modify(|view| view.paused_at = noticed);
            }
        }
    }

    async fn run(&self, connection: &Connection, publisher: &Publisher) {
        let redis = connection.client();
        let mut connected = redis.reconnect_rx();
        let mut poll = every(POLL_INTERVAL);
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
                _ = poll.tick() => true,
            };
            // Not connected yet, or the connection is lost.
            if !redis.is_connected() {
                continue;
            }
            if let Some(reason) = self.reason_to_hand_over(&mut candidacy) {
                self.hand_over(&reason, &mut candidacy).await;
                continue;
            }
            if is_regular && self.renewed_recently() {
                continue;
            }
            let polled = self.poll(publisher, &mut candidacy).await;
            match &polled {
                Ok(()) => match candidacy.hand_over_reason(&self.errors) {
                    Some(reason) => self.errors.set(RedisTask::Lease, &anyhow!(reason)),
                    None => self.errors.clear(RedisTask::Lease),
                },
                Err(error) => self.errors.set(RedisTask::Lease, error),
            }
            if let Err(error) = polled
                && needs_new_connection(&error)
                && !std::mem::replace(&mut leaving, true)
            {
                connection.leave();
            }
        }
    }

    fn renewed_recently(&self) -> bool {
        let view = self.view.borrow();
        view.current.is_some()
            && view
                .renewed_at
                .is_some_and(|at| at.elapsed() < RENEW_INTERVAL)
    }

    /// The reason to hand the lease over now, if there is one.
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
            && active_since.elapsed() >= candidacy.hand_over_delay();
        is_due.then_some(reason)
    }

    /// Releases the lease, and leaves it alone for long enough that a standby acquires it.
    async fn hand_over(&self, reason: &str, candidacy: &mut Candidacy) {
        let Some(lease) = self.current() else { return };
        candidacy.hand_overs = candidacy.hand_overs.saturating_add(1);
        let text = format!("handed over, so that another worker can become active: {reason}");
        self.errors.set(RedisTask::Lease, &anyhow!(text.clone()));
        candidacy.last_hand_over = Some((text, Instant::now() + candidacy.hand_over_delay()));
        self.view.send_modify(|view| view.current = None);
        let released = self.fence.release(&lease).await;
        // A lease that could not be released expires by itself.
        candidacy.yield_for(if released.is_ok() { YIELD } else { TTL + YIELD });
    }

    async fn poll(&self, publisher: &Publisher, candidacy: &mut Candidacy) -> Result<()> {
        if !self.is_active() {
            match self.fence.other_holder(&self.name, TTL).await? {
                Some(lease) => {
                    candidacy.free_since = None;
                    self.stand_by(lease);
                    return Ok(());
                }
                None => self.view.send_modify(|view| view.other = None),
            }
            publisher.check_rights().await;
            if candidacy.yields(&self.errors) {
                return Ok(());
            }
            self.load_snapshots(publisher, candidacy).await?;
        }
        let requested_at = Instant::now();
        let last_epoch = self.view.borrow().last_epoch;
        let (lease, has_standby) = match self.fence.acquire(&self.name, TTL, last_epoch).await? {
            Acquired::Ours { lease, has_standby } => (lease, has_standby),
            Acquired::Others(lease) => {
                self.stand_by(lease);
                return Ok(());
            }
        };
        candidacy.free_since = None;
        let is_new = self.current().as_ref() != Some(&lease);
        if is_new {
            // The old lease has expired: nothing can be written under it.
            self.view.send_modify(|view| view.current = None);
            // Another worker may have been active since then, even if Redis has lost every trace of it.
            if self.view.borrow().was_replaceable() {
                publisher.mark_maybe_outdated();
            }
            // Another worker may have been active since the snapshots were loaded above.
            if let Err(error) = self.load_snapshots(publisher, candidacy).await {
                // If that fails, the lease expires by itself.
                drop(self.fence.release(&lease).await);
                return Err(error);
            }
            info!(lease, "this worker is now active");
        }
        self.view.send_modify(|view| {
            let waited = view.standing_by.take().map(|since| since.elapsed());
            view.promoted_from_standby |= waited.is_some_and(|waited| waited > STANDBY_AFTER);
            view.last_epoch = epoch(&lease);
            view.current = Some((lease, requested_at + TTL));
            view.renewed_at = Some(requested_at);
            view.knows_others |= has_standby;
            if is_new {
                view.active_since = Some(Instant::now());
            }
            view.other = None;
        });
        if is_new {
            // Write missing snapshots at once, for example after Redis has lost its data.
            publisher.wake();
        }
        Ok(())
    }

    /// Makes `publisher` cache the snapshots in Redis. After a permission error, the lease is left to others for a
    /// while.
    async fn load_snapshots(&self, publisher: &Publisher, candidacy: &mut Candidacy) -> Result<()> {
        let loaded = publisher.load_newer().await;
        if let Err(error) = &loaded
            && is_permission_error(error)
        {
            candidacy.yield_for(YIELD);
        }
        loaded
    }

    fn stand_by(&self, lease: String) {
        self.view.send_modify(|view| {
            if view.other.as_ref() != Some(&lease) {
                info!(active = lease, "another worker is active: standing by");
            }
            view.last_epoch = view.last_epoch.max(epoch(&lease));
            view.knows_others = true;
            view.current = None;
            view.standing_by.get_or_insert_with(Instant::now);
            view.other = Some(lease);
        });
        // These are tasks of the active worker.
        for part in [RedisTask::Today, RedisTask::Increments] {
            self.errors.clear(part);
        }
    }
}

/// Decides when this worker may acquire the lease, and when it must hand it over.
#[derive(Default)]
struct Candidacy {
    /// Since when the lease is known to be free.
    free_since: Option<Instant>,
    /// Until when the lease is left to others.
    yields_until: Option<Instant>,
    /// How often the lease was handed over while this worker's account kept failing.
    hand_overs: u32,
    /// The reason of the last hand-over, and until when it is reported at least.
    last_hand_over: Option<(String, Instant)>,
}

impl Candidacy {
    /// Leaves the lease to other workers for `time`.
    fn yield_for(&mut self, time: Duration) {
        self.yields_until = Some(Instant::now() + time);
    }

    /// Whether a free lease is left to other workers for now: while a task of this worker fails, a healthy standby
    /// comes first.
    fn yields(&mut self, errors: &RedisErrors) -> bool {
        let free_since = *self.free_since.get_or_insert_with(Instant::now);
        let others_come_first = errors.own_failure().is_some() && free_since.elapsed() < YIELD;
        others_come_first
            || self
                .yields_until
                .is_some_and(|until| until > Instant::now())
    }

    /// How long this worker must be active before it hands the lease over again. Doubles with each hand-over.
    fn hand_over_delay(&self) -> Duration {
        let doubled = HAND_OVER_AFTER.saturating_mul(2_u32.saturating_pow(self.hand_overs));
        doubled.min(HAND_OVER_LONGEST)
    }

    /// The reason of the last hand-over, until its cause is gone: no task fails any more and, if the server cannot
    /// report the rights, enough time has passed for another error to show.
    fn hand_over_reason(&mut self, errors: &RedisErrors) -> Option<String> {
        let over = |until: Instant| {
            errors.own_failure().is_none() && (errors.rights_are_known() || until < Instant::now())
        };
        self.last_hand_over.take_if(|(_, until)| over(*until));
        self.last_hand_over
            .as_ref()
            .map(|(reason, _)| reason.clone())
    }
}

/// Whether a new connection may help: the server does not answer, or it has become a replica.
fn needs_new_connection(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<fred::error::Error>();
    error.is_some_and(|error| {
        // Redis 6 puts the name of the script in front of the error code.
        *error.kind() == fred::error::ErrorKind::Timeout || error.details().contains("READONLY")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_or_silent_server_needs_a_new_connection() {
        use fred::error::{Error, ErrorKind};
        for (kind, details, expected) in [
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
            assert_eq!(needs_new_connection(&error), expected, "{details}");
        }
    }

    #[test]
    fn hand_over_delay_doubles_up_to_its_limit() {
        let mut candidacy = Candidacy::default();
        let mut waits = Vec::new();
        for _ in 0..8 {
            waits.push(candidacy.hand_over_delay().as_secs());
            candidacy.hand_overs += 1;
        }
        assert_eq!(waits, [10, 20, 40, 80, 160, 320, 600, 600]);
        candidacy.hand_overs = u32::MAX;
        assert_eq!(candidacy.hand_over_delay(), HAND_OVER_LONGEST);
    }

    #[test]
    fn a_failing_worker_yields_the_lease_and_a_healthy_one_does_not() {
        use fred::error::{Error, ErrorKind};
        let ago = |time| Instant::now().checked_sub(time);
        let errors = RedisErrors::default();
        assert!(!Candidacy::default().yields(&errors));
        let denied = Error::new(ErrorKind::Auth, "NOPERM this user has no permissions");
        errors.set(RedisTask::Snapshots, &denied.into());
        let mut candidacy = Candidacy::default();
        assert!(candidacy.yields(&errors));
        candidacy.free_since = ago(YIELD);
        assert!(
            !candidacy.yields(&errors),
            "no other worker has acquired it"
        );
        candidacy.yield_for(YIELD);
        errors.clear(RedisTask::Snapshots);
        assert!(candidacy.yields(&errors));
        candidacy.yields_until = ago(YIELD);
        assert!(!candidacy.yields(&errors));
    }
}
