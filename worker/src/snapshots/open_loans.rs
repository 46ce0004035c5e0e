//! The loans that a round of the circulation reads again.
//!
//! No index leads the columns that tell which loans are open. So the daily pass over the loans remembers the ids of the
//! current ones: those that are open, and those lent or returned today. A round reads those ids and the new ones above
//! them, and nothing else. It sees everything that SLiMS does to a loan: lend, extend, return, delete. The next daily
//! pass corrects any other change.

use crate::mysql::circulation::{self, LoanState};
use crate::mysql::connection::Session;
use anyhow::Result;
use chrono::NaiveDate;
use shared::rows::books::Circulation;
use shared::time::Timestamp;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The time after which all transactions with smaller ids have ended. InnoDB assigns an id at INSERT and shows it at
/// COMMIT.
const SETTLE: Duration = Duration::from_secs(60);
/// How many of the greatest ids may be assigned but not committed when the daily pass reads them.
const UNSETTLED_AT_START: i64 = 100;

/// The loans that a round reads.
#[derive(Clone, Debug)]
pub struct OpenLoans {
    /// The index hint for the ids; without an index there are no rounds.
    hint: Option<String>,
    /// The ids of the current loans, ascending.
    ids: Vec<i64>,
    /// Every loan above this id is read.
    settled: i64,
    /// The greatest id, and when it was seen.
    greatest: (i64, Instant),
    /// When the pass that found them began.
    found_at: Timestamp,
}

/// The loans that the next round reads, shared by the daily pass, which finds them, and the rounds. `None` before the
/// first pass.
#[derive(Debug, Default)]
pub struct TrackedLoans(Mutex<Option<OpenLoans>>);

impl TrackedLoans {
    /// Whether a pass that began at `since` or later has found them.
    pub fn are_known_since(&self, since: Option<Timestamp>) -> bool {
        let open = self.lock();
        open.as_ref()
            .is_some_and(|open| since.is_none_or(|since| open.found_at >= since))
    }

    /// The loans that the next round reads; `None` without a pass, or without an index on the ids.
    pub fn get(&self) -> Option<OpenLoans> {
        self.lock().clone().filter(|open| open.hint.is_some())
    }

    /// Replaces them by what a pass has found.
    pub fn set(&self, open: OpenLoans) {
        *self.lock() = Some(open);
    }

    /// Replaces them by what a round has found, unless a pass has found others meanwhile.
    pub fn advance(&self, next: OpenLoans) {
        let mut open = self.lock();
        if open
            .as_ref()
            .is_some_and(|open| open.found_at == next.found_at)
        {
            *open = Some(next);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<OpenLoans>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OpenLoans {
    /// The loans `ids`, which a pass that began at `found_at` has found to be current; `greatest` is the greatest id of
    /// all loans.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn new(
        session: &mut Session,
        ids: Vec<i64>,
        greatest: i64,
        found_at: Timestamp,
    ) -> Result<Self> {
        Ok(Self {
            hint: circulation::key_hint(session).await?,
            ids: in_order(ids),
            settled: greatest.saturating_sub(UNSETTLED_AT_START),
            greatest: (greatest, Instant::now()),
            found_at,
        })
    }

    /// Reads the current loans again. Returns the circulation and what the next round reads.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn round(
        mut self,
        session: &mut Session,
        today: NaiveDate,
    ) -> Result<(Circulation, Self)> {
        let mut counted = Circulation::default();
        let (mut current, mut greatest) = (Vec::with_capacity(self.ids.len()), self.greatest.0);
        let on_loan = |loan: LoanState| {
            greatest = greatest.max(loan.id);
            if count(&mut counted, &loan, today) {
                current.push(loan.id);
            }
        };
        match &self.hint {
            Some(hint) => {
                // Those above are read anyway.
                let settled = self.ids.partition_point(|id| *id <= self.settled);
                let settled = &self.ids[..settled];
                circulation::each(session, hint, settled, self.settled, on_loan).await?;
            }
            None => circulation::each_current(session, today, on_loan).await?,
        }
        self.ids = in_order(current);
        let (seen, seen_at) = self.greatest;
        if seen_at.elapsed() >= SETTLE {
            self.settled = seen;
            self.greatest = (greatest, Instant::now());
        }
        Ok((counted, self))
    }
}

/// Sorts ids. Where the key is not unique, an id may come twice.
fn in_order(mut ids: Vec<i64>) -> Vec<i64> {
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// Counts a loan. Returns whether it is current: on loan, or lent or returned today or on a day to come.
fn count(counted: &mut Circulation, loan: &LoanState, today: NaiveDate) -> bool {
    let (due, is_open) = (loan.due.date(), loan.is_return == Some(0));
    let (lent, returned) = (loan.lent.date(), loan.returned.date());
    counted.on_loan += u64::from(is_open);
    counted.overdue += u64::from(is_open && due.is_some_and(|due| due < today));
    counted.due_today += u64::from(is_open && due == Some(today));
    counted.lent_today += u64::from(lent == Some(today));
    counted.returned_today += u64::from(returned == Some(today) && loan.is_return == Some(1));
    is_open || lent >= Some(today) || returned >= Some(today)
}
