//! What was borrowed most: ever, this month and this year.
//!
//! A loan leads to a copy, and the copy to a title. Where either is gone, the history of the loan knows the title.

use crate::calendar::Window;
use crate::mysql::books::{self, Title};
use crate::mysql::connection::Session;
use crate::mysql::loans;
use crate::mysql::row::WallTime;
use crate::mysql::scan::ScanSettings;
use crate::snapshots::item_catalog::{ItemCatalog, ItemLookup};
use crate::snapshots::ranking;
use crate::snapshots::row_batch::{EventRow, RowBatch};
use anyhow::{Error, Result, ensure};
use chrono::NaiveDate;
use shared::catalog::Period;
use shared::rows::TopTitle;
use std::collections::HashMap;

/// All time, the month, the year.
const WINDOWS: usize = 3;
/// Titles that are looked up at once: the ten, and room for hidden ones among them.
const LOOKUP: usize = 50;
/// Loans that are held, at most, of a table that is read in one statement, during which nothing can be looked up.
const HELD_AT_ONCE: usize = 4_000_000;

/// Loans by title.
pub(super) struct TitleCounter {
    today: Window,
    windows: [Option<Window>; WINDOWS],
    copies: ItemCatalog,
    /// By the number of the title: 24 bytes each.
    totals: Vec<[u64; WINDOWS]>,
    /// Titles that the catalogue no longer has, by their ids.
    gone: HashMap<i64, DeletedTitle>,
    held: Vec<PendingLoan>,
    batch: RowBatch,
    /// Why there will be no rankings of titles. Those of borrowers, who are read in the same pass, go on.
    error: Option<Error>,
}

/// A loan whose copy is not known yet, or whose copy or title is gone.
struct PendingLoan {
    time: WallTime,
    id: i64,
    /// The number of its code, when the copy is not known yet.
    code: Option<u32>,
}

#[derive(Default)]
struct DeletedTitle {
    totals: [u64; WINDOWS],
    /// By window, the latest loan whose history kept the title.
    kept: [Option<(WallTime, i64)>; WINDOWS],
}

impl TitleCounter {
    pub(super) fn new(copies: ItemCatalog, today: NaiveDate) -> Self {
        let windows =
            [Period::Month, Period::Year].map(|period| Some(Window::current(period, today)));
        Self {
            today: Window::today(today),
            windows: [None, windows[0], windows[1]],
            totals: vec![[0; WINDOWS]; copies.titles().len()],
            copies,
            gone: HashMap::new(),
            held: Vec::new(),
            batch: RowBatch::default(),
            error: None,
        }
    }

    /// Takes a loan by its code. What is dated after today counts nowhere.
    pub(super) fn add(&mut self, loan: EventRow<'_>) {
        let day = loan.time.date();
        if day.is_none_or(|day| day < self.today.to) {
            self.batch.push(loan);
        }
        if self.batch.is_full() {
            self.count();
        }
    }

    /// Counts what was taken, or holds it.
    fn count(&mut self) {
        let batch = std::mem::take(&mut self.batch);
        for loan in batch.iter() {
            let counted = self.count_or_hold(loan);
            self.error = self.error.take().or(counted.err());
        }
        self.batch = batch;
        self.batch.clear();
    }

    fn count_or_hold(&mut self, loan: EventRow<'_>) -> Result<()> {
        let code = match self.copies.of(loan.text)? {
            ItemLookup::Of(title) => {
                count(&mut self.totals[title], self.windows, loan.time);
                return Ok(());
            }
            ItemLookup::DeletedTitle => None,
            ItemLookup::Unknown(code) => Some(code),
        };
        ensure!(
            self.held.len() < HELD_AT_ONCE,
            "more than {HELD_AT_ONCE} loans of copies that are gone, in a table without a key"
        );
        self.held.push(PendingLoan {
            time: loan.time,
            id: loan.row,
            code,
        });
        Ok(())
    }

