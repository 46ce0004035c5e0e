//! Rows of the figures of members.

use serde::Serialize;

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
