//! The list of figures. One pass over a table serves every figure that needs it.

use crate::mysql::connection::Session;
use crate::snapshots::circulation::CirculationFigure;
use crate::snapshots::computation::{Computation, ComputeRequest, Failures, Sink};
use crate::snapshots::figure::{Figure, Loans, Visits};
use crate::snapshots::loan_months::LoanMonths;
use crate::snapshots::loan_series::LoanSeries;
use crate::snapshots::top_borrowers::TopBorrowers;
use crate::snapshots::top_titles::TopTitles;
use crate::snapshots::top_visitors::TopVisitors;
use crate::snapshots::visit_hours::VisitHours;
use crate::snapshots::visit_series::VisitSeries;
use crate::snapshots::visit_types::VisitTypes;
use crate::snapshots::{loan_pass, visit_pass};
use chrono::NaiveDate;
use shared::catalog::Group;

/// The figures that are made from visits.
fn of_visits(today: NaiveDate) -> Vec<Box<dyn Figure<Visits>>> {
    vec![
        Box::new(VisitSeries),
        Box::new(VisitHours::new(today)),
        Box::new(VisitTypes::new(today)),
        Box::new(TopVisitors),
    ]
}

/// The figures that are made from loans.
fn of_loans(today: NaiveDate) -> Vec<Box<dyn Figure<Loans>>> {
    vec![
        Box::new(LoanSeries),
        Box::new(LoanMonths),
        Box::new(TopBorrowers),
        Box::new(TopTitles::new(today)),
        Box::new(CirculationFigure::new(today)),
    ]
}

/// Computes the requested snapshots of `group` and passes each to `sink`. Returns those that failed. A missing table or
/// column costs only the snapshots that need it.
pub async fn compute(
    group: Group,
    session: &mut Session,
    request: &ComputeRequest<'_>,
    sink: Sink<'_>,
) -> Failures {
    let mut computation = Computation::new(session, request, sink);
    match group {
        Group::Visitors => {
            let figures = of_visits(request.today);
            Box::pin(visit_pass::run(figures, &mut computation)).await;
        }
        Group::Books => {
            let figures = of_loans(request.today);
            Box::pin(loan_pass::run(figures, &mut computation)).await;
            Box::pin(computation.collection()).await;
        }
    }
    computation.into_failures()
}
