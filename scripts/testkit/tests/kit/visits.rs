//! The oracle's days, hours and types of visitors against answers written by hand, a rule at a time.

use chrono::{DateTime, TimeZone as _, Utc};
use testkit::library::{Library, Member, MemberType, Visit};
use testkit::oracle::Oracle;

use crate::rows::{data, hour, member, visit};

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
