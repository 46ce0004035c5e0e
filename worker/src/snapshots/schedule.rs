//! Wakes the refreshers every second. [`FreshnessPolicy`] alone decides which snapshots are due.
//!
//! clokwerk ticks in UTC, because its day arithmetic panics around changes of DST.
//!
//! [`FreshnessPolicy`]: crate::snapshots::freshness::FreshnessPolicy

use chrono::{DateTime, TimeZone, Utc};
use clokwerk::timeprovider::TimeProvider;
use clokwerk::{AsyncScheduler, TimeUnits};
use shared::time::{Clock, every};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// How often the scheduler is polled: twice per tick, so that a tick is at most half a second late.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Notifies all who wait for `tick` every second, for ever.
pub async fn run(tick: Arc<Notify>, clock: Clock) {
    let mut seen = clock.now();
    let mut scheduler = scheduler(&tick);
    let mut poll = every(POLL_INTERVAL);
    loop {
        poll.tick().await;
        // clokwerk remembers the time of its next run. After the clock was set back, that is far away.
        let now = clock.now();
        if now < seen {
            scheduler = self::scheduler(&tick);
            tick.notify_waiters();
        }
        seen = now;
        scheduler.run_pending().await;
    }
}

/// The clock of the machine; the one that comes with clokwerk also reads the zone of the host, from a file, at each tick.
struct MachineTime;

impl TimeProvider for MachineTime {
    fn now<Tz: TimeZone + Sync + Send>(zone: &Tz) -> DateTime<Tz> {
        Clock::system().now().utc().with_timezone(zone)
    }
}

fn scheduler(tick: &Arc<Notify>) -> AsyncScheduler<Utc, MachineTime> {
    let tick = tick.clone();
    let mut scheduler = AsyncScheduler::with_tz_and_provider::<_, MachineTime>(Utc);
    scheduler.every(1.second()).run(move || {
        tick.notify_waiters();
        std::future::ready(())
    });
    scheduler
}
