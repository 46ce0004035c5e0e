//! The members with the most loans, this month and this year.

use crate::mysql::collation::{Collation, CollationKey};
use crate::mysql::connection::Session;
use crate::mysql::loans::{self, Borrower};
use crate::mysql::members::Columns;
use crate::mysql::visits;
use crate::snapshots::computation::{Computation, ComputeRequest};
use crate::snapshots::counts::Counts;
use crate::snapshots::figure::{Figure, Loans};
use crate::snapshots::member_names::MemberNames;
use crate::snapshots::member_ranking::Ranking;
use crate::snapshots::needs::Needs;
use crate::window::Window;
use anyhow::Result;
use chrono::NaiveDate;
use futures_util::future::BoxFuture;
use shared::catalog::{Period, Snapshot};
use shared::rows::books::TopBorrower;
use std::collections::HashMap;

const SNAPSHOTS: [Snapshot; 2] = [Snapshot::TopBorrowersMonth, Snapshot::TopBorrowersYear];

/// The rankings of borrowers.
pub(super) struct TopBorrowers;

impl Figure<Loans> for TopBorrowers {
    fn name(&self) -> &'static str {
        "the rankings of borrowers"
    }

    fn snapshots(&self) -> &'static [Snapshot] {
        &SNAPSHOTS
    }

    fn needs(&self) -> Needs {
        Needs {
            columns: vec![
                ("loan", "member_id"),
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
            let ComputeRequest {
                today,
                member_names,
                ..
            } = *computation.request;
            let top = top(computation.session, counts, today, member_names).await;
            computation.results.computed_all(SNAPSHOTS, top);
        })
    }
}

/// Builds the rankings of the month and of the year.
async fn top(
    session: &mut Session,
    counts: &Counts,
    today: NaiveDate,
    member_names: MemberNames,
) -> Result<[Vec<TopBorrower>; 2]> {
    let mut ranking = Ranking::build(counts, session, Columns::Name).await?;
    let former_ids: Vec<String> = ranking
        .former_members()
        .map(|former| former.id.clone())
        .collect();
    let former = FormerMembers::read(session, &mut ranking.collation, &former_ids, today).await?;

    Ok(ranking.rows(|ranked, member| {
        let (id, name) = match member {
            Some(member) => (member.id.as_str(), member.name.clone()),
            None => (
                ranked.shown_id(),
                former.name(&ranked.key, Window::current(ranked.period, today)),
            ),
        };
        TopBorrower {
            rank: ranked.rank,
            member_id: member_names.id(id.to_owned()),
            member_name: member_names.name(name),
            total: ranked.total,
        }
    }))
}

/// The names of former members.
struct FormerMembers {
    /// Names in the history of their loans of the year, the latest last.
    loans: HashMap<CollationKey, Vec<Borrower>>,
    /// Names in their latest visit.
    visits: HashMap<CollationKey, String>,
}

impl FormerMembers {
    async fn read(
        session: &mut Session,
        collation: &mut Collation,
        ids: &[String],
        today: NaiveDate,
    ) -> Result<Self> {
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let mut borrowers =
            loans::history_names(session, &ids, Window::current(Period::Year, today)).await?;
        let mut visitors = visits::names_until(session, &ids, today).await?;
        borrowers.retain(|borrower| !is_blank(&borrower.name));
        visitors.retain(|(_, name)| !is_blank(name));
        let spellings = borrowers.iter().map(|borrower| borrower.member_id.as_str());
        collation
            .learn(
                session,
                spellings.chain(visitors.iter().map(|(id, _)| id.as_str())),
            )
            .await?;

        let mut loans: HashMap<CollationKey, Vec<Borrower>> = HashMap::new();
        for borrower in borrowers {
            loans
                .entry(collation.key(&borrower.member_id))
                .or_default()
                .push(borrower);
        }
        let visits = visitors
            .into_iter()
            .map(|(id, name)| (collation.key(&id), name))
            .collect();
        Ok(Self { loans, visits })
    }

    /// The name in the latest loan of the window that has one, else the name in the latest visit.
    fn name(&self, key: &CollationKey, window: Window) -> Option<String> {
        let in_window =
            |borrower: &&Borrower| borrower.time.date().is_some_and(|day| window.contains(day));
        let loan = self
            .loans
            .get(key)
            .and_then(|loans| loans.iter().rev().find(in_window));
        loan.map(|borrower| &borrower.name)
            .or_else(|| self.visits.get(key))
            .cloned()
    }
}

fn is_blank(name: &str) -> bool {
    name.trim().is_empty()
}
