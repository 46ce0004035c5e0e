//! The visits of each month by type of member.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::fold::{blank, fold};
use super::render::text;
use super::series::Series;
use super::visitors::live;
use crate::library::{Library, Visit};

/// Whose visits a row counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Members that have this type now.
    Member(u32),
    /// An id of no member, or of one without a known type.
    Unknown,
    /// No id.
    Guest,
}

/// In each month a row for each type in the order of their ids, then `unknown` and `guest`.
pub(crate) fn monthly(library: &Library, today: NaiveDate) -> String {
    let (types, live) = (types(library), live(library));
    let kind_of = |id: &str| {
        let member = live.get(id);
        let known = member.and_then(|member| member.member_type_id);
        let known = known.filter(|id| types.contains_key(id));
        known.map_or(Kind::Unknown, Kind::Member)
    };
    let columns = |visits: &[&Visit]| {
        let ids = visits.iter().map(|visit| visit.member_id.as_deref());
        let ids = ids.map(|id| id.filter(|id| !blank(id)).map(fold));
        let visitors: Vec<(Kind, Option<String>)> = ids
            .map(|id| (id.as_deref().map_or(Kind::Guest, kind_of), id))
            .collect();
        let members = types.keys().copied().map(Kind::Member);
        let row = |kind: Kind| {
            let of_kind = visitors.iter().filter(|(is, _)| *is == kind);
            let ids: Vec<&Option<String>> = of_kind.map(|(_, id)| id).collect();
            let unique = ids.iter().collect::<BTreeSet<_>>().len().to_string();
            let (name, member_type, unique) = match kind {
                Kind::Member(id) => ("member", types.get(&id).map(String::as_str), unique),
                Kind::Unknown => ("unknown", None, unique),
                Kind::Guest => ("guest", None, "null".to_owned()),
            };
            format!(
                r#""kind":"{name}","member_type":{},"visits":{},"unique_members":{unique}"#,
                text(member_type),
                ids.len()
            )
        };
        members
            .chain([Kind::Unknown, Kind::Guest])
            .map(row)
            .collect()
    };
    let visits = library.visits.iter();
    let events = visits.map(|visit| (visit.checkin_date.date, visit));
    Series::Monthly.rows(today, events, columns)
}

/// The names of the types by id. Without their table, the types are those of the members, named by their ids.
pub(crate) fn types(library: &Library) -> BTreeMap<u32, String> {
    match &library.member_types {
        Some(types) => types
            .iter()
            .map(|row| (row.member_type_id, row.member_type_name.to_string()))
            .collect(),
        None => library
            .members
            .iter()
            .filter_map(|member| member.member_type_id)
            .map(|id| (id, id.to_string()))
            .collect(),
    }
}
