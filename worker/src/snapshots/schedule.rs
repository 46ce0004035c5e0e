//! Wakes the refreshers at the times of their crons.
//!
//! clokwerk only ticks every second, in UTC. Its own day arithmetic panics around DST and is not used.

use crate::ops::status::Status;
use crate::snapshots::cron::Cron;
use chrono::{DateTime, TimeDelta, Utc};
use clokwerk::{AsyncScheduler, TimeUnits};
use shared::catalog::Group;
use shared::time::{Clock, Timestamp};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tracing::debug;

/// How often the clock is checked. A cron may name a second.
const TICK: Duration = Duration::from_millis(500);
/// A clock that goes back further than this was set back, and the next time is computed again.
const SET_BACK: TimeDelta = TimeDelta::minutes(5);

/// Fires once for each cron time. A missed time fires late.
struct CronTrigger {
    cron: Cron,
    next: Option<DateTime<Utc>>,
    seen: Timestamp,
}

impl CronTrigger {
    fn new(cron: Cron, now: Timestamp) -> Self {
        Self {
            next: cron.after(now),
            cron,
            seen: now,
        }
    }

    fn fires(&mut self, now: Timestamp) -> bool {
        let set_back = self.seen.utc() - now.utc() > SET_BACK;
        let fires = self.next.is_some_and(|next| now.utc() >= next);
        if fires || set_back {
            self.next = self.cron.after(now);
        }
        self.seen = now;
        fires
    }
}

/// A cron and the task that it wakes.
pub struct Job {
    /// The group of the cron.
    pub group: Group,
    /// The schedule.
    pub cron: Cron,
    /// Notified at each time of the cron.
    pub wake: Arc<Notify>,
}

/// Notifies each job at the times of its cron, for ever.
pub async fn run(jobs: [Job; 2], clock: Clock, status: Arc<Status>) {
    let mut seen = clock.now();
    let triggers = jobs.map(|job| (CronTrigger::new(job.cron.clone(), seen), job));
    for (trigger, job) in &triggers {
        status.update(|status| status.cron(job.group).next = trigger.next);
    }
    let triggers = Arc::new(Mutex::new(triggers));
    let mut scheduler = scheduler(&triggers, &clock, &status);
    let mut tick = tokio::time::interval(TICK);
    loop {
        tick.tick().await;
        // clokwerk remembers the time of its next run. After the clock was set back, that is far away.
        let now = clock.now();
        if now < seen {
            scheduler = self::scheduler(&triggers, &clock, &status);
        }
        seen = now;
        scheduler.run_pending().await;
    }
}

type Triggers = Arc<Mutex<[(CronTrigger, Job); 2]>>;

/// Creates the scheduler that checks the triggers every second.
fn scheduler(triggers: &Triggers, clock: &Clock, status: &Arc<Status>) -> AsyncScheduler<Utc> {
    let (triggers, clock, status) = (triggers.clone(), clock.clone(), status.clone());
    let mut scheduler = AsyncScheduler::with_tz(Utc);
    scheduler.every(1.second()).run(move || {
        let now = clock.now();
        for (trigger, job) in triggers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter_mut()
        {
            let fires = trigger.fires(now);
            status.update(|status| {
                let cron = status.cron(job.group);
                cron.next = trigger.next;
                cron.last = if fires { Some(now) } else { cron.last };
            });
            if fires {
                debug!(group = ?job.group, next = ?trigger.next, "a cron has come");
                job.wake.notify_one();
            }
        }
        // The refreshers do the work: a long job here would delay the others.
        std::future::ready(())
    });
    scheduler
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::Calendar;

    fn time(text: &str) -> Timestamp {
        Timestamp::from(text.parse::<DateTime<Utc>>().unwrap())
    }

    fn cron(text: &str, zone: &str) -> Cron {
        Cron::parse(text, &Calendar::parse(zone).unwrap())
            .ok()
            .unwrap()
    }

    /// Every firing between two instants, with a check every `step` minutes.
    fn firings(cron: Cron, from: &str, to: &str, step: i64) -> Vec<String> {
        let mut now = time(from);
        let mut trigger = CronTrigger::new(cron, now);
        let mut fired = Vec::new();
        while now < time(to) {
            now = Timestamp::from(now.utc() + TimeDelta::minutes(step));
            if trigger.fires(now) {
                fired.push(now.to_string());
            }
        }
        fired
    }

    #[test]
    fn a_time_in_a_dst_gap_fires_at_its_end() {
        let fired = firings(
            cron("30 2 * * *", "Europe/Zurich"),
            "2026-03-28T12:00:00Z",
            "2026-03-30T12:00:00Z",
            1,
        );
        assert_eq!(
            fired,
            ["2026-03-29T01:00:00.000Z", "2026-03-30T00:30:00.000Z"]
        );
        // Midnight does not exist in Cairo on 24 April 2026.
        let fired = firings(
            cron("5 0 * * *", "Africa/Cairo"),
            "2026-04-23T12:00:00Z",
            "2026-04-25T12:00:00Z",
            1,
        );
        assert_eq!(
            fired,
            ["2026-04-23T22:00:00.000Z", "2026-04-24T21:05:00.000Z"]
        );
    }

    #[test]
    fn a_time_in_a_dst_overlap_fires_at_the_first() {
        let fired = firings(
            cron("30 2 * * *", "Europe/Zurich"),
            "2026-10-24T12:00:00Z",
            "2026-10-26T12:00:00Z",
            1,
        );
        assert_eq!(
            fired,
            ["2026-10-25T00:30:00.000Z", "2026-10-26T01:30:00.000Z"]
        );
    }

    #[test]
    fn missed_times_fire_once_and_late() {
        let fired = firings(
            cron("5 0 * * *", "Asia/Jakarta"),
            "2025-09-23T16:00:00Z",
            "2025-09-27T16:00:00Z",
            60 * 72,
        );
        assert_eq!(
            fired,
            ["2025-09-26T16:00:00.000Z", "2025-09-29T16:00:00.000Z"]
        );
    }

    #[test]
    fn a_clock_set_back_repeats_and_loses_no_time() {
        let mut trigger = CronTrigger::new(
            cron("5 0 * * *", "Asia/Jakarta"),
            time("2025-09-23T16:00:00Z"),
        );
        assert!(trigger.fires(time("2025-09-23T17:05:00Z")));
        assert!(
            !trigger.fires(time("2025-09-23T17:04:00Z")),
            "a step of a minute"
        );
        assert!(
            !trigger.fires(time("2025-09-23T17:05:30Z")),
            "the same time again"
        );
        assert!(
            !trigger.fires(time("2025-09-21T12:00:00Z")),
            "a step of two days"
        );
        assert!(
            trigger.fires(time("2025-09-21T17:05:00Z")),
            "the days come again"
        );
    }
}
