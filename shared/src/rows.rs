//! The rows of the snapshots' `data`. The JSON has the same order of fields, and the API document has the same field
//! descriptions. `COLUMNS` is the header line of the CSV.
//!
//! `Option<Option<_>>` distinguishes a value that is not shown (absent) from one that is unknown (null).

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

/// A member in a ranking of visitors. With `MEMBER_NAMES=hidden` it has only `rank` and `total`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TopVisitor {
    /// The rank, from 1. Equal totals share a rank, and the next rank is skipped: 1, 2, 2, 4.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 10))]
    pub rank: usize,
    /// The member's id as in the library's database, with leading zeros. Absent unless `MEMBER_NAMES` is `full`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false, examples("0012345")))]
    pub member_id: Option<String>,
    /// The member's current name; for a deleted member, the name on the latest visit; null if unknown. `Siti N.` with
    /// `MEMBER_NAMES=masked`, absent with `hidden`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, required = false, examples("Siti Nurhaliza")))]
    pub member_name: Option<Option<String>>,
    /// The member's institution, such as a faculty; null if blank. Absent with `MEMBER_NAMES=hidden`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, required = false, examples("Faculty of Law")))]
    pub institution: Option<Option<String>>,
    /// Visits in the period.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, examples(41)))]
    pub total: u64,
}

impl TopVisitor {
    /// The names of its fields, in the order of the JSON.
    pub const COLUMNS: &'static [&'static str] =
        &["rank", "member_id", "member_name", "institution", "total"];
}

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

/// How busy one hour of one weekday usually is. An open day is one with at least one visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WeekdayHour {
    /// The weekday, from 1 (Monday) to 7 (Sunday).
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 7))]
    pub weekday: u32,
    /// The hour, from 0 to 23, in the library's time zone.
    #[cfg_attr(feature = "openapi", schema(minimum = 0, maximum = 23))]
    pub hour: u32,
    /// Open days of that weekday.
    #[cfg_attr(feature = "openapi", schema(maximum = 8, examples(8)))]
    pub open_days: u64,
    /// Visits in that hour on those days.
    #[cfg_attr(feature = "openapi", schema(examples(344)))]
    pub total: u64,
    /// On a quarter of the open days at most so many visits had come from midnight to the end of that hour. Null for
    /// fewer than four open days.
    #[cfg_attr(feature = "openapi", schema(required = true, examples(96)))]
    pub cumulative_p25: Option<u64>,
    /// The same for half of the open days: what is usual by the end of that hour.
    #[cfg_attr(feature = "openapi", schema(required = true, examples(118)))]
    pub cumulative_p50: Option<u64>,
    /// The same for three quarters of the open days.
    #[cfg_attr(feature = "openapi", schema(required = true, examples(143)))]
    pub cumulative_p75: Option<u64>,
}

impl WeekdayHour {
    /// The names of its fields, in the order of the JSON.
    pub const COLUMNS: &'static [&'static str] = &[
        "weekday",
        "hour",
        "open_days",
        "total",
        "cumulative_p25",
        "cumulative_p50",
        "cumulative_p75",
    ];
}

/// Which visitors a row counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum VisitorKind {
    /// Members of one type.
    Member,
    /// Members who were deleted, or whose type is unknown.
    Unknown,
    /// Visitors without a member id.
    Guest,
}

/// Visits of one month by members of one type, by members of unknown type, or by guests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MonthTypeTotal {
    /// The month, in the library's time zone.
    #[cfg_attr(
        feature = "openapi",
        schema(pattern = "^[0-9]{4}-(0[1-9]|1[0-2])$", examples("2025-09"))
    )]
    pub month: String,
    #[cfg_attr(feature = "openapi", schema(inline))]
    #[expect(
        missing_docs,
        reason = "a description of the field would hide that of its type"
    )]
    pub kind: VisitorKind,
    /// The name of the member type; null unless `kind` is `member`.
    #[cfg_attr(feature = "openapi", schema(required = true, examples("Student")))]
    pub member_type: Option<String>,
    /// Visits of that month.
    #[cfg_attr(feature = "openapi", schema(examples(4120)))]
    pub visits: u64,
    /// Different members among these visitors; null for guests, who cannot be told apart.
    #[cfg_attr(feature = "openapi", schema(required = true, examples(902)))]
    pub unique_members: Option<u64>,
    /// Whether the month is not over yet. True only for the rows of the last month.
    pub partial: bool,
}

impl MonthTypeTotal {
    /// The names of its fields, in the order of the JSON.
    pub const COLUMNS: &'static [&'static str] = &[
        "month",
        "kind",
        "member_type",
        "visits",
        "unique_members",
        "partial",
    ];
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

/// Which visitors a row counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum InstitutionKind {
    /// Visitors of one institution.
    Named,
    /// Visitors of all smaller institutions together.
    Other,
    /// Visitors without an institution.
    None,
}

/// Visits by the visitors of one institution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InstitutionTotal {
    #[cfg_attr(feature = "openapi", schema(inline))]
    #[expect(
        missing_docs,
        reason = "a description of the field would hide that of its type"
    )]
    pub kind: InstitutionKind,
    /// The institution, as most of these visits spell it; null unless `kind` is `named`.
    #[cfg_attr(
        feature = "openapi",
        schema(required = true, examples("Faculty of Law"))
    )]
    pub institution: Option<String>,
    /// Visits in the period, including guests.
    #[cfg_attr(feature = "openapi", schema(examples(1204)))]
    pub visits: u64,
    /// Different members among these visitors.
    #[cfg_attr(feature = "openapi", schema(examples(311)))]
    pub unique_members: u64,
}

