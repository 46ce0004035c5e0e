//! The windows of the rankings. All of them end at the end of today.

use chrono::{Datelike as _, Days, Months, NaiveDate};

use crate::wall_clock::WallDate;

/// Days from the first to today, both included; without a first day all time, zero dates included.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    first: Option<NaiveDate>,
    today: NaiveDate,
}

impl Window {
    pub(crate) fn month(today: NaiveDate) -> Self {
        Self {
            first: today.with_day(1),
            today,
        }
    }

    pub(crate) fn year(today: NaiveDate) -> Self {
        Self {
            first: today.with_ordinal(1),
            today,
        }
    }

    /// The twelve months after the same day of last year, which is 28 February for 29 February.
    pub(crate) fn twelve_months(today: NaiveDate) -> Self {
        Self {
            first: Some(today - Months::new(12) + Days::new(1)),
            today,
        }
    }

    pub(crate) fn all_time(today: NaiveDate) -> Self {
        Self { first: None, today }
    }

    /// Today, the last day of every window.
    pub(crate) fn today(self) -> NaiveDate {
        self.today
    }

    /// A zero date is in no window but all time; there it always is, since it is no day after today.
    pub(crate) fn contains(self, date: WallDate) -> bool {
        match (self.first, date.calendar()) {
            (None, day) => day.is_none_or(|day| day <= self.today),
            (Some(first), Some(day)) => first <= day && day <= self.today,
            (Some(_), None) => false,
        }
    }
}
