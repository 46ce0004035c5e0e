//! The three ways to count today's visitors (`TODAY_COUNT_MODE`).

use crate::config::Mode;
use crate::source::database::{Database, Session};
use crate::source::visits;
use crate::status::Status;
use crate::store::Store;
use crate::today::delta::{Cadence, Delta};
use crate::today::incremental::Incremental;
use anyhow::Result;
use chrono::NaiveDate;
use std::sync::Arc;

/// One way to count, with what it remembers between two ticks.
pub enum Counter {
    /// One count over the day, each time.
    Direct,
    /// A base, and a counter in Redis.
    Incremental(Incremental),
    /// A base, and the rows after a watermark.
    Delta(Delta),
}

impl Counter {
    /// The way that `mode` names.
    pub fn new(
        mode: Mode,
        database: &Arc<Database>,
        store: &Arc<Store>,
        status: &Arc<Status>,
    ) -> Self {
        match mode {
            Mode::Direct => Self::Direct,
            Mode::Incremental => Self::Incremental(Incremental::new(store.clone())),
            Mode::Delta => {
                Self::Delta(Delta::new(database.clone(), status.clone(), Cadence::USUAL))
            }
        }
    }

    /// Makes ready for `day`, where that takes longer than a count: it is no part of the pace.
    ///
    /// # Errors
    /// As the database says.
    pub async fn prepare(&mut self, session: &mut Session, day: NaiveDate) -> Result<()> {
        match self {
            Self::Direct | Self::Incremental(_) => Ok(()),
            Self::Delta(delta) => delta.prepare(session, day).await,
        }
    }

    /// Visits of `day` so far.
    ///
    /// # Errors
    /// As the database or Redis say.
    pub async fn count(&mut self, session: &mut Session, day: NaiveDate) -> Result<u64> {
        match self {
            Self::Direct => visits::count(session, day).await,
            Self::Incremental(incremental) => incremental.count(session, day).await,
            Self::Delta(delta) => delta.count(session, day).await,
        }
    }
}
