//! The members with the most visits, this month and this year.

use crate::mysql::connection::Session;
use crate::mysql::members::Columns;
use crate::mysql::visits;
use crate::snapshots::computation::Computation;
use crate::snapshots::counts::Counts;
use crate::snapshots::figure::{Figure, Visits};
use crate::snapshots::member_names::MemberNames;
use crate::snapshots::member_ranking::Ranking;
use crate::snapshots::needs::Needs;
use anyhow::Result;
use futures_util::future::BoxFuture;
use shared::catalog::Snapshot;
use shared::rows::visitors::TopVisitor;

const SNAPSHOTS: [Snapshot; 2] = [Snapshot::MonthlyTop, Snapshot::YearlyTop];

/// The rankings of visitors.
pub(super) struct TopVisitors;

impl Figure<Visits> for TopVisitors {
    fn name(&self) -> &'static str {
        "the rankings of visitors"
    }

    fn snapshots(&self) -> &'static [Snapshot] {
        &SNAPSHOTS
    }

    fn needs(&self) -> Needs {
        Needs {
            columns: vec![
                ("visitor_count", "member_id"),
                ("visitor_count", "member_name"),
                ("visitor_count", "institution"),
                ("member", "member_id"),
                ("member", "member_name"),
            ],
            members: true,
            ..Needs::default()
        }
    }

    fn finish<'a>(
        self: Box<Self>,
        counts: &'a Counts,
        computation: &'a mut Computation<'_>,
    ) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let names = computation.request.member_names;
            let top = top(computation.session, counts, names).await;
            computation.results.computed_all(SNAPSHOTS, top);
        })
    }
}

/// Builds the rankings of the month and of the year.
async fn top(
    session: &mut Session,
    counts: &Counts,
    member_names: MemberNames,
) -> Result<[Vec<TopVisitor>; 2]> {
    let ranking = Ranking::build(counts, session, Columns::NameAndInstitution).await?;
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
