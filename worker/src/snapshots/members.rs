//! How many members there are, how many joined, and of which types they are.

use crate::mysql::members::MemberRow;
use crate::mysql::row::DailyTotals;
use crate::snapshots::computation::Computation;
use crate::snapshots::figure::{Figure, Members, done};
use crate::snapshots::member_catalog::MemberTypes;
use crate::snapshots::needs::Needs;
use crate::snapshots::series;
use crate::window::Window;
use anyhow::Result;
use chrono::NaiveDate;
use futures_util::future::BoxFuture;
use shared::catalog::{Period, Snapshot};
use shared::rows::members::{MemberCounts, MemberTypeTotal};
use std::collections::HashMap;

/// Whether a member may borrow today: on the last day of the membership too.
fn is_active(member: &MemberRow<'_>, today: NaiveDate) -> bool {
    !member.is_pending && member.expires.date().is_some_and(|day| day >= today)
}

/// The day on which a member joined, as far as it is known.
fn joined(member: &MemberRow<'_>) -> Option<NaiveDate> {
    member.since.date().or_else(|| member.added.date())
}

/// Counts all members.
pub(super) struct CountMembers {
    today: NaiveDate,
    month: Window,
    year: Window,
    counts: MemberCounts,
}

impl CountMembers {
    pub(super) fn new(today: NaiveDate) -> Self {
        Self {
            today,
            month: Window::current(Period::Month, today),
            year: Window::current(Period::Year, today),
            counts: MemberCounts::default(),
        }
    }
}

impl Figure<Members> for CountMembers {
    fn name(&self) -> &'static str {
        "the number of members"
    }

    fn snapshots(&self) -> &'static [Snapshot] {
        &[Snapshot::MemberCounts]
    }

    fn needs(&self) -> Needs {
        Needs {
            columns: vec![("member", "expire_date"), ("member", "input_date")],
            rows: Some(Window::until(self.today)),
            ..Needs::default()
        }
    }

    fn add(&mut self, member: &MemberRow<'_>) -> Result<()> {
        let counts = &mut self.counts;
        counts.total += 1;
        if member.is_pending {
            counts.pending += 1;
        } else if is_active(member, self.today) {
            counts.active += 1;
        } else {
            counts.expired += 1;
        }
        if let Some(day) = joined(member) {
            counts.new_this_month += u64::from(self.month.contains(day));
            counts.new_this_year += u64::from(self.year.contains(day));
        }
        Ok(())
    }

    fn finish<'a>(
        self: Box<Self>,
        (): &'a (),
        computation: &'a mut Computation<'_>,
    ) -> BoxFuture<'a, ()> {
        let results = &mut computation.results;
        results.computed(Snapshot::MemberCounts, &self.counts);
        done()
    }
}

/// Counts new members by month.
pub(super) struct NewMembers {
    today: NaiveDate,
    days: DailyTotals,
}

impl NewMembers {
    pub(super) fn new(today: NaiveDate) -> Self {
        Self {
            today,
            days: DailyTotals::new(),
        }
    }
}

impl Figure<Members> for NewMembers {
    fn name(&self) -> &'static str {
        "the new members"
    }

    fn snapshots(&self) -> &'static [Snapshot] {
        &[Snapshot::NewMembers]
    }

    fn needs(&self) -> Needs {
        Needs {
            columns: vec![("member", "input_date")],
            rows: Some(Window::until(self.today)),
            ..Needs::default()
        }
    }

    fn add(&mut self, member: &MemberRow<'_>) -> Result<()> {
        if let Some(day) = joined(member) {
            *self.days.entry(day).or_default() += 1;
        }
        Ok(())
    }

    fn finish<'a>(
        self: Box<Self>,
        (): &'a (),
        computation: &'a mut Computation<'_>,
    ) -> BoxFuture<'a, ()> {
        let months = series::monthly(&self.days, self.today);
        computation.results.computed(Snapshot::NewMembers, &months);
        done()
    }
}

/// Counts members by type.
pub(super) struct CountTypes {
    today: NaiveDate,
    /// By the id of the type: all members, and the active ones.
    totals: HashMap<Option<i64>, (u64, u64)>,
}

impl CountTypes {
    pub(super) fn new(today: NaiveDate) -> Self {
        Self {
            today,
            totals: HashMap::new(),
        }
    }

    fn rows(&self, types: &MemberTypes) -> Vec<MemberTypeTotal> {
        let mut totals = vec![(0, 0); types.names().len() + 1];
        for (id, (all, active)) in &self.totals {
            let index = types.index(*id).map_or(types.names().len(), usize::from);
            totals[index].0 += all;
            totals[index].1 += active;
        }
        let names = types.names().iter().cloned().map(Some).chain([None]);
        let rows = names.zip(totals);
        rows.map(|(member_type, (total, active))| MemberTypeTotal {
            member_type,
            total,
            active,
        })
        .collect()
    }
}

impl Figure<Members> for CountTypes {
    fn name(&self) -> &'static str {
        "the members by type"
    }

    fn snapshots(&self) -> &'static [Snapshot] {
        &[Snapshot::MemberTypes]
    }

    fn needs(&self) -> Needs {
        Needs {
            columns: vec![("member", "member_type_id"), ("member", "expire_date")],
            rows: Some(Window::until(self.today)),
            ..Needs::default()
        }
    }

    fn add(&mut self, member: &MemberRow<'_>) -> Result<()> {
        let totals = self.totals.entry(member.member_type).or_default();
        totals.0 += 1;
        totals.1 += u64::from(is_active(member, self.today));
        Ok(())
    }

    fn finish<'a>(
        self: Box<Self>,
        (): &'a (),
        computation: &'a mut Computation<'_>,
    ) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let types = MemberTypes::read(computation.session).await;
            let rows = types.map(|types| self.rows(&types));
            let results = &mut computation.results;
            results.computed_or_failed(Snapshot::MemberTypes, rows);
        })
    }
}
