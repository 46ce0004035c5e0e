//! The rows of the snapshots' `data`. Field order here is field order in the JSON.
//!
//! `Option<Option<_>>` tells a value that is not to be shown (absent) from one that is unknown (null).

use chrono::NaiveDate;
use serde::Serialize;

/// Visits of one day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DayTotal {
    /// `"2025-09-23"`, by the library's calendar.
    pub date: NaiveDate,
    /// Visits, guests included.
    pub total: u64,
    /// Whether the day is not over.
    pub partial: bool,
}

/// Visits of one month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MonthTotal {
    /// `"2025-09"`.
    pub month: String,
    /// Visits, guests included.
    pub total: u64,
    /// Whether the month is not over.
    pub partial: bool,
}

/// Visits of one year.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct YearTotal {
    /// `2025`.
    pub year: i32,
    /// Visits, guests included.
    pub total: u64,
    /// Whether the year is not over.
    pub partial: bool,
}

/// A member in the ranking of visitors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TopVisitor {
    /// 1 for the first; equal totals share it.
    pub rank: usize,
    /// As the library spells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member_id: Option<String>,
    /// Whole, masked or absent, after `MEMBER_NAMES`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member_name: Option<Option<String>>,
    /// Null when blank.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub institution: Option<Option<String>>,
    /// Visits in the window.
    pub total: u64,
}

/// A member in the ranking of borrowers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TopBorrower {
    /// 1 for the first; equal totals share it.
    pub rank: usize,
    /// As the library spells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member_id: Option<String>,
    /// Whole, masked or absent, after `MEMBER_NAMES`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member_name: Option<Option<String>>,
    /// Loans in the window.
    pub total: u64,
}

/// A title in a ranking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TopTitle {
    /// 1 for the first; equal totals share it.
    pub rank: usize,
    /// The title's id in the catalogue.
    pub biblio_id: i64,
    /// Whole and unaltered.
    pub title: Option<String>,
    /// Loans in the window.
    pub total: u64,
}

/// The size of the collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Collection {
    /// Titles in the catalogue.
    pub total_titles: u64,
    /// Copies.
    pub total_items: u64,
}
