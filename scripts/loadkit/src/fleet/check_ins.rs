//! Visitors who check in, about one a second, and the number that every screen should show.

use crate::worker::check_ins::insert;
use crate::worker::library::{self, Library};
use anyhow::{Context as _, Result};
use chrono::NaiveDate;
use mysql_async::Conn;
use mysql_async::prelude::Queryable as _;
use shared::time::every;
use std::sync::Arc;
use std::time::Duration;
use testkit::names;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::task::JoinSet;

const INTERVAL: Duration = Duration::from_secs(1);
/// The members who check in, one after the other.
const MEMBERS: usize = 500;

/// Checks members in until it is dropped.
pub(super) struct CheckIns {
    conn: Arc<Mutex<Conn>>,
    task: JoinSet<Result<()>>,
}

/// Nobody checks in while this exists.
pub(super) struct Paused(OwnedMutexGuard<Conn>);

impl CheckIns {
    /// Begins.
    pub(super) async fn start(library: &Library) -> Result<Self> {
        let conn = Arc::new(Mutex::new(library.connect().await?));
        let mut task = JoinSet::new();
        task.spawn({
            let conn = conn.clone();
            async move {
                let mut due = every(INTERVAL);
                for member in (0..MEMBERS).map(names::member_id).cycle() {
                    due.tick().await;
                    insert(&mut *conn.lock().await, &member).await?;
                }
                Ok(())
            }
        });
        Ok(Self { conn, task })
    }

    /// Pauses until the returned value is dropped.
    ///
    /// # Errors
    /// If check-ins have failed.
    pub(super) async fn pause(&mut self) -> Result<Paused> {
        if let Some(ended) = self.task.try_join_next() {
            ended.context("the check-ins have ended")??;
        }
        Ok(Paused(self.conn.clone().lock_owned().await))
    }
}

impl Paused {
    /// Today's visitors, and today.
    pub(super) async fn truth(&mut self) -> Result<(u64, NaiveDate)> {
        let today = library::now().date();
        // Simple and slow. A comparison would count a row on `2026-12-00` as one of November 30.
        let sql =
            format!("SELECT COUNT(*) FROM visitor_count WHERE DATE(checkin_date) = '{today}'");
        let total = self.0.query_first(sql).await;
        let total = total.context("counting today's visitors")?;
        Ok((total.context("no count")?, today))
    }
}
