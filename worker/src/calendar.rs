//! The library's calendar: converts instants to days in the library's time zone, and back.
//!
//! Dates in the database are wall time of that zone, stored without a zone. Only this file converts between the two.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, TimeZone};
use chrono_tz::{GapInfo, Tz};
use shared::catalog::Period;
use shared::time::Timestamp;
use std::str::FromStr;

/// Days, months and years in the library's zone.
#[derive(Clone, Copy, Debug)]
pub struct Calendar {
    zone: Tz,
}

impl Calendar {
    /// Parses an IANA time zone name such as `Asia/Jakarta`.
    ///
    /// # Errors
    /// If the name is unknown.
    pub fn parse(name: &str) -> Result<Self, String> {
        let zone = Tz::from_str(name);
        zone.map(|zone| Self { zone })
            .map_err(|_| "is not an IANA time zone such as Asia/Jakarta".to_owned())
    }

    /// The IANA name of the time zone.
    pub fn zone(&self) -> &'static str {
        self.zone.name()
    }

    /// Converts an instant to the library's wall time.
    pub fn local(&self, time: Timestamp) -> DateTime<Tz> {
        time.utc().with_timezone(&self.zone)
    }

    /// The library's date at an instant.
    pub fn day(&self, time: Timestamp) -> NaiveDate {
        self.local(time).date_naive()
    }

    /// The first instant after `day`. If midnight falls into a DST gap, that is the end of the gap. If midnight occurs
    /// twice, it is the first one.
    pub fn end_of(&self, day: NaiveDate) -> Timestamp {
        let midnight = next_day(day).and_time(NaiveTime::MIN);
        let first = self.zone.from_local_datetime(&midnight).earliest();
        let first = first.or_else(|| GapInfo::new(&midnight, &self.zone)?.end);
        Timestamp::from(first.expect("a gap in local time has an end").to_utc())
    }
}

/// A range of whole days that ends with today: `from` is included, `to` (tomorrow) is not.
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

fn next_day(day: NaiveDate) -> NaiveDate {
    day.succ_opt().expect("within the calendar")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn time(text: &str) -> Timestamp {
        Timestamp::from(text.parse::<DateTime<chrono::Utc>>().unwrap())
    }

    fn calendar(zone: &str) -> Calendar {
        Calendar::parse(zone).unwrap()
    }

    #[test]
    fn days_are_in_the_library_zone() {
        let jakarta = calendar("Asia/Jakarta");
        assert_eq!(
            jakarta.day(time("2025-10-31T16:59:59.999Z")),
            date("2025-10-31")
        );
        assert_eq!(
            jakarta.day(time("2025-10-31T17:00:00Z")),
            date("2025-11-01")
        );
        assert_eq!(
            jakarta.end_of(date("2025-10-31")),
            time("2025-10-31T17:00:00Z")
        );
    }

    #[test]
    fn days_of_23_and_25_hours_end_at_local_midnight() {
        let zurich = calendar("Europe/Zurich");
        assert_eq!(
            zurich.end_of(date("2026-03-28")),
            time("2026-03-28T23:00:00Z")
        );
        assert_eq!(
            zurich.end_of(date("2026-03-29")),
            time("2026-03-29T22:00:00Z")
        );
        assert_eq!(
            zurich.end_of(date("2026-10-25")),
            time("2026-10-25T23:00:00Z")
        );
    }

    #[test]
    fn a_missing_midnight_is_the_end_of_the_dst_gap() {
        let cairo = calendar("Africa/Cairo");
        assert_eq!(
            cairo.end_of(date("2026-04-23")),
            time("2026-04-23T22:00:00Z")
        );
        assert_eq!(cairo.day(time("2026-04-23T22:00:00Z")), date("2026-04-24"));
        let santiago = calendar("America/Santiago");
        assert_eq!(
            santiago.end_of(date("2026-09-05")),
            time("2026-09-06T04:00:00Z")
        );
        // Clocks go back from 24:00 to 23:00: Saturday has 25 hours.
        assert_eq!(
            santiago.end_of(date("2026-04-04")),
            time("2026-04-05T04:00:00Z")
        );
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
