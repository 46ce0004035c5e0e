//! The check-in desk: rows into `visitor_count` at an even rate, and how long each of them waited.

use crate::heard::{histogram, micros};
use anyhow::{Context as _, Result};
use chrono::{NaiveDateTime, Utc};
use hdrhistogram::Histogram;
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Opts};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use testkit::names;
use testkit::wall::WallTime;
use tokio::task::JoinHandle;
use tokio::time::sleep_until;

/// The members who come, one after the other.
const MEMBERS: usize = 20_000;
/// Not in a log of statements, where others are looked for.
const UNLOGGED: &str = "SET SESSION long_query_time = 3600";
const CHECK_IN: &str = "INSERT INTO visitor_count (member_id, member_name, institution, room_code, checkin_date) \
     VALUES (?, 'Pengunjung', 'Umum', 'R01', ?)";

/// An open desk. Dropping it closes it.
#[derive(Debug)]
pub struct Desk {
    closing: Arc<AtomicBool>,
    task: JoinHandle<Result<Histogram<u64>>>,
}

impl Desk {
    /// Opens it with so many check-ins a second.
    pub fn open(opts: Opts, rate: u32) -> Self {
        let closing = Arc::new(AtomicBool::new(false));
        let task = tokio::spawn(check_in(
            opts,
            Duration::from_secs(1) / rate,
            closing.clone(),
        ));
        Self { closing, task }
    }

    /// Closes it; gives the waits in microseconds.
    ///
    /// # Errors
    /// When a check-in failed.
    pub async fn close(mut self) -> Result<Histogram<u64>> {
        self.closing.store(true, Ordering::Relaxed);
        (&mut self.task).await.context("checking in")?
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Who comes while another is still waiting has waited from when he came, not from when his turn was.
async fn check_in(opts: Opts, gap: Duration, closing: Arc<AtomicBool>) -> Result<Histogram<u64>> {
    let mut waits = histogram()?;
    let mut conn = Conn::new(opts).await.context("connecting the desk")?;
    conn.query_drop(UNLOGGED)
        .await
        .context("preparing the desk")?;
    let statement = conn.prep(CHECK_IN).await.context("preparing the desk")?;
    let mut due = Instant::now();
    for member in (0..MEMBERS).map(names::member_id).cycle() {
        if closing.load(Ordering::Relaxed) {
            break;
        }
        due += gap;
        let mut came = due;
        if Instant::now() < due {
            sleep_until(due.into()).await;
            // Being woken late is no wait for the database.
            came = Instant::now();
        }
        let at = WallTime::from(wall_now()).to_string();
        conn.exec_drop(&statement, (&*member, at))
            .await
            .context("checking in")?;
        waits.saturating_record(micros(came.elapsed()));
    }
    conn.disconnect().await.context("closing the desk")?;
    Ok(waits)
}

/// The present moment on the library's wall clock.
#[allow(clippy::disallowed_methods, reason = "check-ins are of the present")]
pub fn wall_now() -> NaiveDateTime {
    Utc::now()
        .with_timezone(&chrono_tz::Asia::Jakarta)
        .naive_local()
}
