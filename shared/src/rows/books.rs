//! Rows of the figures of books.

use chrono::NaiveDate;
use serde::Serialize;

/// A member in a ranking of borrowers. With `MEMBER_NAMES=hidden` it has only `rank` and `total`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TopBorrower {
    /// The rank, from 1. Equal totals share a rank, and the next rank is skipped: 1, 2, 2, 4.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 10))]
    pub rank: usize,
    /// The member's id as in the library's database, with leading zeros. Absent unless `MEMBER_NAMES` is `full`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false, examples("0012345")))]
    pub member_id: Option<String>,
    /// The member's current name; for a deleted member, the name on the latest loan, or else on the latest visit; null
    /// if unknown. `Siti N.` with `MEMBER_NAMES=masked`, absent with `hidden`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, required = false, examples("Siti Nurhaliza")))]
    pub member_name: Option<Option<String>>,
    /// Loans in the period.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, examples(17)))]
    pub total: u64,
}

impl TopBorrower {
    /// The names of its fields, in the order of the JSON.
    pub const COLUMNS: &'static [&'static str] = &["rank", "member_id", "member_name", "total"];
}

/// A title in a ranking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TopTitle {
    /// The rank, from 1. Equal totals share a rank, and the next rank is skipped: 1, 2, 2, 4.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 10))]
    pub rank: usize,
    /// The title's id in the library's catalogue.
    #[cfg_attr(feature = "openapi", schema(examples(1207)))]
    pub biblio_id: i64,
    /// The current title, unabridged; for a deleted title, the title on its latest loan; null if unknown.
    #[cfg_attr(
        feature = "openapi",
        schema(required = true, examples("Laskar Pelangi"))
    )]
    pub title: Option<String>,
    /// Loans of all its copies in the period.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, examples(96)))]
    pub total: u64,
}

impl TopTitle {
    /// The names of its fields, in the order of the JSON.
    pub const COLUMNS: &'static [&'static str] = &["rank", "biblio_id", "title", "total"];
}

/// The size of the collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Collection {
    /// Titles in the library's catalogue, including those hidden from the public.
    #[cfg_attr(feature = "openapi", schema(examples(18_204)))]
    pub total_titles: u64,
    /// Copies of these titles.
    #[cfg_attr(feature = "openapi", schema(examples(31_977)))]
    pub total_items: u64,
}

/// Loans of one month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MonthLoans {
    /// The month, in the library's time zone.
    #[cfg_attr(
        feature = "openapi",
        schema(pattern = "^[0-9]{4}-(0[1-9]|1[0-2])$", examples("2025-09"))
    )]
    pub month: String,
    /// Loans of that month.
    #[cfg_attr(feature = "openapi", schema(examples(1204)))]
    pub total: u64,
    /// Different members who borrowed in that month. Months cannot be added up: a member counts once in each.
    #[cfg_attr(feature = "openapi", schema(examples(611)))]
    pub unique_borrowers: u64,
    /// Whether the month is not over yet. `total` is then as of the envelope's `generated_at`. True only for the last
    /// row.
    pub partial: bool,
}

impl MonthLoans {
    /// The names of its fields, in the order of the JSON.
    pub const COLUMNS: &'static [&'static str] = &["month", "total", "unique_borrowers", "partial"];
}

/// The circulation at the time of `generated_at`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Circulation {
    /// Copies that are on loan now, whenever they were lent.
    #[cfg_attr(feature = "openapi", schema(examples(1630)))]
    pub on_loan: u64,
    /// Those of them that were due before today.
    #[cfg_attr(feature = "openapi", schema(examples(212)))]
    pub overdue: u64,
    /// Those of them that are due today.
    #[cfg_attr(feature = "openapi", schema(examples(41)))]
    pub due_today: u64,
    /// Loans dated today, whether or not the copy is back already.
    #[cfg_attr(feature = "openapi", schema(examples(57)))]
    pub lent_today: u64,
    /// Copies returned today.
    #[cfg_attr(feature = "openapi", schema(examples(63)))]
    pub returned_today: u64,
}

