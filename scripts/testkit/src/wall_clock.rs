//! Dates and times as the database holds them: the library's wall time, zero dates and half-zero dates included.

use std::fmt;

use chrono::{Datelike as _, NaiveDate, NaiveDateTime, NaiveTime, Timelike as _};

/// A DATE; any part may be zero. Ordered by year, month, day as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct WallDate {
    /// 0 to 9999.
    pub year: u16,
    /// 0 to 12.
    pub month: u8,
    /// 0 to 31.
    pub day: u8,
}

/// A DATETIME; any part may be zero. Ordered by date, then time, as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct WallTime {
    /// The day, perhaps a zero date.
    pub date: WallDate,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
}

impl WallDate {
    /// A date from its parts, which may be zero.
    pub fn new(year: u16, month: u8, day: u8) -> Self {
        Self { year, month, day }
    }

    /// The day of the calendar, or `None` for a zero date.
    pub fn calendar(self) -> Option<NaiveDate> {
        NaiveDate::from_ymd_opt(
            i32::from(self.year),
            u32::from(self.month),
            u32::from(self.day),
        )
        .filter(|_| self.year > 0)
    }

    /// The same day at a time.
    pub fn at(self, hour: u8, minute: u8, second: u8) -> WallTime {
        WallTime {
            date: self,
            hour,
            minute,
            second,
        }
    }
}

impl From<NaiveDate> for WallDate {
    fn from(date: NaiveDate) -> Self {
        Self {
            year: narrow(date.year()),
            month: narrow(date.month()),
            day: narrow(date.day()),
        }
    }
}

impl From<NaiveDateTime> for WallTime {
    /// Fractions of a second are cut off.
    fn from(at: NaiveDateTime) -> Self {
        WallDate::from(at.date()).at(narrow(at.hour()), narrow(at.minute()), narrow(at.second()))
    }
}

impl WallTime {
    /// The moment of the calendar, or `None` for a zero date.
    pub fn calendar(self) -> Option<NaiveDateTime> {
        let time = NaiveTime::from_hms_opt(
            u32::from(self.hour),
            u32::from(self.minute),
            u32::from(self.second),
        )?;
        Some(self.date.calendar()?.and_time(time))
    }
}

impl fmt::Display for WallDate {
    /// `2026-05-00`, as SQL text without quotes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl fmt::Display for WallTime {
    /// `2026-05-00 00:00:00`, as SQL text without quotes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {:02}:{:02}:{:02}",
            self.date, self.hour, self.minute, self.second
        )
    }
}

/// A calendar part in its small type; chrono's ranges and four-digit years fit.
fn narrow<T, U: TryFrom<T>>(part: T) -> U {
    U::try_from(part)
        .ok()
        .expect("a part of a date between the years 0 and 9999 fits")
}
