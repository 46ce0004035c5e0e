//! The schemas of snapshots and summaries: one for the `data` of each, and one for the complete body.

use crate::cache::cached_count::TodayResponse;
use shared::catalog::{Group, Period, Snapshot};
use shared::rows::books::{
    Circulation, ClassTotal, Collection, MonthGrowth, MonthLoans, NewTitle, TopBorrower, TopTitle,
    Usage, YearGrowth,
};
use shared::rows::members::{MemberCounts, MemberTypeTotal};
use shared::rows::series::{DayTotal, MonthTotal, YearTotal};
use shared::rows::visitors::{
    InstitutionTotal, MonthTypeTotal, RoomTotal, TopVisitor, WeekdayHour,
};
use shared::snapshot::Envelope;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Type};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// The most rows in a ranking.
const MAX_RANKED: usize = 10;

/// Returns all schemas of this module with their names.
pub fn schemas() -> Vec<(String, RefOr<Schema>)> {
    let mut schemas = Vec::new();
    for snapshot in Snapshot::ALL {
        schemas.push((data_name(snapshot).to_owned(), data(snapshot)));
        schemas.push((envelope_name(snapshot), envelope(snapshot)));
    }
    for group in Group::ALL {
        schemas.push((summary_name(group).to_owned(), summary(group)));
    }
    schemas
}

/// Returns the schema name of a snapshot's `data`.
pub fn data_name(snapshot: Snapshot) -> &'static str {
    match snapshot {
        Snapshot::Weekly => "WeeklyVisitors",
        Snapshot::Monthly => "MonthlyVisitors",
        Snapshot::Yearly => "YearlyVisitors",
        Snapshot::MonthlyTop => "MonthlyTopVisitors",
        Snapshot::YearlyTop => "YearlyTopVisitors",
        Snapshot::Daily => "DailyVisitors",
        Snapshot::Hours => "VisitorsByHour",
        Snapshot::MonthlyTypes => "MonthlyVisitorsByType",
        Snapshot::Collection => "Collection",
        Snapshot::TopBorrowed => "TopBorrowed",
        Snapshot::TopBorrowedMonth => "TopBorrowedMonth",
        Snapshot::TopBorrowedYear => "TopBorrowedYear",
        Snapshot::TopBorrowersMonth => "TopBorrowersMonth",
        Snapshot::TopBorrowersYear => "TopBorrowersYear",
        Snapshot::LoansWeekly => "WeeklyLoans",
        Snapshot::LoansMonthly => "MonthlyLoans",
        Snapshot::LoansYearly => "YearlyLoans",
        Snapshot::LoansDaily => "DailyLoans",
        Snapshot::Circulation => "Circulation",
        Snapshot::InstitutionsMonth => "MonthlyInstitutions",
        Snapshot::InstitutionsYear => "YearlyInstitutions",
        Snapshot::RoomsMonth => "MonthlyRooms",
        Snapshot::RoomsYear => "YearlyRooms",
        Snapshot::Classes => "Classes",
        Snapshot::GrowthMonthly => "MonthlyGrowth",
        Snapshot::GrowthYearly => "YearlyGrowth",
        Snapshot::NewTitles => "NewTitles",
        Snapshot::Usage => "Usage",
        Snapshot::MemberCounts => "MemberCounts",
        Snapshot::NewMembers => "NewMembers",
        Snapshot::MemberTypes => "MemberTypes",
    }
}

/// Returns the schema name of a snapshot with its envelope.
pub fn envelope_name(snapshot: Snapshot) -> String {
    format!("{}Snapshot", data_name(snapshot))
}

/// Returns the schema name of a summary.
pub fn summary_name(group: Group) -> &'static str {
    match group {
        Group::Visitors => "VisitorsSummary",
        Group::Books => "BooksSummary",
        Group::Members => "MembersSummary",
    }
}

