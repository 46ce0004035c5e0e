//! Inserts visits all the time, and records which count was right at which time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use mysql_async::prelude::Queryable as _;
use tokio::time::sleep;

use crate::deployment::Servers;

/// The time between two visits.
const INTERVAL: Duration = Duration::from_millis(200);
/// The time between an INSERT and its record here.
const UNCERTAINTY: TimeDelta = TimeDelta::milliseconds(500);
/// A count may take as long as its statement may, while the server is frozen.
const LONGEST_COUNT: TimeDelta = TimeDelta::seconds(70);

/// A time, and the count from then on.
type Step = (DateTime<Utc>, u64);

/// Today's true count over time.
#[derive(Clone, Debug)]
pub(crate) struct TrueCount {
    zone: Tz,
    steps: Arc<Mutex<Vec<Step>>>,
}

#[allow(clippy::disallowed_methods, reason = "the visits are of today")]
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now()
}

impl TrueCount {
    pub(crate) fn new(zone: Tz) -> Self {
        let steps = vec![(now() - TimeDelta::days(1), 0)];
        Self {
            zone,
            steps: Arc::new(Mutex::new(steps)),
        }
    }

    /// The count now.
    pub(crate) fn total(&self) -> u64 {
        self.steps().last().map_or(0, |(_, total)| *total)
    }

    /// The library's day at that instant.
    pub(crate) fn day(&self, at: DateTime<Utc>) -> NaiveDate {
        at.with_timezone(&self.zone).date_naive()
    }

    /// Whether `total` was right at some moment of a count that ended at `at`.
    pub(crate) fn was(&self, total: u64, at: DateTime<Utc>) -> bool {
        let steps = self.steps();
        let first = steps.partition_point(|(since, _)| *since <= at - LONGEST_COUNT);
        let end = steps.partition_point(|(since, _)| *since <= at + UNCERTAINTY);
        let window = || {
            steps[first.saturating_sub(1)..end]
                .iter()
                .map(|step| step.1)
        };
        let (least, most) = (window().min().unwrap_or(0), window().max().unwrap_or(0));
        // The database may have stored one more visit, which it did not confirm before it was killed.
        (least..=most + 1).contains(&total)
    }

    fn set(&self, total: u64) {
        self.steps().push((now(), total));
    }

    fn steps(&self) -> MutexGuard<'_, Vec<Step>> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Inserts visits for ever. After each failure it reconnects and counts again.
pub(crate) async fn insert(servers: &Servers, truth: &TrueCount) {
    loop {
        insert_until_failure(servers, truth).await.ok();
        sleep(INTERVAL).await;
    }
}

async fn insert_until_failure(servers: &Servers, truth: &TrueCount) -> mysql_async::Result<()> {
    let mut conn = servers.connect_to_write("visitor_count").await?;
    // A server that was killed may have lost the last visits.
    let day = truth.day(now());
    let sql = format!("SELECT COUNT(*) FROM visitor_count WHERE LEFT(checkin_date, 10) = '{day}'");
    truth.set(conn.query_first(sql).await?.unwrap_or(0));
    loop {
        let at = now().with_timezone(&truth.zone);
        let at = at.format("%Y-%m-%d %H:%M:%S").to_string();
        let sql = "INSERT INTO visitor_count (member_name, checkin_date) VALUES ('Tamu', ?)";
        conn.exec_drop(sql, (at,)).await?;
        truth.set(truth.total() + 1);
        sleep(INTERVAL).await;
    }
}
