//! Who came most often, this month and this year.

use crate::figures::PERIODS;
use crate::source::collation::{Collation, Key};
use crate::source::database::Session;
use crate::source::members::{self, Columns, Member};
use crate::source::visits;
use crate::stats::names::MemberNames;
use crate::stats::people::{People, Tally};
use crate::stats::rank;
use anyhow::Result;
use chrono::NaiveDate;
use shared::catalog::Period;
use shared::rows::TopVisitor;
use std::collections::HashMap;

/// The rankings of the month and of the year.
pub(super) async fn top(
    session: &mut Session,
    today: NaiveDate,
    member_names: MemberNames,
) -> Result<[Vec<TopVisitor>; 2]> {
    let mut people = People::new(today);
    visits::by_member(session, &mut people).await?;
    let mut collation = Collation::of(session, "visitor_count", "member_id").await?;
    collation.learn(session, people.spellings()).await?;
    let people = people.by_person(&collation);

    let candidates = candidates(&people);
    let ids: Vec<&str> = candidates
        .iter()
        .map(|(_, tally)| tally.id.as_str())
        .collect();
    let members =
        members::present(session, &mut collation, &ids, Columns::NameAndInstitution).await?;
    let ranked = PERIODS.map(|period| ranking(period, &candidates, &members));
    let former: Vec<i64> = ranked
        .iter()
        .flatten()
        .filter(|(_, (key, _))| !members.contains_key(*key))
        .map(|(_, (_, tally))| tally.latest.1)
        .collect();
    let copies = visits::copies(session, &former).await?;

    let mut rows = PERIODS.into_iter().zip(ranked).map(|(period, ranked)| {
        let shown = ranked.into_iter().map(|(rank, (key, tally))| {
            let (id, name, institution) = match (members.get(key), copies.get(&tally.latest.1)) {
                (Some(member), _) => (&member.id, member.name.clone(), member.institution.clone()),
                (None, Some(copy)) => (&tally.id, copy.name.clone(), copy.institution.clone()),
                (None, None) => (&tally.id, None, None),
            };
            TopVisitor {
                rank,
                member_id: member_names.id(id.clone()),
                member_name: member_names.name(name),
                institution: member_names.institution(institution),
                total: tally.total(period),
            }
        });
        shown.collect()
    });
    Ok([
        rows.next().unwrap_or_default(),
        rows.next().unwrap_or_default(),
    ])
}

pub(super) type Candidate<'a> = (&'a Key, &'a Tally);

/// Those who can be among the first of either window, ties at the end included.
pub(super) fn candidates(people: &HashMap<Key, Tally>) -> Vec<Candidate<'_>> {
    let least = PERIODS.map(|period| {
        (
            period,
            rank::least_total(people.values().map(|tally| tally.total(period))),
        )
    });
    let can_be = |tally: &Tally| {
        least
            .iter()
            .any(|(period, least)| tally.total(*period) >= *least)
    };
    people.iter().filter(|(_, tally)| can_be(tally)).collect()
}

/// The first of one window, by total and the id that is shown.
pub(super) fn ranking<'a>(
    period: Period,
    candidates: &[Candidate<'a>],
    members: &HashMap<Key, Member>,
) -> Vec<(usize, Candidate<'a>)> {
    let came: Vec<_> = candidates
        .iter()
        .copied()
        .filter(|(_, tally)| tally.total(period) > 0)
        .collect();
    let shown_id = |(key, tally): &Candidate<'a>| {
        members
            .get(*key)
            .map_or_else(|| tally.id.clone(), |m| m.id.clone())
    };
    rank::top(came, |(_, tally)| tally.total(period), shown_id)
}
