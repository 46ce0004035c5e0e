//! The titles with the most loans: of all time, this month and this year.
//!
//! A loan refers to an item, and the item to a title. If either was deleted, the loan's history still names the title.

use crate::calendar::Window;
use crate::mysql::books::{self, Title};
use crate::mysql::connection::Session;
use crate::mysql::loans::{self, Loan};
use crate::mysql::row::WallTime;
use crate::mysql::scan_settings::ScanSettings;
use crate::mysql::schema::TableSchema;
use crate::snapshots::computation::Computation;
use crate::snapshots::counts::Counts;
use crate::snapshots::figure::{Figure, Loans, Needs};
use crate::snapshots::item_catalog::ItemCatalog;
use crate::snapshots::ranking;
use crate::snapshots::spelling_map::Lookup;
use anyhow::{Result, ensure};
use chrono::NaiveDate;
use futures_util::future::BoxFuture;
use shared::catalog::{Period, Snapshot};
use shared::rows::TopTitle;
use std::collections::HashMap;

/// All time, the month, the year.
const WINDOWS: usize = 3;
/// Titles per lookup: ten for the ranking, and spare ones because some may be hidden.
const LOOKUP_BATCH: usize = 50;
/// Maximum number of pending loans. A full scan cannot look anything up before its one statement ends.
const MAX_PENDING: usize = 4_000_000;

const SNAPSHOTS: [Snapshot; WINDOWS] = [
    Snapshot::TopBorrowed,
    Snapshot::TopBorrowedMonth,
    Snapshot::TopBorrowedYear,
];

/// The rankings of titles.
pub(super) struct TopTitles {
    today: NaiveDate,
    /// `None` before the catalogue is read.
    counter: Option<TitleCounter>,
}

impl TopTitles {
    pub(super) fn new(today: NaiveDate) -> Self {
        Self {
            today,
            counter: None,
        }
    }
}

impl Figure<Loans> for TopTitles {
    fn snapshots(&self) -> &'static [Snapshot] {
        &SNAPSHOTS
    }

    fn needs(&self) -> Needs {
        Needs {
            columns: vec!["item_code"],
            rows: Some(Window::until(self.today)),
            ..Needs::default()
        }
    }

    fn prepare<'a>(
        &'a mut self,
        computation: &'a mut Computation<'_>,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async {
            let settings = &computation.request.scan;
            let items = ItemCatalog::read(computation.session, settings).await?;
            let results = &mut computation.results;
            results.computed(Snapshot::Collection, &items.collection());
            self.counter = Some(TitleCounter::new(items, self.today));
            Ok(())
        })
    }

    fn add(&mut self, loan: &Loan<'_>) -> Result<()> {
        match &mut self.counter {
            Some(counter) => counter.add(loan),
            None => Ok(()),
        }
    }

    fn between_chunks<'a>(
        &'a mut self,
        computation: &'a mut Computation<'_>,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async {
            let settings = &computation.request.scan;
            match &mut self.counter {
                Some(counter) if counter.pending.len() >= settings.max_pending => {
                    counter.resolve_pending(computation.session, settings).await
                }
                _ => Ok(()),
            }
        })
    }

    fn finish<'a>(
        self: Box<Self>,
        _: &'a Counts,
        computation: &'a mut Computation<'_>,
    ) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let settings = &computation.request.scan;
            if let Some(counter) = self.counter {
                let rankings = counter.rankings(computation.session, settings).await;
                computation.results.computed_all(SNAPSHOTS, rankings);
            }
        })
    }
}

/// Counts loans by title.
struct TitleCounter {
    today: Window,
    windows: [Option<Window>; WINDOWS],
    items: ItemCatalog,
    /// By the index of the title: 24 bytes each.
    totals: Vec<[u64; WINDOWS]>,
    /// Titles that were deleted from the catalogue, by id.
    deleted: HashMap<i64, DeletedTitle>,
    pending: Vec<PendingLoan>,
}

/// A loan whose item is not resolved yet, or whose item or title was deleted.
struct PendingLoan {
    time: WallTime,
    id: i64,
    /// The symbol of the item code, if the item is not resolved yet.
    code: Option<u32>,
}

