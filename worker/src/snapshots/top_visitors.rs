//! The members with the most visits, this month and this year.

use crate::mysql::connection::Session;
use crate::mysql::members::Columns;
use crate::mysql::visits;
use crate::snapshots::member_counter::MemberCounter;
use crate::snapshots::member_names::MemberNames;
use crate::snapshots::member_ranking::Ranking;
use anyhow::Result;
use shared::rows::TopVisitor;

/// Builds the rankings of the month and of the year from the counted visits.
pub(super) async fn top(
    session: &mut Session,
    members: MemberCounter,
    member_names: MemberNames,
) -> Result<[Vec<TopVisitor>; 2]> {
    let ranking = Ranking::build(
        members,
        session,
        "visitor_count",
        Columns::NameAndInstitution,
    )
    .await?;
    // A former member is shown as recorded in the latest visit.
    let latest_visits: Vec<i64> = ranking
        .former_members()
        .map(|former| former.tally.latest.1)
        .collect();
    let details = visits::visitor_details(session, &latest_visits).await?;

    Ok(ranking.rows(|ranked, member| {
        let visitor = details.get(&ranked.tally.latest.1);
        let (id, name, institution) = match (member, visitor) {
            (Some(member), _) => (
                member.id.as_str(),
                member.name.clone(),
                member.institution.clone(),
            ),
            (None, Some(visitor)) => (
                ranked.shown_id(),
                visitor.name.clone(),
                visitor.institution.clone(),
            ),
            // The visit was deleted after it was counted.
            (None, None) => (ranked.shown_id(), None, None),
        };
        TopVisitor {
            rank: ranked.rank,
            member_id: member_names.id(id.to_owned()),
            member_name: member_names.name(name),
            institution: member_names.institution(institution),
            total: ranked.total,
        }
    }))
}
