//! The rankings of people, of the month and of the year: what visitors and borrowers have in common.

use crate::mysql::collation::{Collation, CollationKey};
use crate::mysql::connection::Session;
use crate::mysql::members::{self, Columns, Member};
use crate::snapshots::member_counter::{MemberCounter, MemberTally};
use crate::snapshots::ranking;
use anyhow::Result;
use shared::catalog::Period;
use std::collections::HashMap;

const PERIODS: [Period; 2] = [Period::Month, Period::Year];

/// The first of both windows.
pub(super) struct Ranking {
    places: [Vec<Place>; 2],
    members: HashMap<CollationKey, Member>,
    /// Under which ids are equal; it knows those that were seen so far.
    pub(super) collation: Collation,
}

/// One place in a ranking.
pub(super) struct Place {
    /// 1 for the first; equal totals share it.
    pub(super) rank: usize,
    /// Events of the window.
    pub(super) total: u64,
    /// The window.
    pub(super) period: Period,
    /// Who, as the database compares ids.
    pub(super) key: CollationKey,
    /// What that person did.
    pub(super) tally: MemberTally,
    /// The id as the latest event spells it.
    pub(super) id: String,
}

impl Place {
    /// The id as it is shown of who is a member no longer.
    pub(super) fn shown_id(&self) -> &str {
        self.id.trim()
    }
}

/// Who may be on a list.
struct Candidate {
    key: CollationKey,
    tally: MemberTally,
    id: String,
}

impl Ranking {
    /// Ranks `people`, who were counted by `table.member_id`.
    ///
    /// All who tie with the tenth are looked up in `member`, since the id that is shown decides between them.
    pub(super) async fn of(
        people: MemberCounter,
        session: &mut Session,
        table: &str,
        columns: Columns,
    ) -> Result<Self> {
        let mut collation = Collation::of(session, table, "member_id").await?;
        collation.learn(session, people.spellings()).await?;
        let all = people.totals(&collation)?;
        let least = PERIODS.map(|period| {
            let totals = all.iter().map(|(_, totals)| totals.of(period));
            (period, ranking::cutoff_total(totals))
        });
        let can_be = |key: &[u8]| {
            let totals = all.get(key).copied().unwrap_or_default();
            least
                .iter()
                .any(|(period, least)| totals.of(*period) >= *least)
        };
        let candidates: Vec<Candidate> = people
            .tallies(&collation, can_be)?
            .into_iter()
            .map(|(key, tally)| Candidate {
                id: people.id(&tally),
                key,
                tally,
            })
            .collect();
        let ids: Vec<&str> = candidates.iter().map(|person| person.id.as_str()).collect();
        let members = members::present(session, &mut collation, &ids, columns).await?;
        Ok(Self {
            places: PERIODS.map(|period| places(period, &candidates, &members)),
            members,
            collation,
        })
    }

    /// Those on the lists who are members no longer.
    pub(super) fn former(&self) -> impl Iterator<Item = &Place> {
        let places = self.places.iter().flatten();
        places.filter(|place| !self.members.contains_key(&place.key))
    }

    /// The rows of the month and of the year, each made of a place and of the present member, if there is one.
    pub(super) fn rows<T>(&self, row: impl Fn(&Place, Option<&Member>) -> T) -> [Vec<T>; 2] {
        let of = |places: &Vec<Place>| {
            places
                .iter()
                .map(|place| row(place, self.members.get(&place.key)))
                .collect()
        };
        self.places.each_ref().map(of)
    }
}

/// The first of one window, by total and the id that is shown.
fn places(
    period: Period,
    candidates: &[Candidate],
    members: &HashMap<CollationKey, Member>,
) -> Vec<Place> {
    let came: Vec<&Candidate> = candidates
        .iter()
        .filter(|person| person.tally.totals.of(period) > 0)
        .collect();
    let shown_id = |person: &&Candidate| {
        let member = members.get(&person.key).map(|member| member.id.as_str());
        member.unwrap_or(person.id.trim()).to_owned()
    };
    let ranked = ranking::top(came, |person| person.tally.totals.of(period), shown_id);
    let place = |(rank, person): (usize, &Candidate)| Place {
        rank,
        total: person.tally.totals.of(period),
        period,
        key: person.key.clone(),
        tally: person.tally,
        id: person.id.clone(),
    };
    ranked.into_iter().map(place).collect()
}
