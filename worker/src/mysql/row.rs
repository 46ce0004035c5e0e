//! Decodes the columns of a row. Any text and any date is accepted, however dirty.

use anyhow::{Result, bail};
use chrono::{NaiveDate, NaiveDateTime};
use mysql_async::{Row, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A DATE or DATETIME as stored, including zero dates. Sorts as the database sorts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WallTime {
    year: u16,
    month: u8,
    day: u8,
    hour: u8,
    minute: u8,
    second: u8,
    micros: u32,
}

impl WallTime {
    /// `0000-00-00`, which sorts before all others.
    pub const ZERO: Self = Self {
        year: 0,
        month: 0,
        day: 0,
        hour: 0,
        minute: 0,
        second: 0,
        micros: 0,
    };

    /// The day; `None` if it does not exist, as in `0000-00-00` and `2026-00-00`.
    pub fn date(self) -> Option<NaiveDate> {
        NaiveDate::from_ymd_opt(self.year.into(), self.month.into(), self.day.into())
    }

    /// The hour, from 0 to 23.
    pub fn hour(self) -> u8 {
        self.hour
    }

    /// The day and time; `None` if the day does not exist.
    pub fn date_time(self) -> Option<NaiveDateTime> {
        let (hour, minute, second) = (self.hour.into(), self.minute.into(), self.second.into());
        self.date()?
            .and_hms_micro_opt(hour, minute, second, self.micros)
    }
}

/// Events by day. Days without events may be missing.
pub type DailyTotals = BTreeMap<NaiveDate, u64>;

/// An event (a visit or a loan) with the id or code by which it is counted.
#[derive(Clone, Copy, Debug)]
pub struct EventRow<'a> {
    /// When it happened.
    pub time: WallTime,
    /// The id of the row.
    pub row: i64,
    /// The member's id or the item code.
    pub text: &'a [u8],
}

/// Decodes the columns of one row, by index.
pub struct RowDecoder<'a>(pub &'a Row);

impl RowDecoder<'_> {
    /// The text; `None` for NULL. Invalid UTF-8 is replaced, never an error.
    pub fn text(&self, index: usize) -> Option<Cow<'_, str>> {
        match self.0.as_ref(index) {
            None | Some(Value::NULL) => None,
            Some(Value::Bytes(bytes)) => Some(String::from_utf8_lossy(bytes)),
            Some(other) => Some(other.as_sql(true).into()),
        }
    }

    /// Like [`Self::text`], as an owned string.
    pub fn owned_text(&self, index: usize) -> Option<String> {
        self.text(index).map(Cow::into_owned)
    }

    /// The raw bytes of an id or a code, for counting; empty for NULL.
    pub fn bytes(&self, index: usize) -> &[u8] {
        match self.0.as_ref(index) {
            Some(Value::Bytes(bytes)) => bytes,
            _ => &[],
        }
    }

    /// An integer; `None` for NULL.
    ///
    /// # Errors
    /// If the value is not an integer. The error names the column.
    pub fn integer(&self, index: usize) -> Result<Option<i64>> {
        let number = match self.0.as_ref(index) {
            None | Some(Value::NULL) => return Ok(None),
            Some(Value::Int(number)) => Some(*number),
            Some(Value::UInt(number)) => i64::try_from(*number).ok(),
            Some(Value::Bytes(bytes)) => std::str::from_utf8(bytes)
                .ok()
                .and_then(|text| text.parse().ok()),
            Some(_) => None,
        };
        match number {
            Some(number) => Ok(Some(number)),
            None => bail!(
                "column {} does not hold an integer",
                self.column_name(index)
            ),
        }
    }

    /// A count; 0 for NULL.
    ///
    /// # Errors
    /// If the value is not an integer, or negative.
    pub fn count(&self, index: usize) -> Result<u64> {
        Ok(u64::try_from(self.integer(index)?.unwrap_or(0))?)
    }

    /// A date or date and time; the zero date for NULL.
    ///
    /// # Errors
    /// If the value is not a date. The error names the column.
    pub fn time(&self, index: usize) -> Result<WallTime> {
        match self.0.as_ref(index) {
            None | Some(Value::NULL) => Ok(WallTime::ZERO),
            Some(&Value::Date(year, month, day, hour, minute, second, micros)) => Ok(WallTime {
                year,
                month,
                day,
                hour,
                minute,
                second,
                micros,
            }),
            Some(_) => bail!("column {} does not hold a date", self.column_name(index)),
        }
    }

    fn column_name(&self, index: usize) -> String {
        let columns = self.0.columns_ref();
        columns
            .get(index)
            .map_or_else(String::new, |column| column.name_str().into_owned())
    }
}
