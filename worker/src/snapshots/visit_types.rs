//! Visits and different members by month and member type.

use crate::calendar::{last_months, period_name};
use crate::mysql::visits::Visit;
use crate::snapshots::computation::Computation;
use crate::snapshots::counts::{CountedMembers, Counts};
use crate::snapshots::figure::{Figure, Needs, Visits};
use crate::snapshots::interner::Interner;
use crate::snapshots::member_counter::{MONTHS, Totals, is_blank, member_window, months_between};
use crate::snapshots::member_types::MemberTypes;
use crate::snapshots::series;
use crate::snapshots::spelling_map::Lookup;
use anyhow::{Context, Result};
use chrono::NaiveDate;
use futures_util::future::BoxFuture;
use shared::catalog::{Period, Snapshot};
use shared::rows::{MonthTypeTotal, VisitorKind};
use std::collections::HashMap;

/// Visits by month.
type Months = [u64; MONTHS];

/// Counts the visits of each month by the member's type.
pub(super) struct VisitTypes {
    today: NaiveDate,
    types: MemberTypes,
    /// By the index of the type; the last one is for unknown types.
    visits: Vec<Months>,
    /// By the symbol of an id that no member spells like that.
    pending: HashMap<u32, Months>,
}

impl VisitTypes {
    pub(super) fn new(today: NaiveDate) -> Self {
        Self {
            today,
            types: MemberTypes::default(),
            visits: Vec::new(),
            pending: HashMap::new(),
        }
    }

    /// The index of the type that a look-up has found.
    fn index(&self, lookup: Lookup) -> usize {
        match lookup {
            Lookup::Found(index) => index as usize,
            Lookup::Missing | Lookup::Pending(_) => self.types.names().len(),
        }
    }

    fn rows(&self, days: &[u64; MONTHS], members: &CountedMembers) -> Result<Vec<MonthTypeTotal>> {
        let unique = self.unique_members(members)?;
        let names = self.types.names().iter().map(|name| Some(name.clone()));
        let names: Vec<Option<String>> = names.chain([None]).collect();
        let current = period_name(Period::Month, self.today);
        let mut rows = Vec::with_capacity(MONTHS * (names.len() + 1));
        for (index, first) in last_months(self.today, series::MONTHS).enumerate() {
            let month = period_name(Period::Month, first);
            let partial = month == current;
            let row = |kind, member_type: &Option<String>, visits, unique_members| MonthTypeTotal {
                month: month.clone(),
                kind,
                member_type: member_type.clone(),
                visits,
                unique_members,
                partial,
            };
            for ((name, visits), unique) in names.iter().zip(&self.visits).zip(&unique) {
                let kind = match name {
                    Some(_) => VisitorKind::Member,
                    None => VisitorKind::Unknown,
                };
                rows.push(row(kind, name, visits[index], Some(unique[index])));
            }
            let of_members: u64 = self.visits.iter().map(|visits| visits[index]).sum();
            let guests = days[index].saturating_sub(of_members);
            rows.push(row(VisitorKind::Guest, &None, guests, None));
        }
        Ok(rows)
    }

    /// The different members of each type and month.
    fn unique_members(&self, members: &CountedMembers) -> Result<Vec<Months>> {
        let mut unique = vec![[0; MONTHS]; self.visits.len()];
        let mut by_key = Interner::<(Totals, usize)>::default();
        let CountedMembers { counter, collation } = members;
        counter.for_each_spelling(collation, |key, id, tally| {
            let index = self.index(self.types.get(id));
            let (_, member) = by_key.get_or_intern(key, || (Totals::default(), index))?;
            member.0.merge(&tally.totals);
            Ok(())
        })?;
        for (_, (totals, index)) in by_key.iter() {
            for (month, members) in unique[*index].iter_mut().enumerate() {
                *members += u64::from(totals.is_in_month(month));
            }
        }
        Ok(unique)
    }
}

impl Figure<Visits> for VisitTypes {
    fn snapshots(&self) -> &'static [Snapshot] {
        &[Snapshot::MonthlyTypes]
    }

    fn needs(&self) -> Needs {
        Needs {
            columns: vec!["member_id"],
            days: true,
            members: true,
            rows: Some(member_window(self.today)),
        }
    }

    fn prepare<'a>(
        &'a mut self,
        computation: &'a mut Computation<'_>,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async {
            self.types = MemberTypes::read(computation.session, &computation.request.scan).await?;
            self.visits = vec![[0; MONTHS]; self.types.names().len() + 1];
            Ok(())
        })
    }

    fn add(&mut self, visit: &Visit<'_>) -> Result<()> {
        let window = member_window(self.today);
        let day = visit.time.date().filter(|day| window.contains(*day));
        let Some(day) = day.filter(|_| !is_blank(visit.member_id)) else {
            return Ok(());
        };
        let month = months_between(window.from, day);
        let lookup = self.types.lookup(visit.member_id)?;
        let months = match lookup {
            Lookup::Pending(symbol) => self.pending.entry(symbol).or_default(),
            found => {
                let index = self.index(found);
                &mut self.visits[index]
            }
        };
        months[month] += 1;
        Ok(())
    }

    fn finish<'a>(
        mut self: Box<Self>,
        counts: &'a Counts,
        computation: &'a mut Computation<'_>,
    ) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let rows = self.resolve(counts, computation).await.map(|rows| [rows]);
            let results = &mut computation.results;
            results.computed_all([Snapshot::MonthlyTypes], rows);
        })
    }
}

impl VisitTypes {
    async fn resolve(
        &mut self,
        counts: &Counts,
        computation: &mut Computation<'_>,
    ) -> Result<Vec<MonthTypeTotal>> {
        self.types.resolve_pending(computation.session).await?;
        for (symbol, months) in std::mem::take(&mut self.pending) {
            let index = self.index(self.types.resolved(symbol));
            for (total, visits) in self.visits[index].iter_mut().zip(months) {
                *total += visits;
            }
        }
        let members = counts
            .members
            .as_ref()
            .context("members were not counted")?;
        let months = series::monthly(&counts.days, self.today);
        let mut days = [0; MONTHS];
        for (total, month) in days.iter_mut().zip(months) {
            *total = month.total;
        }
        self.rows(&days, members)
    }
}