#[derive(Default)]
struct DeletedTitle {
    totals: [u64; WINDOWS],
    /// For each window, the latest loan whose history records the title.
    latest: [Option<(WallTime, i64)>; WINDOWS],
}

impl TitleCounter {
    fn new(items: ItemCatalog, today: NaiveDate) -> Self {
        let windows =
            [Period::Month, Period::Year].map(|period| Some(Window::current(period, today)));
        Self {
            today: Window::today(today),
            windows: [None, windows[0], windows[1]],
            totals: vec![[0; WINDOWS]; items.titles().len()],
            items,
            deleted: HashMap::new(),
            pending: Vec::new(),
        }
    }

    /// Counts a loan by its item code, or keeps it as pending. Ignores loans dated after today.
    fn add(&mut self, loan: &Loan<'_>) -> Result<()> {
        if loan.time.date().is_some_and(|day| day >= self.today.to) {
            return Ok(());
        }
        let code = match self.items.lookup(loan.item_code)? {
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

    /// Counts the pending loans: by the item, if the database holds the code equal to another spelling, else by the
    /// title in the loan's history. Loans without either are in no ranking.
    async fn resolve_pending(
        &mut self,
        session: &mut Session,
        settings: &ScanSettings,
    ) -> Result<()> {
        self.items.resolve_pending(session).await?;
        let mut orphans = Vec::new();
        for loan in std::mem::take(&mut self.pending) {
            match loan.code.map(|code| self.items.resolved(code)) {
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
            if let Some(title) = self.items.title_index(history.biblio_id) {
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

    /// The rankings of all time, of the month and of the year.
    async fn rankings(
        mut self,
        session: &mut Session,
        settings: &ScanSettings,
    ) -> Result<[Vec<TopTitle>; WINDOWS]> {
        self.resolve_pending(session, settings).await?;
        let schema = TableSchema::of(session, "biblio").await?;
        let mut rankings: [Vec<TopTitle>; WINDOWS] = Default::default();
        for (window, ranking) in rankings.iter_mut().enumerate() {
            *ranking = self.ranking(session, &schema, window).await?;
        }
        Ok(rankings)
    }

    async fn ranking(
        &self,
        session: &mut Session,
        schema: &TableSchema,
        window: usize,
    ) -> Result<Vec<TopTitle>> {
        let present = self.items.titles().iter().zip(&self.totals);
        let present = present.map(|(title, totals)| (totals[window], *title));
        let deleted = self.deleted.iter();
        let deleted = deleted.map(|(title, deleted)| (deleted.totals[window], *title));
        let mut by_total: Vec<(u64, i64)> = present
            .chain(deleted)
            .filter(|(total, _)| *total > 0)
            .collect();
        by_total.sort_unstable_by_key(|(total, title)| (std::cmp::Reverse(*total), *title));

        let mut visible: Vec<(i64, u64, Option<String>)> = Vec::new();
        for batch in by_total.chunks(LOOKUP_BATCH) {
            let ids: Vec<i64> = batch.iter().map(|(_, title)| *title).collect();
            let present = books::titles(session, schema, &ids).await?;
            let latest_loan =
                |title: &i64| self.deleted.get(title)?.latest[window].map(|(_, loan)| loan);
            let latest_loans: Vec<i64> = ids
                .iter()
                .filter(|title| !present.contains_key(title))
                .filter_map(latest_loan)
                .collect();
            let history = loans::history_titles(session, &latest_loans).await?;
            for (total, title) in batch {
                let text = match present.get(title) {
                    Some(Title { hidden: true, .. }) => continue,
                    Some(Title { text, .. }) => text.clone(),
                    None => latest_loan(title).and_then(|loan| history.get(&loan).cloned()),
                };
                visible.push((*title, *total, text));
            }
            if visible.len() >= ranking::TOP {
                break;
            }
        }
        let ranked = ranking::top(visible, |(_, total, _)| *total, |(title, ..)| *title);
        let rows = ranked
            .into_iter()
            .map(|(rank, (biblio_id, total, title))| TopTitle {
                rank,
                biblio_id,
                title,
                total,
            });
        Ok(rows.collect())
    }
}

fn count(totals: &mut [u64; WINDOWS], windows: [Option<Window>; WINDOWS], time: WallTime) {
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
