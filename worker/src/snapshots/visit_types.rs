//! Visits and different members by month and member type.

use crate::snapshots::computation::Computation;
use crate::snapshots::counts::{CountedMembers, Counts};
use crate::snapshots::figure::{Figure, VisitRow, Visits, done};
use crate::snapshots::interner::Interner;
use crate::snapshots::member_catalog::MemberCatalog;
use crate::snapshots::member_counter::{MONTHS, Totals, member_window, months_between};
use crate::snapshots::needs::Needs;
use crate::snapshots::series;
use crate::snapshots::spelling_map::Lookup;
use crate::window::Window;
use anyhow::Result;
use chrono::NaiveDate;
use futures_util::future::BoxFuture;
use shared::catalog::Snapshot;
use shared::rows::visitors::{MonthTypeTotal, VisitorKind};
use std::collections::HashMap;

/// Visits or members by month.
type Months = [u64; MONTHS];

/// Counts the visits of each month by the member's type.
pub(super) struct VisitTypes {
    /// The months that are counted.
    window: Window,
    today: NaiveDate,
    /// By the index of the type; `None` for members who were deleted or have no known type.
    visits: HashMap<Option<u16>, Months>,
    /// By the symbol of an id that no member spells like that.
    pending: HashMap<u32, Months>,
}

impl VisitTypes {
    pub(super) fn new(today: NaiveDate) -> Self {
        Self {
            window: member_window(today),
            today,
            visits: HashMap::new(),
            pending: HashMap::new(),
        }
    }

    fn rows(&mut self, counts: &Counts) -> Result<Vec<MonthTypeTotal>> {
        let member_catalog = counts.member_catalog()?;
        for (symbol, months) in std::mem::take(&mut self.pending) {
            let visits = self
                .visits
                .entry(type_of(member_catalog, member_catalog.resolved(symbol)));
            add(visits.or_default(), &months);
        }
        let unique = unique_members(counts)?;
        let types = (0..).zip(member_catalog.types().names());
        let types = types.map(|(index, name)| (Some(index), Some(name.clone())));
        let types: Vec<_> = types.chain([(None, None)]).collect();
        let mut rows = Vec::with_capacity(MONTHS * (types.len() + 1));
        for (index, month) in series::monthly(&counts.days, self.today)
            .into_iter()
            .enumerate()
        {
            let row = |kind, member_type, visits, unique_members| MonthTypeTotal {
                month: month.month.clone(),
                kind,
                member_type,
                visits,
                unique_members,
                partial: month.partial,
            };
            let mut of_members = 0;
            for (member_type, name) in &types {
                let kind = match member_type {
                    Some(_) => VisitorKind::Member,
                    None => VisitorKind::Unknown,
                };
                let of =
                    |months: &HashMap<_, Months>| months.get(member_type).map_or(0, |of| of[index]);
                of_members += of(&self.visits);
                let (visits, unique) = (of(&self.visits), of(&unique));
                rows.push(row(kind, name.clone(), visits, Some(unique)));
            }
            let guests = month.total.saturating_sub(of_members);
            rows.push(row(VisitorKind::Guest, None, guests, None));
        }
        Ok(rows)
    }
}

/// The different members of each type and month.
fn unique_members(counts: &Counts) -> Result<HashMap<Option<u16>, Months>> {
    let (member_catalog, members) = (counts.member_catalog()?, counts.members()?);
    let mut by_key = Interner::<(Totals, Option<u16>)>::default();
    let CountedMembers { counter, collation } = members;
    counter.for_each_spelling(collation, |key, id, tally| {
        let member_type = type_of(member_catalog, member_catalog.find(id));
        let (_, member) = by_key.get_or_intern(key, || (Totals::default(), member_type))?;
        member.0.merge(&tally.totals);
        Ok(())
    })?;
    let mut unique = HashMap::<_, Months>::new();
    for (_, (totals, member_type)) in by_key.iter() {
        let months = unique.entry(*member_type).or_default();
        add(
            months,
            &std::array::from_fn(|month| totals.is_in_month(month).into()),
        );
    }
    Ok(unique)
}

fn type_of(member_catalog: &MemberCatalog, member: Option<u32>) -> Option<u16> {
    member_catalog.member_type(member?)
}

fn add(totals: &mut Months, more: &Months) {
    for (total, more) in totals.iter_mut().zip(more) {
        *total += more;
    }
}

impl Figure<Visits> for VisitTypes {
    fn name(&self) -> &'static str {
        "the visits by member type"
    }

    fn snapshots(&self) -> &'static [Snapshot] {
        &[Snapshot::MonthlyTypes]
    }

    fn needs(&self) -> Needs {
        Needs {
            columns: vec![
                ("visitor_count", "member_id"),
                ("member", "member_id"),
                ("member", "member_type_id"),
            ],
            days: true,
            members: true,
            member_catalog: true,
            rows: Some(self.window),
            ..Needs::default()
        }
    }

    fn add(&mut self, row: &VisitRow<'_>) -> Result<()> {
        let day = row.visit.time.date();
        let day = day.filter(|day| self.window.contains(*day));
        let (Some(day), Some(member)) = (day, row.member) else {
            return Ok(());
        };
        let months = match member {
            Lookup::Pending(symbol) => self.pending.entry(symbol).or_default(),
            Lookup::Found(_) | Lookup::Missing => self.visits.entry(row.member_type).or_default(),
        };
        months[months_between(self.window.from, day)] += 1;
        Ok(())
    }

    fn finish<'a>(
        mut self: Box<Self>,
        counts: &'a Counts,
        computation: &'a mut Computation<'_>,
    ) -> BoxFuture<'a, ()> {
        let rows = self.rows(counts);
        computation
            .results
            .computed_or_failed(Snapshot::MonthlyTypes, rows);
        done()
    }
}
