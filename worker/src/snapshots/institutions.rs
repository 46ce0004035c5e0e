//! Visits and different members by institution, this month and this year.
//!
//! The institution of a present member is the member's; of anybody else it is the copy on each visit. So the visits of
//! present members follow from the totals by member, and only the others are counted row by row.

use crate::mysql::collation::{Collation, CollationKey};
use crate::mysql::connection::Session;
use crate::mysql::visits;
use crate::snapshots::computation::Computation;
use crate::snapshots::counts::{CountedMembers, Counts};
use crate::snapshots::figure::{Figure, VisitRow, Visits};
use crate::snapshots::interner::Interner;
use crate::snapshots::labels::Labels;
use crate::snapshots::member_counter::Totals;
use crate::snapshots::needs::Needs;
use crate::snapshots::spelling_map::Lookup;
use crate::window::Window;
use anyhow::Result;
use chrono::NaiveDate;
use futures_util::future::BoxFuture;
use shared::catalog::{Period, Snapshot};
use shared::rows::visitors::{InstitutionKind, InstitutionTotal};
use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

/// How many institutions are named.
const NAMED: usize = 20;
const PERIODS: [Period; 2] = [Period::Month, Period::Year];
const SNAPSHOTS: [Snapshot; 2] = [Snapshot::InstitutionsMonth, Snapshot::InstitutionsYear];

/// Computes the visits of each institution. It counts only visits without a known member, by the institution on the
/// visit. The member counter has all other visits.
pub(super) struct Institutions {
    windows: [Window; 2],
    copies: Interner<()>,
    /// By visitor: the visits of the month and of the year.
    visits: HashMap<Visitor, [u64; 2]>,
}

/// The member's id as spelled (`None` for guests), and the symbol of the institution on the visit.
type Visitor = (Option<Box<[u8]>>, u32);

/// The visits of one visitor, or of all guests together, in one institution.
struct Share {
    /// The key of the member's id; `None` for guests.
    member: Option<CollationKey>,
    /// The institution, trimmed; empty if there is none.
    institution: String,
    /// The visits of the month and of the year.
    visits: [u64; 2],
}

impl Institutions {
    pub(super) fn new(today: NaiveDate) -> Self {
        Self {
            windows: PERIODS.map(|period| Window::current(period, today)),
            copies: Interner::default(),
            visits: HashMap::new(),
        }
    }

    async fn rows(
        &self,
        counts: &Counts,
        session: &mut Session,
    ) -> Result<[Vec<InstitutionTotal>; 2]> {
        let shares = self.shares(counts)?;
        let mut collation = Collation::of(session, visits::TABLE, "institution").await?;
        let names = shares.iter().map(|share| share.institution.as_str());
        collation.learn(session, names).await?;
        Ok([0, 1].map(|window| rank(&shares, &collation, window)))
    }

    /// The shares of all visitors.
    fn shares(&self, counts: &Counts) -> Result<Vec<Share>> {
        let (member_catalog, members) = (counts.member_catalog()?, counts.members()?);
        let CountedMembers { counter, collation } = members;
        let mut present = Interner::<(Totals, u32)>::default();
        counter.for_each_spelling(collation, |key, id, tally| {
            if let Some(member) = member_catalog.find(id) {
                let (_, present) = present.get_or_intern(key, || (Totals::default(), member))?;
                present.0.merge(&tally.totals);
            }
            Ok(())
        })?;
        let present = present.iter().map(|(key, (totals, member))| Share {
            member: Some(key.into()),
            institution: member_catalog.institution(*member).trim().to_owned(),
            visits: PERIODS.map(|period| totals.for_period(period)),
        });
        let others = self.visits.iter().filter_map(|((id, copy), visits)| {
            let is_present = id
                .as_ref()
                .is_some_and(|id| member_catalog.find(id).is_some());
            let id = id.as_ref().map(|id| String::from_utf8_lossy(id));
            let institution = String::from_utf8_lossy(self.copies.text(*copy));
            (!is_present).then(|| Share {
                member: id.map(|id| collation.key(&id)),
                institution: institution.trim().to_owned(),
                visits: *visits,
            })
        });
        Ok(present.chain(others).collect())
    }
}

/// The rows of one window.
fn rank(shares: &[Share], collation: &Collation, window: usize) -> Vec<InstitutionTotal> {
    let shares = || shares.iter().filter(|share| share.visits[window] > 0);
    let mut labels = Labels::new(collation);
    let mut members: HashMap<CollationKey, HashSet<&CollationKey>> = HashMap::new();
    let (mut none, mut without) = (0, HashSet::new());
    for share in shares() {
        let visits = share.visits[window];
        if share.institution.is_empty() {
            none += visits;
            without.extend(&share.member);
        } else {
            let key = labels.add(&share.institution, visits);
            members.entry(key).or_default().extend(&share.member);
        }
    }
    let mut groups: Vec<_> = labels
        .into_groups()
        .map(|(key, label)| (label.visits, label.most_used().to_owned(), key))
        .collect();
    groups.sort_unstable_by(|one, two| (Reverse(one.0), &one.1).cmp(&(Reverse(two.0), &two.1)));
    let others = groups.split_off(groups.len().min(NAMED));
    let row = |kind, institution, visits, members: usize| InstitutionTotal {
        kind,
        institution,
        visits,
        unique_members: members as u64,
    };
    let named = groups.into_iter().map(|(visits, name, key)| {
        row(
            InstitutionKind::Named,
            Some(name),
            visits,
            members[&key].len(),
        )
    });
    let mut rows: Vec<_> = named.collect();
    let mut other_members: HashSet<&CollationKey> = HashSet::new();
    for (.., key) in &others {
        other_members.extend(&members[key]);
    }
    let other = others.iter().map(|(visits, ..)| visits).sum();
    rows.push(row(
        InstitutionKind::Other,
        None,
        other,
        other_members.len(),
    ));
    rows.push(row(InstitutionKind::None, None, none, without.len()));
    rows
}

impl Figure<Visits> for Institutions {
    fn name(&self) -> &'static str {
        "the visits by institution"
    }

    fn snapshots(&self) -> &'static [Snapshot] {
        &SNAPSHOTS
    }

    fn needs(&self) -> Needs {
        Needs {
            columns: vec![
                (visits::TABLE, "member_id"),
                (visits::TABLE, "institution"),
                ("member", "member_id"),
                ("member", "inst_name"),
            ],
            members: true,
            member_catalog: true,
            rows: Some(self.windows[1]),
            ..Needs::default()
        }
    }

    fn add(&mut self, row: &VisitRow<'_>) -> Result<()> {
        let day = row.visit.time.date();
        let windows = self
            .windows
            .map(|window| day.is_some_and(|day| window.contains(day)));
        if !windows[1] || matches!(row.member, Some(Lookup::Found(_))) {
            return Ok(());
        }
        let (copy, ()) = self.copies.get_or_intern(row.visit.institution, || ())?;
        let id = row.member.map(|_| row.visit.member_id.into());
        let visits = self.visits.entry((id, copy)).or_default();
        visits[0] += u64::from(windows[0]);
        visits[1] += 1;
        Ok(())
    }

    fn finish<'a>(
        self: Box<Self>,
        counts: &'a Counts,
        computation: &'a mut Computation<'_>,
    ) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let rows = self.rows(counts, computation.session).await;
            computation.results.computed_all(SNAPSHOTS, rows);
        })
    }
}
