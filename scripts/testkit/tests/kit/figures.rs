//! The oracle's history, lending, hours and desk against answers written by hand, a rule at a time.

use chrono::{DateTime, TimeZone as _, Utc};
use testkit::generate::{Plan, Size, generate};
use testkit::library::{Library, Loan, Member, MemberType, Visit};
use testkit::oracle::Oracle;

use crate::rows::{data, date, loan, member, now, visit};

/// A library with a guest at each of the times.
fn visited_at<'a>(times: impl IntoIterator<Item = &'a str>) -> Library {
    let visits = (1..).zip(times);
    let visits = visits.map(|(id, at)| visit(id, None, "Tamu", None, at));
    Library {
        visits: visits.collect(),
        ..Library::empty()
    }
}

#[test]
fn daily_visits_cover_the_days_of_the_five_years() {
    let library = visited_at([
        "2021-12-31 23:59:59",
        "2022-01-01 00:00:00",
        "2026-03-10 23:59:59",
        "2026-03-11 00:00:00",
        "2026-03-11 23:59:59",
        "2026-03-12 00:00:00",
        "2026-00-00 00:00:00",
    ]);
    let daily = data(&library, "visitors/daily");
    let start = r#"[{"date":"2022-01-01","total":1,"partial":false},{"date":"2022-01-02","total":0,"partial":false},"#;
    assert!(daily.starts_with(start), "{daily:.200}");
    let end = r#"{"date":"2026-03-10","total":1,"partial":false},{"date":"2026-03-11","total":2,"partial":true}]"#;
    assert!(daily.ends_with(end));
    // Three years of 365 days, one of 366, and 70 days of 2026.
    assert_eq!(daily.matches("date").count(), 1531);
    assert_eq!(daily.matches(r#""total":0"#).count(), 1528);
}

/// The row of one hour; the weekdays are numbered from Monday = 1.
fn hour(library: &Library, weekday: usize, hour: usize) -> String {
    let rows: Vec<serde_json::Value> =
        serde_json::from_str(&data(library, "visitors/hours")).expect("rows");
    assert_eq!(rows.len(), 168);
    let row = &rows[(weekday - 1) * 24 + hour];
    let fields = [
        "open_days",
        "total",
        "cumulative_p25",
        "cumulative_p50",
        "cumulative_p75",
    ];
    assert_eq!(
        (&row["weekday"], &row["hour"]),
        (&weekday.into(), &hour.into())
    );
    fields.map(|field| row[field].to_string()).join(" ")
}

#[test]
fn hours_are_those_of_the_56_days_before_today() {
    // Wednesdays: the first day of the window, and today. Tuesdays: the day before the window, and the last day of it.
    let library = visited_at([
        "2026-01-14 00:00:00",
        "2026-03-11 08:00:00",
        "2026-01-13 23:59:59",
        "2026-03-10 23:59:59",
        "2026-02-00 08:00:00",
    ]);
    let hours = data(&library, "visitors/hours");
    let start = r#"[{"weekday":1,"hour":0,"open_days":0,"total":0,"cumulative_p25":null,"cumulative_p50":null,"cumulative_p75":null},{"weekday":1,"hour":1,"#;
    assert!(hours.starts_with(start), "{hours:.200}");
    assert_eq!(hour(&library, 2, 23), "1 1 null null null");
    assert_eq!(hour(&library, 2, 22), "1 0 null null null");
    assert_eq!(hour(&library, 3, 0), "1 1 null null null");
    assert_eq!(hour(&library, 3, 8), "1 0 null null null");
    assert_eq!(hours.matches(r#""total":1"#).count(), 2);
}

#[test]
fn percentiles_are_of_the_visits_since_midnight_on_each_open_day() {
    // Four Mondays, with 1, 2, 3 and 4 visits.
    let mondays = [
        "2026-03-09 08:00:00",
        "2026-03-02 08:00:00",
        "2026-03-02 08:59:59",
        "2026-02-23 09:00:00",
        "2026-02-23 09:00:00",
        "2026-02-23 09:59:59",
        "2026-02-16 10:00:00",
        "2026-02-16 10:00:00",
        "2026-02-16 10:00:00",
        "2026-02-16 10:00:00",
    ];
    let library = visited_at(mondays);
    assert_eq!(hour(&library, 1, 7), "4 0 0 0 0");
    assert_eq!(hour(&library, 1, 8), "4 3 0 0 1");
    assert_eq!(hour(&library, 1, 9), "4 3 0 1 2");
    assert_eq!(hour(&library, 1, 10), "4 4 1 2 3");
    assert_eq!(hour(&library, 1, 23), "4 0 1 2 3");
    let three_days = visited_at(mondays.into_iter().skip(1));
    assert_eq!(hour(&three_days, 1, 10), "3 4 null null null");
    // Of five days the second, the third and the fourth.
    let fifth = ["2026-02-09 11:00:00"; 5];
    let five_days = visited_at(mondays.into_iter().chain(fifth));
    assert_eq!(hour(&five_days, 1, 11), "5 5 2 3 4");
    assert_eq!(hour(&five_days, 1, 10), "5 4 1 2 3");
}

#[test]
fn hours_are_as_written_over_the_new_year_and_where_clocks_change() {
    let library = visited_at([
        "2025-12-31 23:30:00",
        "2026-01-01 00:30:00",
        "2025-12-06 08:00:00",
        "2025-12-05 08:00:00",
        // A Sunday without an hour 2, and one with two of them.
        "2026-03-29 02:30:00",
        "2026-10-25 02:30:00",
        "2026-10-25 02:30:00",
    ]);
    let zone = chrono_tz::Europe::Zurich;
    let at = |year, month, day| -> DateTime<Utc> {
        let morning = zone.with_ymd_and_hms(year, month, day, 10, 0, 0);
        morning.single().expect("a moment").to_utc()
    };
    let rows = |now, rows: [&str; 3]| {
        let hours = Oracle::new(&library, now, zone).data("visitors/hours");
        let totals = hours.matches(r#""total":0,"#).count();
        assert_eq!(
            totals + rows.iter().filter(|row| !row.is_empty()).count(),
            168
        );
        for row in rows {
            assert!(hours.contains(row), "{row}");
        }
    };
    rows(
        at(2026, 1, 31),
        [
            r#""weekday":3,"hour":23,"open_days":1,"total":1,"#,
            r#""weekday":4,"hour":0,"open_days":1,"total":1,"#,
            r#""weekday":6,"hour":8,"open_days":1,"total":1,"#,
        ],
    );
    rows(
        at(2026, 4, 1),
        [r#""weekday":7,"hour":2,"open_days":1,"total":1,"#, "", ""],
    );
    rows(
        at(2026, 11, 1),
        [r#""weekday":7,"hour":2,"open_days":1,"total":2,"#, "", ""],
    );
}

fn typed(id: &str, member_type_id: impl Into<Option<u32>>) -> Member {
    Member {
        member_type_id: member_type_id.into(),
        ..member(id, "Nama", None)
    }
}

/// Visits of members of several types in February and March.
fn types() -> Library {
    let ids = [
        Some("m1 "),
        Some("M1"),
        Some("m2"),
        Some("M3"),
        Some("M4"),
        Some("gone"),
        Some("GONE "),
        Some("  "),
        Some(""),
        None,
    ];
    let march = (1..).zip(ids);
    let march = march.map(|(id, member)| visit(id, member, "Nama", None, "2026-03-11 23:59:59"));
    let others: [(&str, &str); 3] = [
        ("M1", "2026-02-28 23:59:59"),
        ("M1", "2026-03-12 00:00:00"),
        ("M1", "2025-03-31 23:59:59"),
    ];
    let others = (20..).zip(others);
    let others: Vec<Visit> = others
        .map(|(id, (member, at))| visit(id, member, "Nama", None, at))
        .collect();
    let row = |(member_type_id, name): (u32, &str)| MemberType {
        member_type_id,
        member_type_name: name.into(),
    };
    Library {
        visits: march.chain(others).collect(),
        members: vec![
            typed("M1", 1),
            typed("M2", 10),
            typed("M3", None),
            typed("M4", 9),
        ],
        member_types: Some(
            [(10, "Dosen"), (1, "\"Siswa\""), (2, "Alumni")]
                .map(row)
                .into(),
        ),
        ..Library::empty()
    }
}

#[test]
fn monthly_types_have_a_row_for_each_type_then_unknown_and_guests() {
    let types = data(&types(), "visitors/monthly/types");
    let start = r#"[{"month":"2025-04","kind":"member","member_type":"\"Siswa\"","visits":0,"unique_members":0,"partial":false},"#;
    assert!(types.starts_with(start), "{types}");
    let february = r#"{"month":"2026-02","kind":"member","member_type":"\"Siswa\"","visits":1,"unique_members":1,"partial":false},"#;
    assert!(types.contains(february), "{types}");
    let march = r#"{"month":"2026-03","kind":"member","member_type":"\"Siswa\"","visits":2,"unique_members":1,"partial":true},{"month":"2026-03","kind":"member","member_type":"Alumni","visits":0,"unique_members":0,"partial":true},{"month":"2026-03","kind":"member","member_type":"Dosen","visits":1,"unique_members":1,"partial":true},{"month":"2026-03","kind":"unknown","member_type":null,"visits":4,"unique_members":3,"partial":true},{"month":"2026-03","kind":"guest","member_type":null,"visits":3,"unique_members":null,"partial":true}]"#;
    assert!(types.ends_with(march), "{types}");
    assert_eq!(types.matches("month").count(), 12 * 5);
}

#[test]
fn without_their_table_the_types_are_those_of_the_members() {
    let library = Library {
        member_types: None,
        ..types()
    };
    let types = data(&library, "visitors/monthly/types");
    let march = r#"{"month":"2026-03","kind":"member","member_type":"1","visits":2,"unique_members":1,"partial":true},{"month":"2026-03","kind":"member","member_type":"9","visits":1,"unique_members":1,"partial":true},{"month":"2026-03","kind":"member","member_type":"10","visits":1,"unique_members":1,"partial":true},{"month":"2026-03","kind":"unknown","member_type":null,"visits":3,"unique_members":2,"partial":true},{"month":"2026-03","kind":"guest","#;
    assert!(types.contains(march), "{types}");
    assert_eq!(types.matches("month").count(), 12 * 5);
}

#[test]
fn an_empty_table_of_types_leaves_unknown_and_guests() {
    let library = Library {
        member_types: Some(Vec::new()),
        ..types()
    };
    let types = data(&library, "visitors/monthly/types");
    let march = r#"{"month":"2026-03","kind":"unknown","member_type":null,"visits":7,"unique_members":5,"partial":true},{"month":"2026-03","kind":"guest","member_type":null,"visits":3,"unique_members":null,"partial":true}]"#;
    assert!(types.ends_with(march), "{types}");
    assert_eq!(types.matches("month").count(), 12 * 2);
}

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

/// The numbers of one field in all rows, `null` left out, by the start of another.
fn sums(library: &Library, path: &str, by: &str, length: usize, field: &str) -> Vec<(String, u64)> {
    let rows: Vec<serde_json::Value> = serde_json::from_str(&data(library, path)).expect("rows");
    let mut sums: Vec<(String, u64)> = Vec::new();
    for row in rows {
        let key: String = row[by]
            .to_string()
            .replace('"', "")
            .chars()
            .take(length)
            .collect();
        let number = row[field].as_u64().unwrap_or_default();
        match sums.last_mut().filter(|(last, _)| *last == key) {
            Some((_, sum)) => *sum += number,
            None => sums.push((key, number)),
        }
    }
    sums
}

#[test]
fn a_generated_library_moves_every_figure_and_its_parts_add_up() {
    let library = generate(&Plan {
        size: Size::Tiny,
        years: 6,
        now: now().with_timezone(&crate::rows::ZONE).naive_local(),
        seed: 7,
        dirty: true,
    });
    for group in ["visitors", "books/loans"] {
        let path = |series: &str| format!("{group}/{series}");
        let days = |length| sums(&library, &path("daily"), "date", length, "total");
        assert_eq!(days(4), sums(&library, &path("yearly"), "year", 4, "total"));
        let months = sums(&library, &path("monthly"), "month", 7, "total");
        assert!(days(7).ends_with(&months), "{months:?}");
        let week = sums(&library, &path("weekly"), "date", 10, "total");
        assert!(days(10).ends_with(&week), "{week:?}");
    }
    let types = sums(&library, "visitors/monthly/types", "month", 7, "visits");
    assert_eq!(
        types,
        sums(&library, "visitors/monthly", "month", 7, "total")
    );
    let types = data(&library, "visitors/monthly/types");
    for kind in ["\"Mahasiswa\"", "\"\"", "null"] {
        let visits = format!(r#""member_type":{kind},"visits":"#);
        let empty = types.matches(&format!("{visits}0,")).count();
        assert!(types.matches(&visits).count() > empty, "{kind}: {types}");
    }
    assert!(
        !types.contains("Dosen\"") && types.contains("Kehormatan"),
        "{types}"
    );
    let hours = data(&library, "visitors/hours");
    assert!(
        hours.contains(r#""weekday":7,"hour":23,"open_days":3,"#),
        "{hours}"
    );
    for weekday in 1..=6 {
        assert_ne!(
            hour(&library, weekday, 23).split(' ').next_back(),
            Some("null")
        );
    }
    for at in 0..24 {
        let total = |weekday| hour(&library, weekday, at).split(' ').nth(1) != Some("0");
        assert!((1..=7).any(total), "there are visits at {at} o'clock");
    }
    let circulation = data(&library, "books/circulation");
    assert!(!circulation.contains(":0"), "{circulation}");
}
