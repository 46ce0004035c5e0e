//! The ranking of visitors in a window.

use std::collections::BTreeMap;

use super::Names;
use super::fold::{blank, fold};
use super::render::{Entry, member_fields, ranking};
use super::window::Window;
use crate::library::{Library, Member, Visit};

/// Members by visits. A live member is shown as the member table has it now, a deleted one as the latest visit has it.
pub(crate) fn top(library: &Library, window: Window, names: Names) -> String {
    let live = live(library);
    let mut groups: BTreeMap<String, Vec<&Visit>> = BTreeMap::new();
    for visit in library
        .visits
        .iter()
        .filter(|visit| window.contains(visit.checkin_date.date))
    {
        if let Some(id) = visit.member_id.as_deref().filter(|id| !blank(id)) {
            groups.entry(fold(id)).or_default().push(visit);
        }
    }
    let entry = |(key, visits): (String, Vec<&Visit>)| {
        let (id, name, institution) = match live.get(&key) {
            Some(member) => (
                &*member.member_id,
                &*member.member_name,
                member.inst_name.as_deref(),
            ),
            None => {
                let latest = visits
                    .iter()
                    .max_by_key(|visit| (visit.checkin_date, visit.visitor_id))?;
                (
                    latest.member_id.as_deref()?.trim(),
                    &*latest.member_name,
                    latest.institution.as_deref(),
                )
            }
        };
        let institution = institution.filter(|text| !blank(text));
        let fields = member_fields(id, Some(name), Some(institution), names);
        Some(Entry {
            total: visits.len(),
            order: id.to_owned(),
            fields,
        })
    };
    ranking(groups.into_iter().filter_map(entry).collect())
}

/// The members that are there, by their folded ids.
pub(crate) fn live(library: &Library) -> BTreeMap<String, &Member> {
    library
        .members
        .iter()
        .map(|member| (fold(&member.member_id), member))
        .collect()
}
