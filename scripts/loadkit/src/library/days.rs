//! How many rows of a table each day has, and with which ids: fixed by the first and the last day of the first filling,
//! so that a library that is kept grows by the rows that it would have had anyway.

use chrono::{Days as Count, Months, NaiveDate};
use std::ops::Range;
use testkit::activity::day_weight;

/// The days of one table.
#[derive(Clone, Debug)]
pub struct Days {
    first: NaiveDate,
    /// Of a day of weight 1.
    rows: f64,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Day {
    /// Which.
    pub date: NaiveDate,
    /// The primary keys of its rows.
    pub ids: Range<u32>,
}

/// The first day of a history of `years` that ends with `last`.
pub fn first_day(last: NaiveDate, years: u32) -> NaiveDate {
    last - Months::new(12 * years) + Count::new(1)
}

impl Days {
    /// `rows` from `first` to `last`, both included.
    pub fn new(rows: u32, first: NaiveDate, last: NaiveDate) -> Self {
        let weights: f64 = between(first, last).map(day_weight).sum();
        Self {
            first,
            rows: f64::from(rows) / weights.max(f64::MIN_POSITIVE),
        }
    }

    /// From `after` (not included; `None`: from the first) to `last`, which may lie beyond the first filling.
    pub fn until(&self, after: Option<NaiveDate>, last: NaiveDate) -> impl Iterator<Item = Day> {
        let (mut weights, mut next, rows) = (0.0, 1, self.rows);
        let days = between(self.first, last).map(move |date| {
            weights += day_weight(date);
            let end = 1 + rounded(weights * rows);
            let ids = std::mem::replace(&mut next, end)..end;
            Day { date, ids }
        });
        days.filter(move |day| after.is_none_or(|after| day.date > after))
    }

    /// The greatest id of all days up to `last`; 0 when there is none.
    pub fn greatest_id(&self, last: NaiveDate) -> u32 {
        self.until(None, last)
            .last()
            .map_or(0, |day| day.ids.end - 1)
    }
}

fn between(first: NaiveDate, last: NaiveDate) -> impl Iterator<Item = NaiveDate> {
    first.iter_days().take_while(move |day| *day <= last)
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a library has fewer rows than an int can number"
)]
fn rounded(rows: f64) -> u32 {
    rows.round() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_has_its_rows_without_a_gap_and_grows_with_the_same_ids() {
        let last = NaiveDate::from_ymd_opt(2026, 11, 22).unwrap();
        let first = first_day(last, 6);
        assert_eq!(first, NaiveDate::from_ymd_opt(2020, 11, 23).unwrap());
        let days = Days::new(100_000, first, last);
        assert_eq!(days.greatest_id(last), 100_000);
        let mut next = 1;
        for day in days.until(None, last) {
            assert_eq!(day.ids.start, next);
            next = day.ids.end;
        }
        let later = last + Count::new(10);
        let more: Vec<Day> = days.until(Some(last), later).collect();
        assert_eq!((more.len(), more[0].ids.start), (10, 100_001));
        assert!(days.greatest_id(later) > 100_000);
        let all: Vec<Day> = days.until(None, later).collect();
        assert_eq!(all[all.len() - 10..], more);
    }
}