    /// How many loans are held.
    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    /// Counts what is held: by the copy, where the database holds its code equal to another spelling, else by the title
    /// that the history knows. The others are in no ranking.
    pub(super) async fn resolve_pending(&mut self, session: &mut Session, reading: &ScanSettings) {
        self.count();
        if self.error.is_none() {
            self.error = self.count_held(session, reading).await.err();
        }
    }

    async fn count_held(&mut self, session: &mut Session, reading: &ScanSettings) -> Result<()> {
        self.copies.resolve_pending(session).await?;
        let mut orphans = Vec::new();
        for held in std::mem::take(&mut self.held) {
            match held.code.map(|code| self.copies.numbered(code)) {
                Some(ItemLookup::Of(title)) => {
                    count(&mut self.totals[title], self.windows, held.time)
                }
                _ => orphans.push(held),
            }
        }
        let ids: Vec<i64> = orphans.iter().map(|loan| loan.id).collect();
        let histories = loans::histories(session, reading, &ids).await?;
        for PendingLoan { time, id, .. } in orphans {
            let Some(history) = histories.get(&id) else {
                continue;
            };
            if let Some(title) = self.copies.number(history.biblio_id) {
                count(&mut self.totals[title], self.windows, time);
                continue;
            }
            let gone = self.gone.entry(history.biblio_id).or_default();
            count(&mut gone.totals, self.windows, time);
            for window in windows_of(self.windows, time).filter(|_| history.has_title) {
                gone.kept[window] = gone.kept[window].max(Some((time, id)));
            }
        }
        Ok(())
    }

    /// The rankings of all time, of the month and of the year.
    pub(super) async fn rankings(
        mut self,
        session: &mut Session,
        reading: &ScanSettings,
    ) -> Result<[Vec<TopTitle>; WINDOWS]> {
        self.resolve_pending(session, reading).await;
        if let Some(error) = self.error {
            return Err(error);
        }
        let mut rankings: [Vec<TopTitle>; WINDOWS] = Default::default();
        for (window, ranking) in rankings.iter_mut().enumerate() {
            *ranking = self.ranking(session, window).await?;
        }
        Ok(rankings)
    }

    async fn ranking(&self, session: &mut Session, window: usize) -> Result<Vec<TopTitle>> {
        let present = self.copies.titles().iter().zip(&self.totals);
        let present = present.map(|(title, totals)| (totals[window], *title));
        let gone = self.gone.iter();
        let gone = gone.map(|(title, gone)| (gone.totals[window], *title));
        let mut by_total: Vec<(u64, i64)> = present
            .chain(gone)
            .filter(|(total, _)| *total > 0)
            .collect();
        by_total.sort_unstable_by_key(|(total, title)| (std::cmp::Reverse(*total), *title));

        let mut shown: Vec<(i64, u64, Option<String>)> = Vec::new();
        for batch in by_total.chunks(LOOKUP) {
            let ids: Vec<i64> = batch.iter().map(|(_, title)| *title).collect();
            let present = books::titles(session, &ids).await?;
            let kept_by = |title: &i64| self.gone.get(title)?.kept[window].map(|(_, loan)| loan);
            let kept_by: Vec<i64> = ids
                .iter()
                .filter(|title| !present.contains_key(title))
                .filter_map(kept_by)
                .collect();
            let kept = loans::history_titles(session, &kept_by).await?;
            for (total, title) in batch {
                let text = match present.get(title) {
                    Some(Title { hidden: true, .. }) => continue,
                    Some(Title { text, .. }) => text.clone(),
                    None => self
                        .gone
                        .get(title)
                        .and_then(|gone| gone.kept[window])
                        .and_then(|(_, loan)| kept.get(&loan).cloned()),
                };
                shown.push((*title, *total, text));
            }
            if shown.len() >= ranking::TOP {
                break;
            }
        }
        let ranked = ranking::top(shown, |(_, total, _)| *total, |(title, ..)| *title);
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

/// All time holds every loan, a window those with a real date within it.
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
