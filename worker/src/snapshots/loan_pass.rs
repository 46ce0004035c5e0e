//! Reads `loan` once for all figures that are made from loans.

use crate::mysql::loans::{self, LoanColumns, LoanScan};
use crate::mysql::row::EventRow;
use crate::snapshots::computation::{Computation, Failure};
use crate::snapshots::counts::Counts;
use crate::snapshots::figure::{Figures, Loans};
use crate::snapshots::member_counter::member_window;
use crate::snapshots::title_catalog::TitleCatalog;
use crate::snapshots::title_counter::TitleCounter;
use anyhow::Result;

const TABLE: &str = loans::KEY.table;

/// Computes `figures`; `catalog` is the catalogue of titles, if a figure needs it.
pub(super) async fn run(
    mut figures: Figures<Loans>,
    catalog: Result<Option<TitleCatalog>, Failure>,
    computation: &mut Computation<'_>,
) {
    let catalog = catalog.unwrap_or_else(|failure| {
        figures.fail_if(|needs| needs.titles, failure, computation);
        None
    });
    if !figures.is_empty() {
        let read = read(computation, &mut figures, catalog).await;
        figures.finish_pass(read, computation).await;
    }
}

/// Reads every loan of any date: the rankings of all time need them all.
async fn read(
    computation: &mut Computation<'_>,
    figures: &mut Figures<Loans>,
    catalog: Option<TitleCatalog>,
) -> Result<Counts> {
    let (needs, today) = (figures.needs(), computation.request.today);
    let schema = computation.schema(TABLE).await?.clone();
    let counts = Counts::begin(computation.session, TABLE, today, &needs).await?;
    let titles = catalog.map(|catalog| TitleCounter::new(catalog, today));
    let mut counts = counts.with_titles(titles);
    let columns = LoanColumns {
        item_code: needs.titles,
        members: needs.members.then(|| member_window(today)),
        current: needs.has(TABLE, "is_return").then_some(today),
    };
    let (session, settings) = (&mut *computation.session, computation.request.scan);
    let mut scan = LoanScan::begin(session, &settings, &schema, columns).await?;
    loop {
        let more = scan.read_chunk(session, |loan| {
            if needs.days
                && let Some(day) = loan.time.date()
            {
                counts.add_to_day(day);
            }
            counts.add_to_member(EventRow {
                time: loan.time,
                row: loan.id,
                text: loan.member_id,
            })?;
            if let Some(titles) = counts.titles_mut() {
                titles.add(&loan);
            }
            figures.add(&loan);
            Ok(())
        });
        let more = more.await?;
        if let Some(titles) = counts.titles_mut()
            && (!more || titles.pending_count() >= settings.max_pending)
        {
            titles.resolve_pending(session, &settings).await;
        }
        if !more {
            return counts.finish(session).await;
        }
    }
}
