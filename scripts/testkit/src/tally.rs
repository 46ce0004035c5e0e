//! Rough rankings of a library during its generation, to choose members and titles for dirty rows. The oracle counts by
//! itself.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use chrono::NaiveDateTime;

use crate::library::Library;
use crate::wall::WallDate;

/// The windows of the rankings; all of them end with today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Window {
    Month,
    Year,
    AllTime,
}

impl Window {
    /// Whether a date is in the window that ends at the day of `now`.
    pub(crate) fn holds(self, now: NaiveDateTime, date: WallDate) -> bool {
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

/// The members, by their folded ids, by visits: the busiest first.
pub(crate) fn visitors(
    library: &Library,
    now: NaiveDateTime,
    window: Window,
) -> Vec<(String, usize)> {
    let rows = library
        .visits
        .iter()
        .filter(|visit| window.holds(now, visit.checkin_date.date));
    count(
        rows.filter_map(|visit| visit.member_id.as_deref())
            .map(folded)
            .filter(|id| !id.trim().is_empty()),
    )
}

/// The members, by their folded ids, by loans: the busiest first.
pub(crate) fn borrowers(
    library: &Library,
    now: NaiveDateTime,
    window: Window,
) -> Vec<(String, usize)> {
    let rows = library
        .loans
        .iter()
        .filter(|loan| loan.is_lent && window.holds(now, loan.loan_date));
    count(
        rows.filter_map(|loan| loan.member_id.as_deref())
            .map(folded)
            .filter(|id| !id.trim().is_empty()),
    )
}

/// The titles by loans, of copies that are there or in the history: the most borrowed first.
pub(crate) fn titles(library: &Library, now: NaiveDateTime, window: Window) -> Vec<(u32, usize)> {
    let live: HashSet<u32> = library
        .biblios
        .iter()
        .map(|biblio| biblio.biblio_id)
        .collect();
    let linked = library
        .items
        .iter()
        .filter_map(|item| Some((folded(item.item_code.as_deref()?), item.biblio_id?)));
    let copies: HashMap<String, u32> = linked.filter(|(_, biblio)| live.contains(biblio)).collect();
    let kept: HashMap<u32, u32> = library
        .histories
        .iter()
        .map(|row| (row.loan_id, row.biblio_id))
        .collect();
    let rows = library
        .loans
        .iter()
        .filter(|loan| loan.is_lent && window.holds(now, loan.loan_date));
    count(rows.filter_map(|loan| {
        let by_copy = loan
            .item_code
            .as_deref()
            .and_then(|code| copies.get(&folded(code)));
        by_copy.or_else(|| kept.get(&loan.loan_id)).copied()
    }))
}

/// Keys by how often they come, ties by key.
fn count<K: Ord + Hash + Clone>(keys: impl Iterator<Item = K>) -> Vec<(K, usize)> {
    let mut counts: HashMap<K, usize> = HashMap::new();
    for key in keys {
        *counts.entry(key).or_default() += 1;
    }
    let mut ranking: Vec<(K, usize)> = counts.into_iter().collect();
    ranking.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    ranking
}
