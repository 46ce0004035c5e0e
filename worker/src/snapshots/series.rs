//! Builds the series from events (visits, loans, new members) by day: of fixed length, filled with zeros, ascending.
//! Days to come are in no series.

use crate::mysql::row::DailyTotals;
use crate::window::{Window, last_days, last_months, period_name};
use chrono::{Datelike, Months, NaiveDate};
use shared::catalog::Period;
use shared::rows::series::{DayTotal, MonthTotal, YearTotal};

const DAYS: u64 = 7;
/// Number of months in a series by month, including the current one.
pub const MONTHS: u32 = 12;
const YEARS: u32 = 5;

/// The days that the series need.
pub fn window(today: NaiveDate) -> Window {
    Window::last_years(YEARS, today)
}

/// Every day of the five years.
pub fn daily(days: &DailyTotals, today: NaiveDate) -> Vec<DayTotal> {
    days_of(window(today).days(), days, today)
}

/// Today and the six days before.
pub fn weekly(days: &DailyTotals, today: NaiveDate) -> Vec<DayTotal> {
    days_of(last_days(today, DAYS), days, today)
}

fn days_of(
    dates: impl Iterator<Item = NaiveDate>,
    days: &DailyTotals,
    today: NaiveDate,
) -> Vec<DayTotal> {
    let total = |date| days.get(&date).copied().unwrap_or(0);
    let day = |date| DayTotal {
        date,
        total: total(date),
        partial: date == today,
    };
    dates.map(day).collect()
}

/// This month and the eleven before.
pub fn monthly(days: &DailyTotals, today: NaiveDate) -> Vec<MonthTotal> {
    let (current, end) = (period_name(Period::Month, today), Window::today(today).to);
    last_months(today, MONTHS)
        .map(|first| {
            let month = period_name(Period::Month, first);
            let next = first + Months::new(1);
            MonthTotal {
                total: sum(days, first, next.min(end)),
                partial: month == current,
                month,
            }
        })
        .collect()
}

/// This year and the four before.
pub fn yearly(days: &DailyTotals, today: NaiveDate) -> Vec<YearTotal> {
    let (first, end) = (window(today).from, Window::today(today).to);
    (0..YEARS)
        .map(|years| first + Months::new(12 * years))
        .map(|first| YearTotal {
            year: first.year(),
            total: sum(days, first, (first + Months::new(12)).min(end)),
            partial: first.year() == today.year(),
        })
        .collect()
}

/// The events from the first day up to, but not including, the second.
pub fn sum(days: &DailyTotals, from: NaiveDate, to: NaiveDate) -> u64 {
    days.range(from..to).map(|(_, total)| total).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn series_of_an_empty_library_are_full_of_zeros() {
        let today = date("2024-02-29");
        let weekly = weekly(&DailyTotals::new(), today);
        assert_eq!((weekly.len(), weekly[0].date), (7, date("2024-02-23")));
        let monthly = monthly(&DailyTotals::new(), today);
        assert_eq!((monthly.len(), monthly[0].month.as_str()), (12, "2023-03"));
        let yearly = yearly(&DailyTotals::new(), today);
        assert_eq!((yearly.len(), yearly[0].year), (5, 2020));
        assert!(yearly.iter().all(|year| year.total == 0));
    }

    #[test]
    fn only_the_current_period_is_partial() {
        let today = date("2025-01-01");
        let days = DailyTotals::from([(date("2024-12-31"), 3), (today, 2)]);
        let monthly = monthly(&days, today);
        let last: Vec<_> = monthly
            .iter()
            .rev()
            .take(2)
            .map(|m| (m.month.as_str(), m.total, m.partial))
            .collect();
        assert_eq!(last, [("2025-01", 2, true), ("2024-12", 3, false)]);
        assert_eq!(
            weekly(&days, today)
                .iter()
                .filter(|day| day.partial)
                .count(),
            1
        );
        assert_eq!(window(today).from, date("2021-01-01"));
    }
}