impl InstitutionTotal {
    /// The names of its fields, in the order of the JSON.
    pub const COLUMNS: &'static [&'static str] =
        &["kind", "institution", "visits", "unique_members"];
}

/// Visits of one room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RoomTotal {
    /// The code of the room; null for visits without a room.
    #[cfg_attr(feature = "openapi", schema(required = true, examples("R01")))]
    pub room: Option<String>,
    /// The name of the room; null if the library has not named it.
    #[cfg_attr(feature = "openapi", schema(required = true, examples("Reading room")))]
    pub name: Option<String>,
    /// Visits in the period, including guests.
    #[cfg_attr(feature = "openapi", schema(examples(2310)))]
    pub visits: u64,
}

impl RoomTotal {
    /// The names of its fields, in the order of the JSON.
    pub const COLUMNS: &'static [&'static str] = &["room", "name", "visits"];
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

/// The members of the library.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MemberCounts {
    /// All members.
    #[cfg_attr(feature = "openapi", schema(examples(12_810)))]
    pub total: u64,
    /// Members whose membership has not expired today, and who are not pending.
    #[cfg_attr(feature = "openapi", schema(examples(7_204)))]
    pub active: u64,
    /// Members whose membership has expired, and who are not pending.
    #[cfg_attr(feature = "openapi", schema(examples(5_511)))]
    pub expired: u64,
    /// Members whom the staff have blocked, or who have not been accepted yet.
    #[cfg_attr(feature = "openapi", schema(examples(95)))]
    pub pending: u64,
    /// Members who joined this month.
    #[cfg_attr(feature = "openapi", schema(examples(64)))]
    pub new_this_month: u64,
    /// Members who joined this year.
    #[cfg_attr(feature = "openapi", schema(examples(1_102)))]
    pub new_this_year: u64,
}

/// The members of one type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MemberTypeTotal {
    /// The name of the type; null for members without a known type.
    #[cfg_attr(feature = "openapi", schema(required = true, examples("Student")))]
    pub member_type: Option<String>,
    /// Members of the type.
    #[cfg_attr(feature = "openapi", schema(examples(8_120)))]
    pub total: u64,
    /// Those of them whose membership has not expired today, and who are not pending.
    #[cfg_attr(feature = "openapi", schema(examples(5_002)))]
    pub active: u64,
}

impl MemberTypeTotal {
    /// The names of its fields, in the order of the JSON.
    pub const COLUMNS: &'static [&'static str] = &["member_type", "total", "active"];
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names of the fields of `row` in the order of the JSON. Its texts must contain no quote.
    fn fields(row: &impl Serialize) -> Vec<String> {
        let text = serde_json::to_string(row).expect("a row is JSON");
        let parts: Vec<&str> = text.split('"').collect();
        let pairs = parts.windows(2);
        // Only a name is followed by a colon.
        pairs
            .filter(|pair| pair[1].starts_with(':'))
            .map(|pair| pair[0].to_owned())
            .collect()
    }

    #[test]
    fn columns_are_the_fields_of_a_full_row() {
        let (id, name) = (Some("7".to_owned()), Some(Some("Siti".to_owned())));
        let day = DayTotal {
            date: NaiveDate::default(),
            total: 1,
            partial: true,
        };
        assert_eq!(fields(&day), DayTotal::COLUMNS);
        let month = MonthTotal {
            month: "2025-09".to_owned(),
            total: 1,
            partial: true,
        };
        assert_eq!(fields(&month), MonthTotal::COLUMNS);
        let year = YearTotal {
            year: 2025,
            total: 1,
            partial: true,
        };
        assert_eq!(fields(&year), YearTotal::COLUMNS);
        let visitor = TopVisitor {
            rank: 1,
            member_id: id.clone(),
            member_name: name.clone(),
            institution: name.clone(),
            total: 1,
        };
        assert_eq!(fields(&visitor), TopVisitor::COLUMNS);
        let borrower = TopBorrower {
            rank: 1,
            member_id: id,
            member_name: name,
            total: 1,
        };
        assert_eq!(fields(&borrower), TopBorrower::COLUMNS);
        let title = TopTitle {
            rank: 1,
            biblio_id: 1,
            title: None,
            total: 1,
        };
        assert_eq!(fields(&title), TopTitle::COLUMNS);
        let loans = MonthLoans {
            month: "2025-09".to_owned(),
            total: 1,
            unique_borrowers: 1,
            partial: true,
        };
        assert_eq!(fields(&loans), MonthLoans::COLUMNS);
        let hour = WeekdayHour {
            weekday: 1,
            hour: 0,
            open_days: 0,
            total: 0,
            cumulative_p25: None,
            cumulative_p50: None,
            cumulative_p75: None,
        };
        assert_eq!(fields(&hour), WeekdayHour::COLUMNS);
        let of_type = MonthTypeTotal {
            month: "2025-09".to_owned(),
            kind: VisitorKind::Guest,
            member_type: None,
            visits: 1,
            unique_members: None,
            partial: true,
        };
        assert_eq!(fields(&of_type), MonthTypeTotal::COLUMNS);
    }
}
