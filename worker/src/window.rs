//! Ranges of whole days, which end with today or before.

use chrono::{Datelike, Days, Months, NaiveDate};
use shared::catalog::Period;

/// A range of whole days: `from` is included, `to` is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first day.
    pub from: NaiveDate,
    /// The day after the last.
    pub to: NaiveDate,
}

impl Window {
    /// A window of only today.
    pub fn today(today: NaiveDate) -> Self {
        Self {
            from: today,
            to: next_day(today),
        }
    }

    /// The current month or year so far.
    pub fn current(period: Period, today: NaiveDate) -> Self {
        let month = match period {
            Period::Month => today.month(),
            Period::Year => 1,
        };
        let from = NaiveDate::from_ymd_opt(today.year(), month, 1);
        Self {
            from: from.expect("the first of a month exists"),
            to: next_day(today),
        }
    }

    /// All days up to and including today.
    pub fn until(today: NaiveDate) -> Self {
        Self {
            from: NaiveDate::MIN,
            ..Self::today(today)
        }
    }

    /// The last `count` months, including the current one.
    pub fn last_months(count: u32, today: NaiveDate) -> Self {
        let month = Self::current(Period::Month, today);
        let from = month.from.checked_sub_months(Months::new(count - 1));
        Self {
            from: from.expect("within the calendar"),
            ..month
        }
    }

    /// The twelve months that end with today and begin after the same day of last year.
    pub fn twelve_months(today: NaiveDate) -> Self {
        let same_day = today.checked_sub_months(Months::new(12));
        Self {
            from: next_day(same_day.expect("within the calendar")),
            ..Self::today(today)
        }
    }

    /// The last `count` years, including the current one.
    pub fn last_years(count: u32, today: NaiveDate) -> Self {
        let year = Self::current(Period::Year, today);
        let from = year.from.checked_sub_months(Months::new(12 * (count - 1)));
        Self {
            from: from.expect("within the calendar"),
            ..year
        }
    }

    /// The `count` days before today.
    pub fn days_before(count: u64, today: NaiveDate) -> Self {
        let from = today.checked_sub_days(Days::new(count));
        Self {
            from: from.expect("within the calendar"),
            to: today,
        }
    }

    /// The smallest window that contains this one and `other`.
    pub fn cover(self, other: Self) -> Self {
        Self {
            from: self.from.min(other.from),
            to: self.to.max(other.to),
        }
    }

    /// The parts of this window before and after `other`; each may be empty.
    pub fn around(self, other: Self) -> [Self; 2] {
        let before = Self {
            to: other.from.clamp(self.from, self.to),
            ..self
        };
        let after = Self {
            from: other.to.clamp(self.from, self.to),
            ..self
        };
        [before, after]
    }

    /// The days of the window, in ascending order.
    pub fn days(self) -> impl Iterator<Item = NaiveDate> {
        self.from.iter_days().take_while(move |day| *day < self.to)
    }

    /// Whether the window includes `day`.
    pub fn contains(&self, day: NaiveDate) -> bool {
        self.from <= day && day < self.to
    }
}

/// The name of the month or year of `day`: `"2025-09"` or `"2025"`.
pub fn period_name(period: Period, day: NaiveDate) -> String {
    match period {
        Period::Month => day.format("%Y-%m").to_string(),
        Period::Year => day.year().to_string(),
    }
}

/// The last `count` days, including `today`, in ascending order.
pub fn last_days(today: NaiveDate, count: u64) -> impl Iterator<Item = NaiveDate> {
    (0..count).rev().map(move |back| {
        today
            .checked_sub_days(Days::new(back))
            .expect("within the calendar")
    })
}

/// The first days of the last `count` months, including the current one, in ascending order.
pub fn last_months(today: NaiveDate, count: u32) -> impl Iterator<Item = NaiveDate> {
    let first = Window::current(Period::Month, today).from;
    (0..count).rev().map(move |back| {
        first
            .checked_sub_months(Months::new(back))
            .expect("within the calendar")
    })
}

/// The day after `day`.
pub fn next_day(day: NaiveDate) -> NaiveDate {
    day.succ_opt().expect("within the calendar")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn windows_end_with_today() {
        let month = Window::current(Period::Month, date("2024-02-29"));
        assert_eq!(
            (month.from, month.to),
            (date("2024-02-01"), date("2024-03-01"))
        );
        let year = Window::current(Period::Year, date("2025-12-31"));
        assert_eq!(
            (year.from, year.to),
            (date("2025-01-01"), date("2026-01-01"))
        );
        assert!(year.contains(date("2025-12-31")) && !year.contains(date("2026-01-01")));
    }

    #[test]
    fn last_days_and_months_end_with_today() {
        let months: Vec<_> = last_months(date("2025-03-31"), 3).collect();
        assert_eq!(
            months,
            [date("2025-01-01"), date("2025-02-01"), date("2025-03-01")]
        );
        let days: Vec<_> = last_days(date("2024-03-01"), 2).collect();
        assert_eq!(days, [date("2024-02-29"), date("2024-03-01")]);
    }
}
