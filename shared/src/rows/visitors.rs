//! Rows of the figures of visitors.

use serde::Serialize;

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
    /// From midnight to the end of that hour, a quarter of the open days had at most this many visits. Null for fewer
    /// than four open days.
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
