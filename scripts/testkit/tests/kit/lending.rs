//! The oracle's loans and circulation against answers written by hand, a rule at a time.

use testkit::library::{Library, Loan};

use crate::rows::{data, date, loan};

#[test]
fn loans_count_by_the_day_that_they_were_lent_and_borrowers_once_a_month() {
    let loans = vec![
        loan(1, None, "a1", "2026-03-11"),
        loan(2, None, "A1 ", "2026-03-05"),
        loan(3, None, "b1", "2026-03-04"),
        loan(4, None, None, "2026-03-11"),
        loan(5, None, " ", "2026-03-01"),
        loan(6, None, "a1", "2026-02-28"),
        loan(7, None, "c1", "2026-03-12"),
        loan(8, None, "d1", "2026-03-00"),
        loan(9, None, "e1", "2021-12-31"),
        loan(10, None, "f1", "2022-01-01"),
    ];
    let never = Loan {
        is_lent: false,
        ..loan(11, None, "g1", "2026-03-11")
    };
    let library = Library {
        loans: loans.into_iter().chain([never]).collect(),
        ..Library::empty()
    };
    assert_eq!(
        data(&library, "books/loans/weekly"),
        r#"[{"date":"2026-03-05","total":1,"partial":false},{"date":"2026-03-06","total":0,"partial":false},{"date":"2026-03-07","total":0,"partial":false},{"date":"2026-03-08","total":0,"partial":false},{"date":"2026-03-09","total":0,"partial":false},{"date":"2026-03-10","total":0,"partial":false},{"date":"2026-03-11","total":2,"partial":true}]"#
    );
    let monthly = data(&library, "books/loans/monthly");
    let start = r#"[{"month":"2025-04","total":0,"unique_borrowers":0,"partial":false},"#;
    let end = r#"{"month":"2026-02","total":1,"unique_borrowers":1,"partial":false},{"month":"2026-03","total":5,"unique_borrowers":2,"partial":true}]"#;
    assert!(
        monthly.starts_with(start) && monthly.ends_with(end),
        "{monthly}"
    );
    assert_eq!(
        data(&library, "books/loans/yearly"),
        r#"[{"year":2022,"total":1,"partial":false},{"year":2023,"total":0,"partial":false},{"year":2024,"total":0,"partial":false},{"year":2025,"total":0,"partial":false},{"year":2026,"total":6,"partial":true}]"#
    );
    let daily = data(&library, "books/loans/daily");
    let start = r#"[{"date":"2022-01-01","total":1,"partial":false},"#;
    let end = r#"{"date":"2026-03-11","total":2,"partial":true}]"#;
    assert!(daily.starts_with(start) && daily.ends_with(end));
    assert_eq!(daily.matches("date").count(), 1531);
}

/// The circulation of a library with one loan, made on 1 March and due on 20 March: what is on loan, overdue, due today,
/// lent today and returned today.
fn circulation(change: impl FnOnce(&mut Loan)) -> [u64; 5] {
    let mut row = loan(1, None, "a1", "2026-03-01");
    row.due_date = date("2026-03-20");
    change(&mut row);
    let library = Library {
        loans: vec![row],
        ..Library::empty()
    };
    let json: serde_json::Value =
        serde_json::from_str(&data(&library, "books/circulation")).expect("an object");
    let fields = [
        "on_loan",
        "overdue",
        "due_today",
        "lent_today",
        "returned_today",
    ];
    fields.map(|field| json[field].as_u64().expect("a number"))
}

#[test]
fn circulation_counts_what_is_out_and_when_it_is_due() {
    assert_eq!(
        data(&Library::empty(), "books/circulation"),
        r#"{"on_loan":0,"overdue":0,"due_today":0,"lent_today":0,"returned_today":0}"#
    );
    assert_eq!(circulation(|_| ()), [1, 0, 0, 0, 0]);
    assert_eq!(circulation(|loan| loan.is_lent = false), [0; 5]);
    for any in ["2026-03-12", "0000-00-00", "2021-01-01"] {
        assert_eq!(
            circulation(|loan| loan.loan_date = date(any)),
            [1, 0, 0, 0, 0]
        );
    }
    // A renewal leaves the date of return.
    let renew = |loan: &mut Loan| loan.return_date = Some(date("2026-03-11"));
    assert_eq!(circulation(renew), [1, 0, 0, 0, 0]);
    for (due, overdue, due_today) in [
        ("2026-03-10", 1, 0),
        ("2026-03-11", 0, 1),
        ("2026-03-12", 0, 0),
        ("0000-00-00", 0, 0),
        ("2026-03-00", 0, 0),
    ] {
        let due = date(due);
        assert_eq!(
            circulation(|loan| loan.due_date = due),
            [1, overdue, due_today, 0, 0]
        );
        let back = circulation(|loan| (loan.due_date, loan.is_return) = (due, true));
        assert_eq!(back, [0; 5], "{due}");
    }
}

#[test]
fn circulation_counts_what_was_lent_and_returned_today() {
    let today = date("2026-03-11");
    assert_eq!(circulation(|loan| loan.loan_date = today), [1, 0, 0, 1, 0]);
    let give_back = |on: &str| (true, Some(date(on)));
    let back = circulation(|loan| (loan.is_return, loan.return_date) = give_back("2026-03-11"));
    assert_eq!(back, [0, 0, 0, 0, 1]);
    let both = circulation(|loan| {
        loan.loan_date = today;
        (loan.is_return, loan.return_date) = give_back("2026-03-11");
    });
    assert_eq!(both, [0, 0, 0, 1, 1]);
    for other in ["2026-03-10", "2026-03-12", "0000-00-00"] {
        let back = circulation(|loan| (loan.is_return, loan.return_date) = give_back(other));
        assert_eq!(back, [0; 5], "{other}");
    }
    assert_eq!(circulation(|loan| loan.is_return = true), [0; 5]);
    let never = circulation(|loan| {
        (loan.loan_date, loan.is_lent) = (today, false);
        (loan.is_return, loan.return_date) = give_back("2026-03-11");
    });
    assert_eq!(never, [0; 5]);
}