fn data(snapshot: Snapshot) -> RefOr<Schema> {
    let rows = match snapshot {
        Snapshot::Weekly | Snapshot::LoansWeekly => series::<DayTotal>(7),
        Snapshot::Monthly => series::<MonthTotal>(12),
        Snapshot::LoansMonthly => series::<MonthLoans>(12),
        Snapshot::Yearly | Snapshot::LoansYearly => series::<YearTotal>(5),
        // Their lengths are in their descriptions: the examples are shorter.
        Snapshot::Daily | Snapshot::LoansDaily => list::<DayTotal>(),
        Snapshot::Hours => list::<WeekdayHour>(),
        Snapshot::MonthlyTypes => list::<MonthTypeTotal>(),
        Snapshot::MonthlyTop | Snapshot::YearlyTop => ranking::<TopVisitor>(),
        Snapshot::Collection => return Collection::schema(),
        Snapshot::Circulation => return Circulation::schema(),
        Snapshot::Usage => return Usage::schema(),
        Snapshot::MemberCounts => return MemberCounts::schema(),
        Snapshot::InstitutionsMonth | Snapshot::InstitutionsYear => list::<InstitutionTotal>(),
        Snapshot::RoomsMonth | Snapshot::RoomsYear => list::<RoomTotal>(),
        Snapshot::Classes => list::<ClassTotal>(),
        Snapshot::GrowthMonthly => series::<MonthGrowth>(12),
        Snapshot::GrowthYearly => series::<YearGrowth>(5),
        Snapshot::NewTitles => ranking::<NewTitle>(),
        Snapshot::NewMembers => series::<MonthTotal>(12),
        Snapshot::MemberTypes => list::<MemberTypeTotal>(),
        Snapshot::TopBorrowed | Snapshot::TopBorrowedMonth | Snapshot::TopBorrowedYear => {
            ranking::<TopTitle>()
        }
        Snapshot::TopBorrowersMonth | Snapshot::TopBorrowersYear => ranking::<TopBorrower>(),
    };
    rows.description(Some(snapshot.meaning())).into()
}

/// Returns the schema of a list with exactly this many rows.
fn series<Row: ToSchema>(rows: usize) -> ArrayBuilder {
    list::<Row>().min_items(Some(rows)).max_items(Some(rows))
}

fn ranking<Row: ToSchema>() -> ArrayBuilder {
    list::<Row>().max_items(Some(MAX_RANKED))
}

fn list<Row: ToSchema>() -> ArrayBuilder {
    ArrayBuilder::new().items(reference(Row::name()))
}

/// Returns a reference to the schema `name`.
pub fn reference(name: impl Into<String>) -> RefOr<Schema> {
    Ref::from_schema_name(name).into()
}

/// Returns the schema of the envelope with the `data` of `snapshot`.
fn envelope(snapshot: Snapshot) -> RefOr<Schema> {
    let title = format!("{}, and when it was generated.", snapshot.title());
    wrap_in_envelope(reference(data_name(snapshot)), snapshot.period(), &title)
}

/// Returns the schema of the envelope with all snapshots of a group.
fn summary(group: Group) -> RefOr<Schema> {
    let mut data = ObjectBuilder::new();
    if group == Group::Visitors {
        let today = OneOfBuilder::new()
            .item(reference(TodayResponse::name()))
            .item(ObjectBuilder::new().schema_type(Type::Null))
            .description(Some("Null while the count is unknown."));
        data = data.property("today", today).required("today");
    }
    for part in group.summary() {
        let field = part.field();
        data = data
            .property(&field, reference(data_name(part)))
            .required(field);
    }
    let title = "All snapshots of a group. `generated_at` is that of the oldest one, `ttl_seconds` the smallest of all.";
    wrap_in_envelope(data.build().into(), None, title)
}

fn wrap_in_envelope(data: RefOr<Schema>, period: Option<Period>, title: &str) -> RefOr<Schema> {
    let mut envelope = match Envelope::<Collection>::schema() {
        RefOr::T(Schema::Object(envelope)) => envelope,
        // Never happens: the envelope is a struct with named fields.
        other => return other,
    };
    envelope.properties.insert("data".to_owned(), data);
    let pattern = match period {
        None => None,
        Some(Period::Month) => Some("^[0-9]{4}-(0[1-9]|1[0-2])$"),
        Some(Period::Year) => Some("^[0-9]{4}$"),
    };
    match (pattern, envelope.properties.get_mut("period")) {
        (Some(pattern), Some(RefOr::T(Schema::Object(period)))) => {
            period.pattern = Some(pattern.to_owned());
            envelope.required.insert(2, "period".to_owned());
        }
        _ => drop(envelope.properties.shift_remove("period")),
    }
    envelope.description = Some(title.to_owned());
    envelope.into()
}
