//! What each snapshot and each summary holds: a schema for its `data`, and one for the whole.

use crate::cache::cached_count::Answer;
use shared::catalog::{Group, Period, Snapshot};
use shared::rows::{
    Collection, DayTotal, MonthTotal, TopBorrower, TopTitle, TopVisitor, YearTotal,
};
use shared::snapshot::Envelope;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Type};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// A ranking shows no more.
const MOST_RANKED: usize = 10;

/// Every schema of this module under its name.
pub fn schemas() -> Vec<(String, RefOr<Schema>)> {
    let mut schemas = Vec::new();
    for snapshot in Snapshot::ALL {
        schemas.push((name(snapshot).to_owned(), data(snapshot)));
        schemas.push((whole(snapshot), envelope(snapshot)));
    }
    for group in [Group::Visitors, Group::Books] {
        schemas.push((summary_name(group).to_owned(), summary(group)));
    }
    schemas
}

/// What a snapshot's `data` is called.
pub fn name(snapshot: Snapshot) -> &'static str {
    match snapshot {
        Snapshot::Weekly => "WeeklyVisitors",
        Snapshot::Monthly => "MonthlyVisitors",
        Snapshot::Yearly => "YearlyVisitors",
        Snapshot::MonthlyTop => "MonthlyTopVisitors",
        Snapshot::YearlyTop => "YearlyTopVisitors",
        Snapshot::Collection => "Collection",
        Snapshot::TopBorrowed => "TopBorrowed",
        Snapshot::TopBorrowedMonth => "TopBorrowedMonth",
        Snapshot::TopBorrowedYear => "TopBorrowedYear",
        Snapshot::TopBorrowersMonth => "TopBorrowersMonth",
        Snapshot::TopBorrowersYear => "TopBorrowersYear",
    }
}

/// What a snapshot is called, with all that is around its `data`.
pub fn whole(snapshot: Snapshot) -> String {
    format!("{}Snapshot", name(snapshot))
}

/// What a summary is called.
pub fn summary_name(group: Group) -> &'static str {
    match group {
        Group::Visitors => "VisitorsSummary",
        Group::Books => "BooksSummary",
    }
}

fn data(snapshot: Snapshot) -> RefOr<Schema> {
    let rows = match snapshot {
        Snapshot::Weekly => series::<DayTotal>(7),
        Snapshot::Monthly => series::<MonthTotal>(12),
        Snapshot::Yearly => series::<YearTotal>(5),
        Snapshot::MonthlyTop | Snapshot::YearlyTop => ranking::<TopVisitor>(),
        Snapshot::Collection => return Collection::schema(),
        Snapshot::TopBorrowed | Snapshot::TopBorrowedMonth | Snapshot::TopBorrowedYear => {
            ranking::<TopTitle>()
        }
        Snapshot::TopBorrowersMonth | Snapshot::TopBorrowersYear => ranking::<TopBorrower>(),
    };
    rows.description(Some(snapshot.meaning())).into()
}

/// Exactly so many rows.
fn series<Row: ToSchema>(rows: usize) -> ArrayBuilder {
    list::<Row>().min_items(Some(rows)).max_items(Some(rows))
}

fn ranking<Row: ToSchema>() -> ArrayBuilder {
    list::<Row>().max_items(Some(MOST_RANKED))
}

fn list<Row: ToSchema>() -> ArrayBuilder {
    ArrayBuilder::new().items(reference(Row::name()))
}

/// A schema of the document.
pub fn reference(name: impl Into<String>) -> RefOr<Schema> {
    Ref::from_schema_name(name).into()
}

/// The envelope that is stored, around the `data` of `snapshot`.
fn envelope(snapshot: Snapshot) -> RefOr<Schema> {
    let title = format!("{}, with when that was found.", snapshot.title());
    around(reference(name(snapshot)), snapshot.period(), &title)
}

/// The same around all of a group.
fn summary(group: Group) -> RefOr<Schema> {
    let mut data = ObjectBuilder::new();
    if group == Group::Visitors {
        let today = OneOfBuilder::new()
            .item(reference(Answer::name()))
            .item(ObjectBuilder::new().schema_type(Type::Null))
            .description(Some("Null while the count is not known."));
        data = data.property("today", today).required("today");
    }
    for part in group.snapshots() {
        let field = part.field();
        data = data.property(&field, reference(name(part))).required(field);
    }
    let title = "All of a group at once. `generated_at` is that of its oldest part, `ttl_seconds` the least of all.";
    around(data.build().into(), None, title)
}

fn around(data: RefOr<Schema>, period: Option<Period>, title: &str) -> RefOr<Schema> {
    let mut envelope = match Envelope::<Collection>::schema() {
        RefOr::T(Schema::Object(envelope)) => envelope,
        // The envelope is a struct with names.
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
