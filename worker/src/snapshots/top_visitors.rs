//! Who came most often, this month and this year.

use crate::mysql::connection::Session;
use crate::mysql::members::Columns;
use crate::mysql::visits;
use crate::snapshots::member_counter::MemberCounter;
use crate::snapshots::member_names::MemberNames;
use crate::snapshots::member_ranking::Ranking;
use anyhow::Result;
use shared::rows::TopVisitor;

/// The rankings of the month and of the year, of the visits by member.
pub(super) async fn top(
    session: &mut Session,
    people: MemberCounter,
    member_names: MemberNames,
) -> Result<[Vec<TopVisitor>; 2]> {
    let ranking = Ranking::of(
        people,
        session,
        "visitor_count",
        Columns::NameAndInstitution,
    )
    .await?;
    // Who is a member no longer is shown as the latest visit has it.
    let former: Vec<i64> = ranking.former().map(|place| place.tally.latest.1).collect();
    let copies = visits::copies(session, &former).await?;

    Ok(ranking.rows(|place, member| {
        let copy = copies.get(&place.tally.latest.1);
        let (id, name, institution) = match (member, copy) {
            (Some(member), _) => (
                member.id.as_str(),
                member.name.clone(),
                member.institution.clone(),
            ),
            (None, Some(copy)) => (
                place.shown_id(),
                copy.name.clone(),
                copy.institution.clone(),
            ),
            // Deleted since it was counted.
            (None, None) => (place.shown_id(), None, None),
        };
        TopVisitor {
            rank: place.rank,
            member_id: member_names.id(id.to_owned()),
            member_name: member_names.name(name),
            institution: member_names.institution(institution),
            total: place.total,
        }
    }))
}
