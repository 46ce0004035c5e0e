//! The size of the collection, and how it grew.

use crate::mysql::row::DailyTotals;
use crate::snapshots::computation::Computation;
use crate::snapshots::figure::{self, Figure};
use crate::snapshots::needs::Needs;
use crate::snapshots::series;
use crate::snapshots::title_catalog::TitleCatalog;
use chrono::NaiveDate;
use futures_util::future::BoxFuture;
use shared::catalog::Snapshot;
use shared::rows::books::{Collection, MonthGrowth, YearGrowth};

/// The number of titles and items.
pub(super) struct CollectionSize;

impl Figure<figure::Catalogue> for CollectionSize {
    fn name(&self) -> &'static str {
        "the size of the collection"
    }

    fn snapshots(&self) -> &'static [Snapshot] {
        &[Snapshot::Collection]
    }

    fn needs(&self) -> Needs {
        Needs::default()
    }

    fn finish<'a>(
        self: Box<Self>,
        catalog: &'a TitleCatalog,
        computation: &'a mut Computation<'_>,
    ) -> BoxFuture<'a, ()> {
        let size = Collection {
            total_titles: catalog.titles().len() as u64,
            total_items: catalog.items(),
        };
        computation.results.computed(Snapshot::Collection, &size);
        figure::done()
    }
}

/// Titles and items by the month and the year in which they were catalogued.
pub(super) struct Growth;

impl Figure<figure::Catalogue> for Growth {
    fn name(&self) -> &'static str {
        "the growth of the collection"
    }

    fn snapshots(&self) -> &'static [Snapshot] {
        &[Snapshot::GrowthMonthly, Snapshot::GrowthYearly]
    }

    fn needs(&self) -> Needs {
        Needs {
            columns: vec![("biblio", "input_date"), ("item", "input_date")],
            ..Needs::default()
        }
    }

    fn finish<'a>(
        self: Box<Self>,
        catalog: &'a TitleCatalog,
        computation: &'a mut Computation<'_>,
    ) -> BoxFuture<'a, ()> {
        let today = computation.request.today;
        let (titles, items) = (&catalog.titles_by_day, &catalog.items_by_day);
        let results = &mut computation.results;
        results.computed(Snapshot::GrowthMonthly, &monthly(titles, items, today));
        results.computed(Snapshot::GrowthYearly, &yearly(titles, items, today));
        figure::done()
    }
}

fn monthly(titles: &DailyTotals, items: &DailyTotals, today: NaiveDate) -> Vec<MonthGrowth> {
    let items = series::monthly(items, today);
    let rows = series::monthly(titles, today).into_iter().zip(items);
    rows.map(|(titles, items)| MonthGrowth {
        month: titles.month,
        titles: titles.total,
        items: items.total,
        partial: titles.partial,
    })
    .collect()
}

fn yearly(titles: &DailyTotals, items: &DailyTotals, today: NaiveDate) -> Vec<YearGrowth> {
    let items = series::yearly(items, today);
    let rows = series::yearly(titles, today).into_iter().zip(items);
    rows.map(|(titles, items)| YearGrowth {
        year: titles.year,
        titles: titles.total,
        items: items.total,
        partial: titles.partial,
    })
    .collect()
}
