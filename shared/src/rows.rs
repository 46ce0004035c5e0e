//! The rows of the snapshots' `data`. Field order here is field order in the JSON; what is said here of a field, the API's
//! document says.
//!
//! `Option<Option<_>>` tells a value that is not to be shown (absent) from one that is unknown (null).

use chrono::NaiveDate;
use serde::Serialize;

/// Visits of one day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DayTotal {
    /// The day, by the library's calendar.
    #[cfg_attr(feature = "openapi", schema(examples("2025-09-23")))]
    pub date: NaiveDate,
    /// Visits of that day, guests included.
    #[cfg_attr(feature = "openapi", schema(examples(312)))]
    pub total: u64,
    /// Whether the day is not over: `total` is then as of the envelope's `generated_at`. True of the last row alone.
    pub partial: bool,
}

/// Visits of one month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MonthTotal {
    /// The month, by the library's calendar.
    #[cfg_attr(
        feature = "openapi",
        schema(pattern = "^[0-9]{4}-(0[1-9]|1[0-2])$", examples("2025-09"))
    )]
    pub month: String,
    /// Visits of that month, guests included.
    #[cfg_attr(feature = "openapi", schema(examples(9120)))]
    pub total: u64,
    /// Whether the month is not over: `total` is then as of the envelope's `generated_at`. True of the last row alone.
    pub partial: bool,
}

/// Visits of one year.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct YearTotal {
    /// The year, by the library's calendar.
    #[cfg_attr(feature = "openapi", schema(examples(2025)))]
    pub year: i32,
    /// Visits of that year, guests included.
    #[cfg_attr(feature = "openapi", schema(examples(104_233)))]
    pub total: u64,
    /// Whether the year is not over: `total` is then as of the envelope's `generated_at`. True of the last row alone.
    pub partial: bool,
}

/// A member in a ranking of visitors. With `MEMBER_NAMES=hidden` it is `rank` and `total` alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TopVisitor {
    /// 1 for the first. Equal totals share a rank, and the next one is left out: 1, 2, 2, 4.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 10))]
    pub rank: usize,
    /// The member's id as the library spells it, leading zeros kept. Absent unless `MEMBER_NAMES` is `full`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false, examples("0012345")))]
    pub member_id: Option<String>,
    /// The member's name now; of a member who has been deleted, the one on the latest visit; null when nobody knows it.
    /// `Siti N.` with `MEMBER_NAMES=masked`, absent with `hidden`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, required = false, examples("Siti Nurhaliza")))]
    pub member_name: Option<Option<String>>,
    /// Where the member belongs to, such as a faculty; null when blank. Absent with `MEMBER_NAMES=hidden`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, required = false, examples("Faculty of Law")))]
    pub institution: Option<Option<String>>,
    /// Visits in the window.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, examples(41)))]
    pub total: u64,
}

/// A member in a ranking of borrowers. With `MEMBER_NAMES=hidden` it is `rank` and `total` alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TopBorrower {
    /// 1 for the first. Equal totals share a rank, and the next one is left out: 1, 2, 2, 4.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 10))]
    pub rank: usize,
    /// The member's id as the library spells it, leading zeros kept. Absent unless `MEMBER_NAMES` is `full`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false, examples("0012345")))]
    pub member_id: Option<String>,
    /// The member's name now; of a member who has been deleted, the one on the latest loan or else visit; null when nobody
    /// knows it. `Siti N.` with `MEMBER_NAMES=masked`, absent with `hidden`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, required = false, examples("Siti Nurhaliza")))]
    pub member_name: Option<Option<String>>,
    /// Loans in the window.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, examples(17)))]
    pub total: u64,
}

/// A title in a ranking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TopTitle {
    /// 1 for the first. Equal totals share a rank, and the next one is left out: 1, 2, 2, 4.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 10))]
    pub rank: usize,
    /// The title's id in the library's catalogue.
    #[cfg_attr(feature = "openapi", schema(examples(1207)))]
    pub biblio_id: i64,
    /// The title now, whole and unaltered; of one that has been deleted, the one of its latest loan. Null when nobody knows it.
    #[cfg_attr(
        feature = "openapi",
        schema(required = true, examples("Laskar Pelangi"))
    )]
    pub title: Option<String>,
    /// Loans of all its copies in the window.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, examples(96)))]
    pub total: u64,
}

/// The size of the collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Collection {
    /// Titles in the library's catalogue, those that are hidden from the public included.
    #[cfg_attr(feature = "openapi", schema(examples(18_204)))]
    pub total_titles: u64,
    /// Copies of them.
    #[cfg_attr(feature = "openapi", schema(examples(31_977)))]
    pub total_items: u64,
}
