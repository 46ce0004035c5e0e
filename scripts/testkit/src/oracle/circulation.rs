//! What is on loan now, and what the desk has done today.

use chrono::NaiveDate;

use crate::library::{Library, Loan};
use crate::wall_clock::WallDate;

/// The loans that are out, whatever their date, and today's.
pub(crate) fn circulation(library: &Library, today: NaiveDate) -> String {
    let lent = || library.loans.iter().filter(|loan| loan.is_lent);
    let out = || lent().filter(|loan| !loan.is_return);
    let returned_on = |loan: &Loan| loan.return_date.and_then(WallDate::calendar);
    let due = |loan: &Loan| loan.due_date.calendar();
    format!(
        r#"{{"on_loan":{},"overdue":{},"due_today":{},"lent_today":{},"returned_today":{}}}"#,
        out().count(),
        out()
            .filter(|loan| due(loan).is_some_and(|day| day < today))
            .count(),
        out().filter(|loan| due(loan) == Some(today)).count(),
        lent()
            .filter(|loan| loan.loan_date.calendar() == Some(today))
            .count(),
        lent()
            .filter(|loan| loan.is_return && returned_on(loan) == Some(today))
            .count(),
    )
}
