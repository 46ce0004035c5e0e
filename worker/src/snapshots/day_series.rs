//! Visits and loans by day, month and year.

use crate::snapshots::computation::Computation;
use crate::snapshots::counts::Counts;
use crate::snapshots::figure::{Figure, Source, done};
use crate::snapshots::needs::Needs;
use crate::snapshots::series;
use futures_util::future::BoxFuture;
use shared::catalog::Snapshot;

/// Makes series from the events by day.
pub(super) struct DaySeries {
    name: &'static str,
    snapshots: &'static [Snapshot],
}

impl DaySeries {
    /// Those of visits.
    pub(super) const VISITS: Self = Self {
        name: "the visits by day, month and year",
        snapshots: &[
            Snapshot::Weekly,
            Snapshot::Monthly,
            Snapshot::Yearly,
            Snapshot::Daily,
        ],
    };
    /// Those of loans; the series by month also has the borrowers.
    pub(super) const LOANS: Self = Self {
        name: "the loans by day and year",
        snapshots: &[
            Snapshot::LoansWeekly,
            Snapshot::LoansYearly,
            Snapshot::LoansDaily,
        ],
    };
}

impl<S: Source<Counts = Counts>> Figure<S> for DaySeries {
    fn name(&self) -> &'static str {
        self.name
    }

    fn snapshots(&self) -> &'static [Snapshot] {
        self.snapshots
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
        for snapshot in self.snapshots {
            match snapshot {
                Snapshot::Monthly => results.computed(*snapshot, &series::monthly(days, today)),
                Snapshot::Yearly | Snapshot::LoansYearly => {
                    results.computed(*snapshot, &series::yearly(days, today));
                }
                Snapshot::Daily | Snapshot::LoansDaily => {
                    results.computed(*snapshot, &series::daily(days, today));
                }
                _ => results.computed(*snapshot, &series::weekly(days, today)),
            }
        }
        done()
    }
}
