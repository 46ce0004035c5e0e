//! Visits by day, month and year.

use crate::snapshots::computation::Computation;
use crate::snapshots::counts::Counts;
use crate::snapshots::figure::{Figure, Visits, done};
use crate::snapshots::needs::Needs;
use crate::snapshots::series;
use futures_util::future::BoxFuture;
use shared::catalog::Snapshot;

/// Makes four series from the visits by day.
pub(super) struct VisitSeries;

impl Figure<Visits> for VisitSeries {
    fn name(&self) -> &'static str {
        "the visits by day, month and year"
    }

    fn snapshots(&self) -> &'static [Snapshot] {
        &[
            Snapshot::Weekly,
            Snapshot::Monthly,
            Snapshot::Yearly,
            Snapshot::Daily,
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
        results.computed(Snapshot::Weekly, &series::weekly(days, today));
        results.computed(Snapshot::Monthly, &series::monthly(days, today));
        results.computed(Snapshot::Yearly, &series::yearly(days, today));
        results.computed(Snapshot::Daily, &series::daily(days, today));
        done()
    }
}
