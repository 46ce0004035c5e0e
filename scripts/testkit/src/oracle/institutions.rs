//! The institutions that the visitors of a window come from.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::fold::{blank, fold};
use super::render::text;
use super::visitors::live;
use super::window::Window;
use crate::library::Library;

/// How many institutions are named.
const NAMED: usize = 20;

/// The visits of one institution.
#[derive(Default)]
struct Institution<'a> {
    /// The visits by spelling.
    spellings: BTreeMap<&'a str, usize>,
    /// The folded ids of the members.
    members: BTreeSet<String>,
}

impl<'a> Institution<'a> {
    fn visits(&self) -> usize {
        self.spellings.values().sum()
    }

    /// The most frequent spelling; of equally frequent ones the smallest.
    fn name(&self) -> Option<&'a str> {
        let frequent = |(spelling, visits): &(&&'a str, &usize)| (Reverse(**visits), **spelling);
        let (name, _) = self.spellings.iter().min_by_key(frequent)?;
        Some(name)
    }
}

/// The largest institutions, then the rest of them, then the visits without one.
pub(crate) fn institutions(library: &Library, window: Window) -> String {
    let live = live(library);
    let mut named: BTreeMap<String, Institution<'_>> = BTreeMap::new();
    let mut none = Institution::default();
    for visit in &library.visits {
        if !window.contains(visit.checkin_date.date) {
            continue;
        }
        let id = visit.member_id.as_deref().filter(|id| !blank(id)).map(fold);
        let copy = visit.institution.as_deref();
        let member = id.as_ref().and_then(|id| live.get(id));
        let spelling = member.map_or(copy, |member| member.inst_name.as_deref());
        let spelling = spelling.unwrap_or_default().trim();
        let institution = match spelling {
            "" => &mut none,
            _ => named.entry(fold(spelling)).or_default(),
        };
        *institution.spellings.entry(spelling).or_default() += 1;
        institution.members.extend(id);
    }
    let mut named: Vec<Institution<'_>> = named.into_values().collect();
    named.sort_by_key(|institution| (Reverse(institution.visits()), institution.name()));
    let rest = named.split_off(NAMED.min(named.len()));
    let rest_visits = rest.iter().map(Institution::visits).sum();
    let rest_members: BTreeSet<&String> = rest.iter().flat_map(|it| &it.members).collect();
    let row = |kind: &str, name: Option<&str>, visits: usize, members: usize| {
        format!(
            r#"{{"kind":"{kind}","institution":{},"visits":{visits},"unique_members":{members}}}"#,
            text(name)
        )
    };
    let mut rows: Vec<String> = named
        .iter()
        .map(|it| row("named", it.name(), it.visits(), it.members.len()))
        .collect();
    rows.push(row("other", None, rest_visits, rest_members.len()));
    rows.push(row("none", None, none.visits(), none.members.len()));
    format!("[{}]", rows.join(","))
}
