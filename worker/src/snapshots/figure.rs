//! A figure computes one snapshot, or a few that need the same rows: it says what it needs, takes the rows of a table, and
//! writes the `data`.

use crate::mysql::loans::Loan;
use crate::mysql::members::MemberRow;
use crate::mysql::visits::Visit;
use crate::snapshots::computation::{Computation, Failure};
use crate::snapshots::counts::Counts;
use crate::snapshots::needs::Needs;
use crate::snapshots::spelling_map::Lookup;
use crate::snapshots::title_catalog::TitleCatalog;
use anyhow::{Error, Result};
use futures_util::future::BoxFuture;
use shared::catalog::Snapshot;

/// A table, or the two of the catalogue, of which figures are made.
pub(super) trait Source: 'static {
    /// One row.
    type Row<'a>;
    /// What a pass has counted for all its figures.
    type Counts: Send + Sync;
    /// The columns without which there is no pass, each with its table.
    const COLUMNS: &'static [(&'static str, &'static str)];
}

/// `visitor_count`.
pub(super) struct Visits;

/// A visit, and the look-up of its member in the catalogue of members, if a figure needs that.
pub(super) struct VisitRow<'a> {
    pub(super) visit: Visit<'a>,
    /// `None` for a guest.
    pub(super) member: Option<Lookup>,
    /// The index of the type of a member that was found.
    pub(super) member_type: Option<u16>,
}

impl Source for Visits {
    type Row<'a> = VisitRow<'a>;
    type Counts = Counts;
    const COLUMNS: &'static [(&'static str, &'static str)] = &[("visitor_count", "checkin_date")];
}

/// `loan`, where `is_lent = 1`.
pub(super) struct Loans;

impl Source for Loans {
    type Row<'a> = Loan<'a>;
    type Counts = Counts;
    const COLUMNS: &'static [(&'static str, &'static str)] = &[
        ("loan", "loan_id"),
        ("loan", "loan_date"),
        ("loan", "is_lent"),
    ];
}

/// `member`.
pub(super) struct Members;

impl Source for Members {
    type Row<'a> = MemberRow<'a>;
    type Counts = ();
    const COLUMNS: &'static [(&'static str, &'static str)] = &[("member", "member_id")];
}

/// `biblio` and `item`. Its figures are made from the catalogue, not from rows.
pub(super) struct Catalogue;

impl Source for Catalogue {
    type Row<'a> = ();
    type Counts = TitleCatalog;
    const COLUMNS: &'static [(&'static str, &'static str)] =
        &[("biblio", "biblio_id"), ("item", "item_id")];
}

/// A figure, or a few that need the same, and the columns without which there is none.
#[derive(Clone, Debug)]
pub struct Requirement {
    /// Their name in a sentence.
    pub name: &'static str,
    /// Their snapshots; empty for today's count.
    pub snapshots: &'static [Snapshot],
    /// The columns, each with its table.
    pub columns: Vec<(&'static str, &'static str)>,
}

impl Requirement {
    /// Whether it is that of today's count.
    pub fn is_today(&self) -> bool {
        self.snapshots.is_empty()
    }
}

/// A figure over the rows of `S`.
pub(super) trait Figure<S: Source>: Send {
    /// Its name in a sentence.
    fn name(&self) -> &'static str;

    /// The snapshots that it makes.
    fn snapshots(&self) -> &'static [Snapshot];

    /// What it needs.
    fn needs(&self) -> Needs;

    /// Takes a row, which may lie outside [`Needs::rows`].
    fn add(&mut self, _: &S::Row<'_>) -> Result<()> {
        Ok(())
    }

    /// Passes the `data` of its snapshots to `computation.results`.
    fn finish<'a>(
        self: Box<Self>,
        counts: &'a S::Counts,
        computation: &'a mut Computation<'_>,
    ) -> BoxFuture<'a, ()>;
}

/// The figures of one pass. A figure that fails costs the others nothing.
pub(super) struct Figures<S: Source> {
    figures: Vec<Running<S>>,
}

struct Running<S: Source> {
    figure: Box<dyn Figure<S>>,
    takes_rows: bool,
    error: Option<Error>,
}

impl<S: Source> Figures<S> {
    /// Those of `all` that are wanted and whose columns exist. The others that are wanted fail.
    pub(super) async fn new(
        all: Vec<Box<dyn Figure<S>>>,
        computation: &mut Computation<'_>,
    ) -> Self {
        let mut figures = Vec::with_capacity(all.len());
        for figure in all {
            let (snapshots, needs) = (figure.snapshots(), figure.needs());
            if !computation.results.wants(snapshots) {
                continue;
            }
            let mut exist = Ok(());
            for (table, column) in S::COLUMNS.iter().chain(&needs.columns) {
                if exist.is_ok() {
                    exist = computation.require(table, column).await;
                }
            }
            if computation.results.or_fail(snapshots, exist).is_some() {
                figures.push(Running {
                    figure,
                    takes_rows: needs.rows.is_some(),
                    error: None,
                });
            }
        }
        Self { figures }
    }

    /// Whether there is nothing to compute.
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
    pub(super) fn add(&mut self, row: &S::Row<'_>) {
        for running in &mut self.figures {
            if running.takes_rows
                && running.error.is_none()
                && let Err(error) = running.figure.add(row)
            {
                running.error = Some(error);
            }
        }
    }

    /// Lets those figures fail that need what could not be read.
    pub(super) fn fail_if(
        &mut self,
        is_needed: impl Fn(&Needs) -> bool,
        failure: Failure,
        computation: &mut Computation<'_>,
    ) {
        let lost = self
            .figures
            .extract_if(.., |running| is_needed(&running.figure.needs()));
        let lost: Vec<_> = lost
            .flat_map(|running| running.figure.snapshots())
            .copied()
            .collect();
        computation.results.or_fail::<()>(&lost, Err(failure));
    }

    /// Lets each figure write its snapshots; `read` is the result of a pass whose counts nothing else needs.
    pub(super) async fn finish_pass(
        self,
        read: Result<S::Counts>,
        computation: &mut Computation<'_>,
    ) {
        let read = read.map_err(Failure::from);
        let counts = read.as_ref().map_err(Clone::clone);
        self.finish(counts, computation).await;
    }

    /// Lets each figure write its snapshots; `read` is the result of the pass.
    pub(super) async fn finish(
        mut self,
        read: Result<&S::Counts, Failure>,
        computation: &mut Computation<'_>,
    ) {
        let counts = match read {
            Ok(counts) => counts,
            Err(failure) => return self.fail_if(|_| true, failure, computation),
        };
        for Running { figure, error, .. } in self.figures {
            let taken = error.map_or(Ok(()), Err);
            let snapshots = figure.snapshots();
            if computation.results.or_fail(snapshots, taken).is_some() {
                figure.finish(counts, computation).await;
            }
        }
    }
}

/// A future that has nothing to wait for.
pub(super) fn done<'a>() -> BoxFuture<'a, ()> {
    Box::pin(std::future::ready(()))
}
