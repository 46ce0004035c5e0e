//! Inserts visits all the time, and records which count was right at which time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use mysql_async::Conn;
use mysql_async::prelude::Queryable as _;
use testkit::mariadb::MariaDb;
use tokio::time::sleep;

/// The time between two visits.
const GAP: Duration = Duration::from_millis(200);
/// The pause while the database is down, when there are no visits.
const AGAIN: Duration = Duration::from_millis(100);
/// The time between an INSERT and its record here.
const UNSURE: TimeDelta = TimeDelta::milliseconds(500);
/// A count may take as long as its statement may, while the server is frozen.
const LONGEST_COUNT: TimeDelta = TimeDelta::seconds(70);

/// A time and the count from then on.
type Step = (DateTime<Utc>, u64);

/// Today's true count over time.
#[derive(Clone, Debug)]
pub(crate) struct Truth {
    zone: Tz,
    steps: Arc<Mutex<Vec<Step>>>,
}

#[allow(clippy::disallowed_methods, reason = "the soak lives in the present")]
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now()
}

impl Truth {
    pub(crate) fn starting_with(total: u64, zone: Tz) -> Self {
        let first = (now() - TimeDelta::days(1), total);
        Self {
            zone,
            steps: Arc::new(Mutex::new(vec![first])),
        }
    }

    /// The number now.
    pub(crate) fn total(&self) -> u64 {
        self.at(now())
    }

    /// The library's day at that instant.
    pub(crate) fn day(&self, at: DateTime<Utc>) -> NaiveDate {
        at.with_timezone(&self.zone).date_naive()
    }

    /// Whether `total` was right at some moment of a count that ended at `at`.
    pub(crate) fn was(&self, total: u64, at: DateTime<Utc>) -> bool {
        let steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        let first = steps.partition_point(|(since, _)| *since <= at - LONGEST_COUNT);
        let end = steps.partition_point(|(since, _)| *since <= at + UNSURE);
        let window = || {
            steps[first.saturating_sub(1)..end]
                .iter()
                .map(|step| step.1)
        };
        let (least, most) = (window().min().unwrap_or(0), window().max().unwrap_or(0));
        // One more visit may be stored that the database did not confirm before it was killed.
        (least..=most + 1).contains(&total)
    }

    fn at(&self, at: DateTime<Utc>) -> u64 {
        let steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        let next = steps.partition_point(|(since, _)| *since <= at);
        steps
            .get(next.saturating_sub(1))
            .map_or(0, |(_, total)| *total)
    }

    fn is_now(&self, total: u64) {
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        steps.push((now(), total));
    }
}

/// Inserts visits until it is dropped. After an outage it recounts before the next visit.
pub(crate) async fn open(maria: &MariaDb, database: &str, truth: Truth) -> Result<()> {
    let mut conn: Option<Conn> = None;
    loop {
        let entered = async {
            let mut conn = match conn.take() {
                Some(conn) => conn,
                None => recount(maria, database, &truth).await?,
            };
            let at = now().with_timezone(&truth.zone);
            let at = at.format("%Y-%m-%d %H:%M:%S").to_string();
            let sql = "INSERT INTO visitor_count (member_name, checkin_date) VALUES ('Tamu', ?)";
            conn.exec_drop(sql, (at,)).await?;
            Ok::<_, mysql_async::Error>(conn)
        };
        match entered.await {
            Ok(kept) => {
                truth.is_now(truth.total() + 1);
                conn = Some(kept);
                sleep(GAP).await;
            }
            Err(_) => sleep(AGAIN).await,
        }
    }
}

/// The number of rows is the truth, whatever became of the last ones: a server that was killed may have lost some.
async fn recount(maria: &MariaDb, database: &str, truth: &Truth) -> mysql_async::Result<Conn> {
    let mut conn = Conn::new(maria.opts(Some(database))).await?;
    let day = truth.day(now());
    let sql = format!("SELECT COUNT(*) FROM visitor_count WHERE LEFT(checkin_date, 10) = '{day}'");
    truth.is_now(conn.query_first(sql).await?.unwrap_or(0));
    Ok(conn)
}
