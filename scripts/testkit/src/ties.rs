//! Exact ties at rank 10 and across it, and near the top, in every ranking.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::{Datelike as _, Days, NaiveDate, NaiveDateTime};

use crate::dirty::plain_loan;
use crate::library::{History, Library, Loan, Visit};
use crate::rankings::{Window, borrowers, folded, titles, visitors};
use crate::wall_clock::WallDate;

/// A tie that would take more rows than this is not worth making.
const MOST_ROWS: usize = 500;

/// Raises counts until neighbours are equal: places 10, 11 and 12, and 2 and 3, counted from 1.
/// Each added row counts in one ranking alone: a loan without a borrower, or without a copy.
pub(crate) fn make(library: &mut Library, now: NaiveDateTime) {
    for (window, day) in days(now) {
        let date = WallDate::from(day);
        for (id, rows) in missing_rows(&visitors(library, now, window)) {
            add_visits(library, &id, rows, date);
        }
        for (id, rows) in missing_rows(&borrowers(library, now, window)) {
            add_loans(library, None, Some(id.as_str().into()), rows, date);
        }
    }
    let hidden: HashSet<u32> = library
        .biblios
        .iter()
        .filter(|biblio| biblio.opac_hide)
        .map(|biblio| biblio.biblio_id)
        .collect();
    for (window, day) in days(now).into_iter().chain(all_time(now)) {
        let mut ranking = titles(library, now, window);
        ranking.retain(|(id, _)| !hidden.contains(id));
        for (id, rows) in missing_rows(&ranking) {
            add_title_loans(library, id, rows, WallDate::from(day));
        }
    }
}

/// A day for each window that is in it and not in the smaller ones: month first, then year.
fn days(now: NaiveDateTime) -> Vec<(Window, NaiveDate)> {
    let today = now.date();
    let mut days = vec![(Window::Month, today)];
    // In January the year is the month, and its ties are made already.
    if today.month() > 1 {
        days.push((Window::Year, today.with_ordinal(1).unwrap_or(today)));
    }
    days
}

/// A day before the year, for all time.
fn all_time(now: NaiveDateTime) -> Option<(Window, NaiveDate)> {
    let first = now.date().with_ordinal(1)?;
    Some((Window::AllTime, first - Days::new(20)))
}

/// The keys that need more rows, and how many.
fn missing_rows<K: Clone>(ranking: &[(K, usize)]) -> Vec<(K, usize)> {
    let goal = |place: usize, like: usize| {
        let (key, count) = ranking.get(place)?;
        let rows = ranking.get(like)?.1 - count;
        (1..=MOST_ROWS).contains(&rows).then(|| (key.clone(), rows))
    };
    [goal(2, 1), goal(10, 9), goal(11, 9)]
        .into_iter()
        .flatten()
        .collect()
}

/// Adds visits of the person with that folded id, like the last one.
fn add_visits(library: &mut Library, id: &str, rows: usize, date: WallDate) {
    let is_theirs = |visit: &&Visit| {
        visit
            .member_id
            .as_deref()
            .is_some_and(|it| folded(it) == id)
    };
    let Some(last) = library.visits.iter().rev().find(is_theirs).cloned() else {
        return;
    };
    let next = library.next_visitor_id();
    for visitor_id in (next..).take(rows) {
        library.visits.push(Visit {
            visitor_id,
            checkin_date: date.at(8, 30, 0),
            ..last.clone()
        });
    }
}

/// More loans of a title: of a copy when it has one, else by the history alone.
fn add_title_loans(library: &mut Library, id: u32, rows: usize, date: WallDate) {
    let live = library.biblios.iter().any(|biblio| biblio.biblio_id == id);
    let copy = library
        .items
        .iter()
        .find(|item| live && item.biblio_id == Some(id));
    let code = copy.and_then(|item| item.item_code.clone());
    if code.is_none() {
        let kept = library
            .histories
            .iter()
            .rev()
            .find(|row| row.biblio_id == id)
            .cloned();
        let next = library.next_loan_id();
        let more = (next..).take(rows).zip(kept.into_iter().cycle());
        library.histories.extend(more.map(|(loan_id, row)| History {
            loan_id,
            member_id: None,
            loan_date: date,
            ..row
        }));
    }
    add_loans(library, code, None, rows, date);
}

fn add_loans(
    library: &mut Library,
    code: Option<Arc<str>>,
    member: Option<Arc<str>>,
    rows: usize,
    date: WallDate,
) {
    let next = library.next_loan_id();
    for loan_id in (next..).take(rows) {
        library.loans.push(Loan {
            loan_id,
            ..plain_loan(code.clone(), member.clone(), date)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::{Plan, Size, generate};

    #[test]
    fn places_ten_and_eleven_are_equal_in_every_ranking() {
        let day = NaiveDate::from_ymd_opt(2026, 3, 20).expect("a date");
        let now = day.and_hms_opt(10, 0, 0).expect("a time");
        for size in [Size::Tiny, Size::School] {
            let library = generate(&Plan {
                size,
                years: 3,
                now,
                seed: 3,
                dirty: true,
            });
            let is_hidden = |id: u32| {
                let mut titles = library.biblios.iter();
                titles.any(|biblio| biblio.biblio_id == id && biblio.opac_hide)
            };
            for window in [Window::Month, Window::Year, Window::AllTime] {
                let mut titles = titles(&library, now, window);
                titles.retain(|(id, _)| !is_hidden(*id));
                assert_eq!(titles[9].1, titles[10].1, "titles, {size:?} {window:?}");
                if window != Window::AllTime {
                    let visitors = visitors(&library, now, window);
                    assert_eq!(
                        visitors[9].1, visitors[10].1,
                        "visitors, {size:?} {window:?}"
                    );
                    let borrowers = borrowers(&library, now, window);
                    assert_eq!(
                        borrowers[9].1, borrowers[10].1,
                        "borrowers, {size:?} {window:?}"
                    );
                }
            }
        }
    }
}
