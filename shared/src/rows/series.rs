//! Rows of the series.

use chrono::NaiveDate;
use serde::Serialize;

/// Visits or loans of one day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DayTotal {
    /// The day, in the library's time zone.
    #[cfg_attr(feature = "openapi", schema(examples("2025-09-23")))]
    pub date: NaiveDate,
    /// Visits of that day, including guests; in a series of loans, the loans of that day.
    #[cfg_attr(feature = "openapi", schema(examples(312)))]
    pub total: u64,
    /// Whether the day is not over yet. `total` is then as of the envelope's `generated_at`. True only for the last
    /// row.
    pub partial: bool,
}

impl DayTotal {
    /// The names of its fields, in the order of the JSON.
    pub const COLUMNS: &'static [&'static str] = &["date", "total", "partial"];
}

/// Visits or loans of one month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MonthTotal {
    /// The month, in the library's time zone.
    #[cfg_attr(
        feature = "openapi",
        schema(pattern = "^[0-9]{4}-(0[1-9]|1[0-2])$", examples("2025-09"))
    )]
    pub month: String,
    /// Visits of that month, including guests; in a series of loans, the loans of that month.
    #[cfg_attr(feature = "openapi", schema(examples(9120)))]
    pub total: u64,
    /// Whether the month is not over yet. `total` is then as of the envelope's `generated_at`. True only for the last
    /// row.
    pub partial: bool,
}

impl MonthTotal {
    /// The names of its fields, in the order of the JSON.
    pub const COLUMNS: &'static [&'static str] = &["month", "total", "partial"];
}

/// Visits or loans of one year.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct YearTotal {
    /// The year, in the library's time zone.
    #[cfg_attr(feature = "openapi", schema(examples(2025)))]
    pub year: i32,
    /// Visits of that year, including guests; in a series of loans, the loans of that year.
    #[cfg_attr(feature = "openapi", schema(examples(104_233)))]
    pub total: u64,
    /// Whether the year is not over yet. `total` is then as of the envelope's `generated_at`. True only for the last
    /// row.
    pub partial: bool,
}

impl YearTotal {
    /// The names of its fields, in the order of the JSON.
    pub const COLUMNS: &'static [&'static str] = &["year", "total", "partial"];
}
