//! Who borrowed most, this month and this year.

use crate::calendar::Window;
use crate::mysql::collation::{Collation, CollationKey};
use crate::mysql::connection::Session;
use crate::mysql::loans::{self, Borrower};
use crate::mysql::members::Columns;
use crate::mysql::visits;
use crate::snapshots::member_counter::MemberCounter;
use crate::snapshots::member_names::MemberNames;
use crate::snapshots::member_ranking::Ranking;
use anyhow::Result;
use chrono::NaiveDate;
use shared::catalog::Period;
use shared::rows::TopBorrower;
use std::collections::HashMap;

/// The rankings of the month and of the year, of the loans by member.
pub(super) async fn top(
    session: &mut Session,
    people: MemberCounter,
    today: NaiveDate,
    member_names: MemberNames,
) -> Result<[Vec<TopBorrower>; 2]> {
    let mut ranking = Ranking::of(people, session, "loan", Columns::Name).await?;
    let former: Vec<String> = ranking.former().map(|place| place.id.clone()).collect();
    let former = Former::read(session, &mut ranking.collation, &former, today).await?;

    Ok(ranking.rows(|place, member| {
        let (id, name) = match member {
            Some(member) => (member.id.as_str(), member.name.clone()),
            None => (
                place.shown_id(),
                former.name(&place.key, Window::current(place.period, today)),
            ),
        };
        TopBorrower {
            rank: place.rank,
            member_id: member_names.id(id.to_owned()),
            member_name: member_names.name(name),
            total: place.total,
        }
    }))
}

/// The names of those who are members no longer.
struct Former {
    /// On the history of their loans of the year, the latest last.
    loans: HashMap<CollationKey, Vec<Borrower>>,
    /// On their latest visit.
    visits: HashMap<CollationKey, String>,
}

impl Former {
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

    /// From the latest loan of the window that kept a name, else from the latest visit.
    fn name(&self, key: &CollationKey, window: Window) -> Option<String> {
        let in_window =
            |borrower: &&Borrower| borrower.time.date().is_some_and(|day| window.contains(day));
        let on_loan = self
            .loans
            .get(key)
            .and_then(|loans| loans.iter().rev().find(in_window));
        on_loan
            .map(|borrower| &borrower.name)
            .or_else(|| self.visits.get(key))
            .cloned()
    }
}

fn is_blank(name: &str) -> bool {
    name.trim().is_empty()
}
