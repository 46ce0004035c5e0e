//! Loans by day and year.

use crate::snapshots::computation::Computation;
use crate::snapshots::counts::Counts;
use crate::snapshots::figure::{Figure, Loans, done};
use crate::snapshots::needs::Needs;
use crate::snapshots::series;
use futures_util::future::BoxFuture;
use shared::catalog::Snapshot;

/// Makes three series from the loans by day.
pub(super) struct LoanSeries;

impl Figure<Loans> for LoanSeries {
    fn name(&self) -> &'static str {
        "the loans by day and year"
    }

    fn snapshots(&self) -> &'static [Snapshot] {
        &[
            Snapshot::LoansWeekly,
            Snapshot::LoansYearly,
            Snapshot::LoansDaily,
        ]
    }

    fn needs(&self) -> Needs {
        Needs {
            days: true,
            ..Needs::default()
        }
    }

    fn finish<'a>(
        self: Box<Self>,
        counts: &'a Counts,
        computation: &'a mut Computation<'_>,
    ) -> BoxFuture<'a, ()> {
        let (days, today) = (&counts.days, computation.request.today);
        let results = &mut computation.results;
        results.computed(Snapshot::LoansWeekly, &series::weekly(days, today));
        results.computed(Snapshot::LoansYearly, &series::yearly(days, today));
        results.computed(Snapshot::LoansDaily, &series::daily(days, today));
        done()
    }
}
