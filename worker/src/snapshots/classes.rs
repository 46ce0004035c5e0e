//! The collection and its use by class.

use crate::snapshots::computation::Computation;
use crate::snapshots::counts::Counts;
use crate::snapshots::figure::{Figure, Loans, done};
use crate::snapshots::needs::Needs;
use crate::snapshots::series;
use crate::snapshots::title_catalog::{CLASSES, NO_CLASS};
use crate::snapshots::title_counter::{self, YEAR};
use crate::window::Window;
use anyhow::Result;
use chrono::NaiveDate;
use futures_util::future::BoxFuture;
use shared::catalog::{Period, Snapshot};
use shared::rows::books::ClassTotal;

/// Titles, items and loans by class.
pub(super) struct Classes;

impl Figure<Loans> for Classes {
    fn name(&self) -> &'static str {
        "the collection by class"
    }

    fn snapshots(&self) -> &'static [Snapshot] {
        &[Snapshot::Classes]
    }

    fn needs(&self) -> Needs {
        Needs {
            columns: [&title_counter::COLUMNS[..], &[("biblio", "classification")]].concat(),
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
        let rows = rows(counts, computation.request.today);
        computation
            .results
            .computed_or_failed(Snapshot::Classes, rows);
        done()
    }
}

fn rows(counts: &Counts, today: NaiveDate) -> Result<Vec<ClassTotal>> {
    let counter = counts.titles()?;
    let (mut titles, mut loans) = ([0; CLASSES], [0; CLASSES]);
    for (title, totals) in counter.catalog().titles().iter().zip(counter.totals()) {
        titles[title.class] += 1;
        loans[title.class] += u64::from(totals[YEAR]);
    }
    // Loans of titles that are gone or unknown.
    let Window { from, to } = Window::current(Period::Year, today);
    let all = series::sum(&counts.days, from, to);
    loans[NO_CLASS] += all - loans.iter().sum::<u64>();
    let items = counter.catalog().items_by_class;
    let rows = (0..CLASSES).map(|class| ClassTotal {
        class: (class != NO_CLASS).then(|| class.to_string()),
        titles: titles[class],
        items: items[class],
        loans_year: loans[class],
    });
    Ok(rows.collect())
}
