//! Counts loans by title.
//!
//! A loan refers to an item, and the item to a title. If either was deleted, the loan's history still names the title.

use crate::mysql::connection::Session;
use crate::mysql::loans::{self, Loan};
use crate::mysql::row::WallTime;
use crate::mysql::scan_settings::ScanSettings;
use crate::snapshots::computation::Failure;
use crate::snapshots::spelling_map::Lookup;
use crate::snapshots::title_catalog::TitleCatalog;
use crate::window::Window;
use anyhow::{Result, ensure};
use chrono::NaiveDate;
use shared::catalog::Period;
use std::collections::HashMap;

/// All time, the month, the year, and the twelve months until today.
const WINDOWS: usize = 4;
/// The index of the window of all time.
pub const ALL_TIME: usize = 0;
/// The index of the window of this month.
pub const MONTH: usize = 1;
/// The index of the window of this year.
pub const YEAR: usize = 2;
/// The index of the window of the twelve months until today.
pub const TWELVE_MONTHS: usize = 3;
/// The columns that lead from a loan to its title, each with its table.
pub const COLUMNS: [(&str, &str); 4] = [
    ("loan", "item_code"),
    ("item", "item_code"),
    ("item", "biblio_id"),
    ("biblio", "biblio_id"),
];
/// Maximum number of pending loans. A full scan cannot look anything up before its one statement ends.
const MAX_PENDING: usize = 4_000_000;

/// Counts loans by title.
pub struct TitleCounter {
    today: Window,
    windows: [Option<Window>; WINDOWS],
    catalog: TitleCatalog,
    /// By the index of the title: 16 bytes each.
    totals: Vec<LoansByWindow>,
    /// Titles that were deleted from the catalogue, by id.
    deleted: HashMap<i64, DeletedTitle>,
    pending: Vec<PendingLoan>,
    /// Why the loans cannot be counted by title. Other figures of the same pass go on.
    failure: Option<Failure>,
}

/// Loans by window.
pub type LoansByWindow = [u32; WINDOWS];

/// A loan whose item is not resolved yet, or whose item or title was deleted.
struct PendingLoan {
    time: WallTime,
    id: i64,
    /// The symbol of the item code, if the item is not resolved yet.
    code: Option<u32>,
}

/// A title that was deleted from the catalogue.
#[derive(Default)]
pub struct DeletedTitle {
    /// Its loans.
    pub totals: LoansByWindow,
    /// For each window, the latest loan whose history records the title.
    pub latest: [Option<(WallTime, i64)>; WINDOWS],
}

impl TitleCounter {
    /// Starts to count loans of the titles in `catalog`.
    pub fn new(catalog: TitleCatalog, today: NaiveDate) -> Self {
        let [month, year] =
            [Period::Month, Period::Year].map(|period| Some(Window::current(period, today)));
        Self {
            today: Window::today(today),
            windows: [None, month, year, Some(Window::twelve_months(today))],
            totals: vec![[0; WINDOWS]; catalog.titles().len()],
            catalog,
            deleted: HashMap::new(),
            pending: Vec::new(),
            failure: None,
        }
    }

    /// The catalogue.
    pub fn catalog(&self) -> &TitleCatalog {
        &self.catalog
    }

    /// The loans of each title in the catalogue, in its order.
    pub fn totals(&self) -> &[LoansByWindow] {
        &self.totals
    }

    /// The titles that were deleted from the catalogue, by id.
    pub fn deleted(&self) -> &HashMap<i64, DeletedTitle> {
        &self.deleted
    }

    /// Checks that all loans could be counted.
    ///
    /// # Errors
    /// If one could not.
    pub fn check(&self) -> Result<()> {
        self.failure
            .clone()
            .map_or(Ok(()), |failure| Err(failure.into()))
    }

    /// Counts a loan by its item code, or keeps it as pending. Ignores loans dated after today.
    pub fn add(&mut self, loan: &Loan<'_>) {
        if self.failure.is_none() {
            let added = self.count_loan(loan);
            self.failure = added.err().map(Failure::from);
        }
    }

    /// The number of pending loans.
    pub fn pending_count(&self) -> usize {
        self.pending.len()
    }

    /// Counts the pending loans.
    pub async fn resolve_pending(&mut self, session: &mut Session, settings: &ScanSettings) {
        if self.failure.is_none() {
            let counted = self.count_pending(session, settings).await;
            self.failure = counted.err().map(Failure::from);
        }
    }

    fn count_loan(&mut self, loan: &Loan<'_>) -> Result<()> {
        if loan.time.date().is_some_and(|day| day >= self.today.to) {
            return Ok(());
        }
        let code = match self.catalog.lookup(loan.item_code)? {
            Lookup::Found(title) => {
                count(&mut self.totals[title as usize], self.windows, loan.time);
                return Ok(());
            }
            Lookup::Missing => None,
            Lookup::Pending(code) => Some(code),
        };
        ensure!(
            self.pending.len() < MAX_PENDING,
            "more than {MAX_PENDING} loans of deleted items, in a table that is read in one statement"
        );
        self.pending.push(PendingLoan {
            time: loan.time,
            id: loan.id,
            code,
        });
        Ok(())
    }

    /// Counts each pending loan: by the item, if the database holds the code equal to another spelling, else by the
    /// title in the loan's history. Loans without either are in no ranking.
    async fn count_pending(
        &mut self,
        session: &mut Session,
        settings: &ScanSettings,
    ) -> Result<()> {
        self.catalog.resolve_pending(session).await?;
        let mut orphans = Vec::new();
        for loan in std::mem::take(&mut self.pending) {
            match loan.code.map(|code| self.catalog.resolved(code)) {
                Some(Lookup::Found(title)) => {
                    count(&mut self.totals[title as usize], self.windows, loan.time);
                }
                _ => orphans.push(loan),
            }
        }
        let ids: Vec<i64> = orphans.iter().map(|loan| loan.id).collect();
        let histories = loans::histories(session, settings, &ids).await?;
        for PendingLoan { time, id, .. } in orphans {
            let Some(history) = histories.get(&id) else {
                continue;
            };
            if let Some(title) = self.catalog.title_index(history.biblio_id) {
                count(&mut self.totals[title], self.windows, time);
                continue;
            }
            let deleted = self.deleted.entry(history.biblio_id).or_default();
            count(&mut deleted.totals, self.windows, time);
            for window in windows_of(self.windows, time).filter(|_| history.has_title) {
                deleted.latest[window] = deleted.latest[window].max(Some((time, id)));
            }
        }
        Ok(())
    }
}

fn count(totals: &mut LoansByWindow, windows: [Option<Window>; WINDOWS], time: WallTime) {
    for window in windows_of(windows, time) {
        totals[window] += 1;
    }
}

/// The indexes of the windows that a loan belongs to. All time has every loan; a month or year has those with a valid
/// date in it.
fn windows_of(
    windows: [Option<Window>; WINDOWS],
    time: WallTime,
) -> impl Iterator<Item = usize> + use<> {
    let day = time.date();
    (0..WINDOWS).filter(move |index| match windows[*index] {
        None => true,
        Some(window) => day.is_some_and(|day| window.contains(day)),
    })
}
