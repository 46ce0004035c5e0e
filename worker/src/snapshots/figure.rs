//! A figure is what one file makes of the rows of one table: it says what it needs, takes the rows, and writes the `data`
//! of its snapshots.

use crate::calendar::Window;
use crate::mysql::loans::Loan;
use crate::mysql::schema::TableSchema;
use crate::mysql::visits::Visit;
use crate::snapshots::computation::Computation;
use crate::snapshots::counts::Counts;
use anyhow::{Error, Result};
use futures_util::future::BoxFuture;
use shared::catalog::Snapshot;

/// A table whose rows figures take.
pub(super) trait Table: 'static {
    /// One row.
    type Row<'a>;
    /// The columns without which no figure can be computed.
    const COLUMNS: &'static [&'static str];
}

/// `visitor_count`.
pub(super) struct Visits;

impl Table for Visits {
    type Row<'a> = Visit<'a>;
    const COLUMNS: &'static [&'static str] = &["checkin_date"];
}

/// `loan`, where `is_lent = 1`.
pub(super) struct Loans;

impl Table for Loans {
    type Row<'a> = Loan<'a>;
    const COLUMNS: &'static [&'static str] = &["loan_id", "loan_date", "is_lent"];
}

/// What a figure needs of a table. A pass reads what all its figures together need.
#[derive(Clone, Debug, Default)]
pub(super) struct Needs {
    /// The columns without which the figure cannot be computed, besides [`Table::COLUMNS`].
    pub(super) columns: Vec<&'static str>,
    /// Whether it needs the totals by day ([`Counts::days`]).
    pub(super) days: bool,
    /// Whether it needs the totals by member ([`Counts::members`]).
    pub(super) members: bool,
    /// The days of which it takes every row; `None` if it takes none.
    pub(super) rows: Option<Window>,
}

impl Needs {
    fn include(&mut self, other: &Self) {
        self.columns.extend(&other.columns);
        self.days |= other.days;
        self.members |= other.members;
        let rows = self.rows.into_iter().chain(other.rows);
        self.rows = rows.reduce(Window::cover);
    }

    /// Whether a figure needs this column.
    pub(super) fn has(&self, column: &str) -> bool {
        self.columns.contains(&column)
    }
}

/// A figure over the rows of `T`.
pub(super) trait Figure<T: Table>: Send {
    /// The snapshots that it makes.
    fn snapshots(&self) -> &'static [Snapshot];

    /// What it needs of the table.
    fn needs(&self) -> Needs;

    /// Reads what it needs of other tables, before the first row.
    fn prepare<'a>(&'a mut self, _: &'a mut Computation<'_>) -> BoxFuture<'a, Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Takes a row, which may lie outside [`Needs::rows`].
    fn add(&mut self, _: &T::Row<'_>) -> Result<()> {
        Ok(())
    }

    /// Called between two chunks of the pass, when the connection is free for other statements.
    fn between_chunks<'a>(&'a mut self, _: &'a mut Computation<'_>) -> BoxFuture<'a, Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Passes the `data` of its snapshots to `computation.results`.
    fn finish<'a>(
        self: Box<Self>,
        counts: &'a Counts,
        computation: &'a mut Computation<'_>,
    ) -> BoxFuture<'a, ()>;
}

/// The figures of one pass. A figure that fails costs the others nothing.
pub(super) struct Figures<T: Table> {
    figures: Vec<Running<T>>,
}

struct Running<T: Table> {
    figure: Box<dyn Figure<T>>,
    takes_rows: bool,
    error: Option<Error>,
}

impl<T: Table> Figures<T> {
    /// Prepares those of `all` that are wanted and whose columns exist. The others that are wanted fail.
    pub(super) async fn prepare(
        all: Vec<Box<dyn Figure<T>>>,
        schema: &TableSchema,
        computation: &mut Computation<'_>,
    ) -> Self {
        let mut figures = Vec::with_capacity(all.len());
        for mut figure in all {
            let (snapshots, needs) = (figure.snapshots(), figure.needs());
            if !computation.results.wants(snapshots) {
                continue;
            }
            let columns = T::COLUMNS.iter().chain(&needs.columns);
            let columns = columns.map(|column| schema.require(column)).collect();
            let columns: Result<Vec<()>> = columns;
            if computation.results.or_fail(snapshots, columns).is_none() {
                continue;
            }
            let prepared = figure.prepare(computation).await;
            if computation.results.or_fail(snapshots, prepared).is_some() {
                figures.push(Running {
                    figure,
                    takes_rows: needs.rows.is_some(),
                    error: None,
                });
            }
        }
        Self { figures }
    }

    /// Whether there is nothing to read.
    pub(super) fn is_empty(&self) -> bool {
        self.figures.is_empty()
    }

    /// What the figures together need.
    pub(super) fn needs(&self) -> Needs {
        let mut needs = Needs::default();
        for running in &self.figures {
            needs.include(&running.figure.needs());
        }
        needs
    }

    /// Gives a row to the figures that take rows.
    pub(super) fn add(&mut self, row: &T::Row<'_>) {
        for running in &mut self.figures {
            if running.takes_rows
                && running.error.is_none()
                && let Err(error) = running.figure.add(row)
            {
                running.error = Some(error);
            }
        }
    }

    /// Lets each figure use the connection between two chunks.
    pub(super) async fn between_chunks(&mut self, computation: &mut Computation<'_>) {
        for running in &mut self.figures {
            if running.error.is_none() {
                running.error = running.figure.between_chunks(computation).await.err();
            }
        }
    }

    /// Lets each figure write its snapshots; `read` is the result of the pass.
    pub(super) async fn finish(self, read: Result<Counts>, computation: &mut Computation<'_>) {
        let counts = match read {
            Ok(counts) => counts,
            Err(error) => return self.fail(error, computation),
        };
        for Running { figure, error, .. } in self.figures {
            let taken = error.map_or(Ok(()), Err);
            let snapshots = figure.snapshots();
            if computation.results.or_fail(snapshots, taken).is_some() {
                figure.finish(&counts, computation).await;
            }
        }
    }

    fn fail(self, error: Error, computation: &mut Computation<'_>) {
        let figures = self.figures.into_iter();
        let figures: Vec<_> = figures.map(|running| running.figure).collect();
        let snapshots = snapshots(&figures);
        computation.results.or_fail::<()>(&snapshots, Err(error));
    }
}

/// The snapshots that `figures` make.
pub(super) fn snapshots<T: Table>(figures: &[Box<dyn Figure<T>>]) -> Vec<Snapshot> {
    let figures = figures.iter();
    let snapshots = figures.flat_map(|figure| figure.snapshots());
    snapshots.copied().collect()
}
