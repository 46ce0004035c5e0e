//! How much of the collection is used.

use crate::snapshots::computation::Computation;
use crate::snapshots::counts::Counts;
use crate::snapshots::figure::{Figure, Loans, done};
use crate::snapshots::needs::Needs;
use crate::snapshots::series;
use crate::snapshots::title_counter::{self, ALL_TIME, TWELVE_MONTHS};
use crate::window::Window;
use anyhow::Result;
use chrono::NaiveDate;
use futures_util::future::BoxFuture;
use shared::catalog::Snapshot;
use shared::rows;

/// Titles and loans of twelve months.
pub(super) struct CollectionUsage;

impl Figure<Loans> for CollectionUsage {
    fn name(&self) -> &'static str {
        "the use of the collection"
    }

    fn snapshots(&self) -> &'static [Snapshot] {
        &[Snapshot::Usage]
    }

    fn needs(&self) -> Needs {
        Needs {
            columns: title_counter::COLUMNS.to_vec(),
            days: true,
            titles: true,
            ..Needs::default()
        }
    }

    fn finish<'a>(
        self: Box<Self>,
        counts: &'a Counts,
        computation: &'a mut Computation<'_>,
    ) -> BoxFuture<'a, ()> {
        let usage = usage(counts, computation.request.today);
        computation
            .results
            .computed_or_failed(Snapshot::Usage, usage);
        done()
    }
}

fn usage(counts: &Counts, today: NaiveDate) -> Result<rows::books::Usage> {
    let (titles, window) = (counts.titles()?, Window::twelve_months(today));
    let catalog = titles.catalog();
    let each = || catalog.titles().iter().zip(titles.totals());
    let with_items = catalog.titles().iter().filter(|title| title.has_item);
    Ok(rows::books::Usage {
        titles: catalog.titles().len() as u64,
        titles_with_items: with_items.count() as u64,
        items: catalog.items(),
        titles_lent_12_months: each()
            .filter(|(_, totals)| totals[TWELVE_MONTHS] > 0)
            .count() as u64,
        titles_never_lent: each()
            .filter(|(title, totals)| title.has_item && totals[ALL_TIME] == 0)
            .count() as u64,
        loans_12_months: series::sum(&counts.days, window.from, window.to),
    })
}
