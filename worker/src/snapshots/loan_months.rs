//! Loans and different borrowers by month.

use crate::snapshots::computation::Computation;
use crate::snapshots::counts::Counts;
use crate::snapshots::figure::{Figure, Loans, done};
use crate::snapshots::needs::Needs;
use crate::snapshots::series;
use anyhow::Result;
use chrono::NaiveDate;
use futures_util::future::BoxFuture;
use shared::catalog::Snapshot;
use shared::rows::books::MonthLoans;

/// Adds the borrowers of each month to the loans by month.
pub(super) struct LoanMonths;

impl Figure<Loans> for LoanMonths {
    fn name(&self) -> &'static str {
        "the loans by month"
    }

    fn snapshots(&self) -> &'static [Snapshot] {
        &[Snapshot::LoansMonthly]
    }

    fn needs(&self) -> Needs {
        Needs {
            columns: vec![("loan", "member_id")],
            days: true,
            members: true,
            ..Needs::default()
        }
    }

    fn finish<'a>(
        self: Box<Self>,
        counts: &'a Counts,
        computation: &'a mut Computation<'_>,
    ) -> BoxFuture<'a, ()> {
        let rows = rows(counts, computation.request.today);
        let results = &mut computation.results;
        results.computed_or_failed(Snapshot::LoansMonthly, rows);
        done()
    }
}

fn rows(counts: &Counts, today: NaiveDate) -> Result<Vec<MonthLoans>> {
    let members = counts.members()?;
    let borrowers = members.counter.members_by_month(&members.collation)?;
    let months = series::monthly(&counts.days, today).into_iter();
    let rows = months
        .zip(borrowers)
        .map(|(month, unique_borrowers)| MonthLoans {
            month: month.month,
            total: month.total,
            unique_borrowers,
            partial: month.partial,
        });
    Ok(rows.collect())
}
