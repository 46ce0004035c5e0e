//! The circulation: what is on loan, overdue and due today, and what was lent and returned today. The daily pass finds
//! the loans, and a first round counts them.

use crate::mysql::loans::Loan;
use crate::snapshots::computation::Computation;
use crate::snapshots::counts::Counts;
use crate::snapshots::figure::{Figure, Loans};
use crate::snapshots::needs::Needs;
use crate::snapshots::open_loans::OpenLoans;
use crate::window::Window;
use anyhow::Result;
use chrono::NaiveDate;
use futures_util::future::BoxFuture;
use shared::catalog::Snapshot;
use shared::rows::books::Circulation;

/// Finds the current loans in the daily pass.
pub(super) struct CirculationFigure {
    today: NaiveDate,
    ids: Vec<i64>,
    greatest: i64,
}

impl CirculationFigure {
    pub(super) fn new(today: NaiveDate) -> Self {
        Self {
            today,
            ids: Vec::new(),
            greatest: 0,
        }
    }
}

impl Figure<Loans> for CirculationFigure {
    fn name(&self) -> &'static str {
        "the circulation"
    }

    fn snapshots(&self) -> &'static [Snapshot] {
        &[Snapshot::Circulation]
    }

    fn needs(&self) -> Needs {
        Needs {
            columns: vec![
                ("loan", "is_return"),
                ("loan", "due_date"),
                ("loan", "return_date"),
            ],
            rows: Some(Window::until(self.today)),
            ..Needs::default()
        }
    }

    fn add(&mut self, loan: &Loan<'_>) -> Result<()> {
        self.greatest = self.greatest.max(loan.id);
        if loan.is_current {
            self.ids.push(loan.id);
        }
        Ok(())
    }

    fn finish<'a>(
        self: Box<Self>,
        _: &'a Counts,
        computation: &'a mut Computation<'_>,
    ) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let circulation = self.first_round(computation).await;
            let results = &mut computation.results;
            results.computed_or_failed(Snapshot::Circulation, circulation);
        })
    }
}

impl CirculationFigure {
    async fn first_round(
        self: Box<Self>,
        computation: &mut Computation<'_>,
    ) -> Result<Circulation> {
        let request = computation.request;
        let Self { ids, greatest, .. } = *self;
        let session = &mut *computation.session;
        let open = OpenLoans::new(session, ids, greatest, request.began_at).await?;
        let (counted, next) = open.round(session, request.today).await?;
        request.tracked.set(next);
        Ok(counted)
    }
}