/// The collection and its use in one class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClassTotal {
    /// The main class of the Dewey Decimal Classification; null for titles without one, and for copies and loans whose
    /// title is unknown.
    #[cfg_attr(
        feature = "openapi",
        schema(required = true, pattern = "^[0-9]$", examples("3"))
    )]
    pub class: Option<String>,
    /// Titles of the class, including those hidden from the public.
    #[cfg_attr(feature = "openapi", schema(examples(4120)))]
    pub titles: u64,
    /// Copies of these titles.
    #[cfg_attr(feature = "openapi", schema(examples(7025)))]
    pub items: u64,
    /// Loans of these titles this year.
    #[cfg_attr(feature = "openapi", schema(examples(1911)))]
    pub loans_year: u64,
}

impl ClassTotal {
    /// The names of its fields, in the order of the JSON.
    pub const COLUMNS: &'static [&'static str] = &["class", "titles", "items", "loans_year"];
}

/// What was catalogued in one month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MonthGrowth {
    /// The month, in the library's time zone.
    #[cfg_attr(
        feature = "openapi",
        schema(pattern = "^[0-9]{4}-(0[1-9]|1[0-2])$", examples("2025-09"))
    )]
    pub month: String,
    /// Titles that were catalogued in that month and are still there.
    #[cfg_attr(feature = "openapi", schema(examples(212)))]
    pub titles: u64,
    /// Copies, likewise.
    #[cfg_attr(feature = "openapi", schema(examples(388)))]
    pub items: u64,
    /// Whether the month is not over yet. True only for the last row.
    pub partial: bool,
}

impl MonthGrowth {
    /// The names of its fields, in the order of the JSON.
    pub const COLUMNS: &'static [&'static str] = &["month", "titles", "items", "partial"];
}

/// What was catalogued in one year.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct YearGrowth {
    /// The year, in the library's time zone.
    #[cfg_attr(feature = "openapi", schema(examples(2025)))]
    pub year: i32,
    /// Titles that were catalogued in that year and are still there.
    #[cfg_attr(feature = "openapi", schema(examples(212)))]
    pub titles: u64,
    /// Copies, likewise.
    #[cfg_attr(feature = "openapi", schema(examples(388)))]
    pub items: u64,
    /// Whether the year is not over yet. True only for the last row.
    pub partial: bool,
}

impl YearGrowth {
    /// The names of its fields, in the order of the JSON.
    pub const COLUMNS: &'static [&'static str] = &["year", "titles", "items", "partial"];
}

/// A title that was catalogued lately.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewTitle {
    /// The title's id in the library's catalogue.
    #[cfg_attr(feature = "openapi", schema(examples(18205)))]
    pub biblio_id: i64,
    /// The title, unabridged; null if unknown.
    #[cfg_attr(
        feature = "openapi",
        schema(required = true, examples("Laut Bercerita"))
    )]
    pub title: Option<String>,
    /// The day on which it was catalogued, in the library's time zone.
    #[cfg_attr(feature = "openapi", schema(examples("2025-09-22")))]
    pub added: NaiveDate,
}

impl NewTitle {
    /// The names of its fields, in the order of the JSON.
    pub const COLUMNS: &'static [&'static str] = &["biblio_id", "title", "added"];
}

/// How much of the collection is used. The twelve months end with today and begin after the same day of last year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Usage {
    /// Titles in the catalogue.
    #[cfg_attr(feature = "openapi", schema(examples(18_204)))]
    pub titles: u64,
    /// Those of them that have a copy.
    #[cfg_attr(feature = "openapi", schema(examples(17_811)))]
    pub titles_with_items: u64,
    /// Copies.
    #[cfg_attr(feature = "openapi", schema(examples(31_977)))]
    pub items: u64,
    /// Titles in the catalogue that were lent in the twelve months.
    #[cfg_attr(feature = "openapi", schema(examples(5_120)))]
    pub titles_lent_12_months: u64,
    /// Titles with a copy that were never lent.
    #[cfg_attr(feature = "openapi", schema(examples(9_402)))]
    pub titles_never_lent: u64,
    /// Loans of the twelve months.
    #[cfg_attr(feature = "openapi", schema(examples(14_310)))]
    pub loans_12_months: u64,
}
