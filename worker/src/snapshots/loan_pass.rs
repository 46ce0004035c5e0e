//! Reads `loan` once for all figures that are made from loans.

use crate::mysql::loans::{self, LoanColumns, LoanScan};
use crate::mysql::row::EventRow;
use crate::mysql::schema::TableSchema;
use crate::snapshots::computation::Computation;
use crate::snapshots::counts::Counts;
use crate::snapshots::figure::{Figure, Figures, Loans, snapshots};
use crate::snapshots::member_counter::member_window;
use anyhow::Result;

/// Computes the wanted figures of `all`.
pub(super) async fn run(all: Vec<Box<dyn Figure<Loans>>>, computation: &mut Computation<'_>) {
    let Some(schema) = computation.schema(snapshots(&all), loans::KEY.table).await else {
        return;
    };
    let mut figures = Figures::prepare(all, &schema, computation).await;
    if !figures.is_empty() {
        let read = read(computation, &schema, &mut figures).await;
        figures.finish(read, computation).await;
    }
}

/// Reads every loan of any date: the rankings of all time need them all.
async fn read(
    computation: &mut Computation<'_>,
    schema: &TableSchema,
    figures: &mut Figures<Loans>,
) -> Result<Counts> {
    let (needs, today) = (figures.needs(), computation.request.today);
    let table = loans::KEY.table;
    let wanted = (needs.days, needs.members);
    let mut counts = Counts::begin(computation.session, table, today, wanted).await?;
    let columns = LoanColumns {
        item_code: needs.has("item_code"),
        members: needs.members.then(|| member_window(today)),
        current: needs.has("is_return").then_some(today),
    };
    let settings = computation.request.scan;
    let mut scan = LoanScan::begin(computation.session, &settings, schema, columns).await?;
    loop {
        let more = scan.read_chunk(computation.session, |loan| {
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
            figures.add(&loan);
            Ok(())
        });
        if !more.await? {
            return counts.finish(computation.session).await;
        }
        figures.between_chunks(computation).await;
    }
}
