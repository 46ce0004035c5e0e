//! What was borrowed most: ever, this month and this year.
//!
//! A loan leads to a copy, and the copy to a title. Where either is gone, the history of the loan knows the title.

use crate::calendar::Window;
use crate::source::books::{self, Title};
use crate::source::cells::WallTime;
use crate::source::collation::{Collation, Key};
use crate::source::database::Session;
use crate::source::loans::{self, Loan};
use crate::stats::rank;
use anyhow::Result;
use chrono::NaiveDate;
use shared::catalog::Period;
use shared::rows::TopTitle;
use std::collections::HashMap;

/// All time, the month, the year.
const WINDOWS: usize = 3;
/// Titles that are looked up at once: the ten, and room for hidden ones among them.
const LOOKUP: usize = 50;

/// The rankings of all time, of the month and of the year.
pub(super) async fn top(
    session: &mut Session,
    today: NaiveDate,
) -> Result<[Vec<TopTitle>; WINDOWS]> {
    let mut collation = Collation::of(session, "loan", "item_code").await?;
    let items = books::items(session).await?;
    collation
        .learn(session, items.iter().map(|(code, _)| code.as_str()))
        .await?;
    let titles: HashMap<Key, i64> = items
        .into_iter()
        .map(|(code, title)| (collation.key(&code), title))
        .collect();

    let mut count = Count::new(today);
    let mut unread: Vec<Loan> = Vec::new();
    loans::all(session, |loan| {
        let code = loan.item_code.as_deref().unwrap_or_default();
        if collation.knows(code) {
            count.add(titles.get(&collation.key(code)).copied(), &loan);
        } else {
            unread.push(loan);
        }
    })
    .await?;
    collation
        .learn(
            session,
            unread.iter().filter_map(|loan| loan.item_code.as_deref()),
        )
        .await?;
    for loan in unread {
        let code = loan.item_code.as_deref().unwrap_or_default();
        count.add(titles.get(&collation.key(code)).copied(), &loan);
    }
    count.add_orphans(session).await?;

    let mut rankings: [Vec<TopTitle>; WINDOWS] = Default::default();
    for (window, ranking) in rankings.iter_mut().enumerate() {
        *ranking = count.ranking(session, window).await?;
    }
    Ok(rankings)
}

/// Loans by title.
struct Count {
    today: Window,
    windows: [Option<Window>; WINDOWS],
    titles: HashMap<i64, Tally>,
    /// Loans whose copy or title is gone.
    orphans: Vec<(WallTime, i64)>,
}

#[derive(Default)]
struct Tally {
    totals: [u64; WINDOWS],
    /// By window, the latest orphan whose history kept the title.
    kept: [Option<(WallTime, i64)>; WINDOWS],
}

impl Count {
    fn new(today: NaiveDate) -> Self {
        let windows =
            [Period::Month, Period::Year].map(|period| Some(Window::current(period, today)));
        Self {
            today: Window::today(today),
            windows: [None, windows[0], windows[1]],
            titles: HashMap::new(),
            orphans: Vec::new(),
        }
    }

    /// Counts a loan of `title`, or keeps it for its history. What is dated after today counts nowhere.
    fn add(&mut self, title: Option<i64>, loan: &Loan) {
        if loan.time.date().is_some_and(|day| day >= self.today.to) {
            return;
        }
        match title {
            Some(title) => {
                for window in self.windows_of(loan.time) {
                    self.titles.entry(title).or_default().totals[window] += 1;
                }
            }
            None => self.orphans.push((loan.time, loan.id)),
        }
    }

    /// Counts the orphans whose title their history knows. The others are in no ranking.
    async fn add_orphans(&mut self, session: &mut Session) -> Result<()> {
        let mut orphans = std::mem::take(&mut self.orphans);
        orphans.sort_unstable();
        let ids: Vec<i64> = orphans.iter().map(|(_, loan)| *loan).collect();
        let histories = loans::histories(session, &ids).await?;
        for (time, loan) in orphans {
            let Some(history) = histories.get(&loan) else {
                continue;
            };
            for window in self.windows_of(time) {
                let tally = self.titles.entry(history.biblio_id).or_default();
                tally.totals[window] += 1;
                if history.has_title {
                    tally.kept[window] = Some((time, loan));
                }
            }
        }
        Ok(())
    }

    /// All time holds every loan, a window those with a real date within it.
    fn windows_of(&self, time: WallTime) -> impl Iterator<Item = usize> + use<> {
        let day = time.date();
        let windows = self.windows;
        (0..WINDOWS).filter(move |index| match windows[*index] {
            None => true,
            Some(window) => day.is_some_and(|day| window.contains(day)),
        })
    }

    async fn ranking(&self, session: &mut Session, window: usize) -> Result<Vec<TopTitle>> {
        let mut by_total: Vec<(u64, i64)> = self
            .titles
            .iter()
            .map(|(title, tally)| (tally.totals[window], *title))
            .filter(|(total, _)| *total > 0)
            .collect();
        by_total.sort_unstable_by_key(|(total, title)| (std::cmp::Reverse(*total), *title));

        let mut shown: Vec<(i64, u64, Option<String>)> = Vec::new();
        for batch in by_total.chunks(LOOKUP) {
            let ids: Vec<i64> = batch.iter().map(|(_, title)| *title).collect();
            let present = books::titles(session, &ids).await?;
            let gone: Vec<i64> = ids
                .iter()
                .filter(|title| !present.contains_key(title))
                .filter_map(|title| self.titles[title].kept[window].map(|(_, loan)| loan))
                .collect();
            let kept = loans::history_titles(session, &gone).await?;
            for (total, title) in batch {
                let text = match present.get(title) {
                    Some(Title { hidden: true, .. }) => continue,
                    Some(Title { text, .. }) => text.clone(),
                    None => self.titles[title].kept[window]
                        .and_then(|(_, loan)| kept.get(&loan).cloned()),
                };
                shown.push((*title, *total, text));
            }
            if shown.len() >= rank::TOP {
                break;
            }
        }
        let ranked = rank::top(shown, |(_, total, _)| *total, |(title, ..)| *title);
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
