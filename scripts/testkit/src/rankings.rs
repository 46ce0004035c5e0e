//! Rough rankings of a library during its generation, to choose members and titles for dirty rows. The oracle counts by
//! itself.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;

use chrono::NaiveDateTime;

use crate::library::{Library, Loan};
use crate::wall_clock::WallDate;

/// The windows of the rankings; all of them end with today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Window {
    Month,
    Year,
    AllTime,
}

impl Window {
    /// Whether a date is in the window that ends at the day of `now`.
    pub(crate) fn contains(self, now: NaiveDateTime, date: WallDate) -> bool {
        let today = WallDate::from(now.date());
        let within = match self {
            Self::Month => (date.year, date.month) == (today.year, today.month),
            Self::Year => date.year == today.year,
            Self::AllTime => true,
        };
        within && date <= today && date.calendar().is_some()
    }
}

/// An id as the collation groups it, near enough for the ids that we make.
pub(crate) fn folded(id: &str) -> String {
    id.trim_end().to_lowercase().replace('é', "e")
}

/// The folded ids of members by their numbers of visits: the busiest first.
pub(crate) fn visitors(
    library: &Library,
    now: NaiveDateTime,
    window: Window,
) -> Vec<(String, usize)> {
    let visits = library.visits.iter();
    let rows = visits.filter(|visit| window.contains(now, visit.checkin_date.date));
    rank(rows.filter_map(|visit| member_key(&visit.member_id)))
}

/// The folded ids of members by their numbers of loans: the busiest first.
pub(crate) fn borrowers(
    library: &Library,
    now: NaiveDateTime,
    window: Window,
) -> Vec<(String, usize)> {
    rank(loans(library, now, window).filter_map(|loan| member_key(&loan.member_id)))
}

/// The titles by loans, of copies that are there or in the history: the most borrowed first.
pub(crate) fn titles(library: &Library, now: NaiveDateTime, window: Window) -> Vec<(u32, usize)> {
    let live: HashSet<u32> = library.biblios.iter().map(|row| row.biblio_id).collect();
    let items = library.items.iter();
    let linked =
        items.filter_map(|item| Some((folded(item.item_code.as_deref()?), item.biblio_id?)));
    let copies: HashMap<String, u32> = linked.filter(|(_, biblio)| live.contains(biblio)).collect();
    let histories = library.histories.iter();
    let kept: HashMap<u32, u32> = histories.map(|row| (row.loan_id, row.biblio_id)).collect();
    rank(loans(library, now, window).filter_map(|loan| {
        let code = loan.item_code.as_deref();
        let by_copy = code.and_then(|code| copies.get(&folded(code)));
        by_copy.or_else(|| kept.get(&loan.loan_id)).copied()
    }))
}

fn loans(library: &Library, now: NaiveDateTime, window: Window) -> impl Iterator<Item = &Loan> {
    let loans = library.loans.iter();
    loans.filter(move |loan| loan.is_lent && window.contains(now, loan.loan_date))
}

fn member_key(id: &Option<Arc<str>>) -> Option<String> {
    let key = folded(id.as_deref()?);
    (!key.trim().is_empty()).then_some(key)
}

/// Keys by how often they occur, then by key.
fn rank<K: Ord + Hash + Clone>(keys: impl Iterator<Item = K>) -> Vec<(K, usize)> {
    let mut counts: HashMap<K, usize> = HashMap::new();
    for key in keys {
        *counts.entry(key).or_default() += 1;
    }
    let mut ranking: Vec<(K, usize)> = counts.into_iter().collect();
    ranking.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    ranking
}
