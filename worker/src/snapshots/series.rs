//! Builds the series from events (visits or loans) by day: of fixed length, filled with zeros, ascending.

use crate::calendar::{Window, last_days, last_months, period_name};
use crate::mysql::row::DailyTotals;
use chrono::{Datelike, NaiveDate};
use shared::catalog::Period;
use shared::rows::{DayTotal, MonthTotal, YearTotal};

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
    let current = period_name(Period::Month, today);
    last_months(today, MONTHS)
        .map(|first| {
            let month = period_name(Period::Month, first);
            MonthTotal {
                total: sum(days, |day| {
                    (day.year(), day.month()) == (first.year(), first.month())
                }),
                partial: month == current,
                month,
            }
        })
        .collect()
}

/// This year and the four before.
pub fn yearly(days: &DailyTotals, today: NaiveDate) -> Vec<YearTotal> {
    (window(today).from.year()..=today.year())
        .map(|year| YearTotal {
            year,
            total: sum(days, |day| day.year() == year),
            partial: year == today.year(),
        })
        .collect()
}

fn sum(days: &DailyTotals, belongs: impl Fn(&NaiveDate) -> bool) -> u64 {
    let selected = days.iter().filter(|(day, _)| belongs(day));
    selected.map(|(_, total)| total).sum()
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
