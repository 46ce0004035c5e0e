//! The dirt of the field in small doses: one row in some thousands.

use chrono::{Days, NaiveDate};
use testkit::library::{Loan, Visit};
use testkit::wall::{WallDate, WallTime};

/// One row of so many is dirty.
const DIRTY: u32 = 2_000;

/// Zero dates, the future, late entries, ids in another case or with a space behind.
pub fn on_visit(visit: &mut Visit, day: NaiveDate) {
    if !visit.visitor_id.is_multiple_of(DIRTY) {
        return;
    }
    let year = visit.checkin_date.date.year;
    let id = visit.member_id.as_deref().unwrap_or_default();
    match visit.visitor_id / DIRTY % 6 {
        0 => visit.checkin_date = WallTime::default(),
        1 => visit.checkin_date = WallDate::new(year, 0, 0).at(0, 0, 0),
        2 => visit.checkin_date = WallDate::from(day + Days::new(4_000)).at(9, 0, 0),
        3 => visit.checkin_date = WallDate::from(day - Days::new(30)).at(9, 0, 0),
        4 => visit.member_id = Some(id.to_uppercase().into()),
        _ => visit.member_id = Some(format!("{id} ").into()),
    }
}

/// The same, and loans that were none.
pub fn on_loan(loan: &mut Loan, day: NaiveDate) {
    if !loan.loan_id.is_multiple_of(DIRTY) {
        return;
    }
    let id = loan.member_id.as_deref().unwrap_or_default();
    match loan.loan_id / DIRTY % 6 {
        0 => loan.loan_date = WallDate::default(),
        1 => loan.loan_date = WallDate::new(loan.loan_date.year, 0, 0),
        2 => loan.loan_date = WallDate::from(day + Days::new(4_000)),
        3 => loan.is_lent = false,
        4 => loan.member_id = Some(format!("{id} ").into()),
        _ => loan.item_code = None,
    }
}
