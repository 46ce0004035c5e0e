//! The oracle's institutions and rooms against answers written by hand, a rule at a time.

use testkit::library::{Library, Room, Visit};
use testkit::oracle::Oracle;

use crate::rows::{ZONE, data, member, now, text, visit};

const NOBODY: &str = r#"{"kind":"other","institution":null,"visits":0,"unique_members":0},{"kind":"none","institution":null,"visits":0,"unique_members":0}]"#;

/// Visits of members, guests and former members of several institutions.
fn institutions() -> Library {
    let visits = vec![
        visit(1, "m1 ", "N", "Old", "2026-03-01 00:00:00"),
        visit(2, "M1", "N", "Old", "2026-03-11 23:59:59"),
        visit(3, "M2", "N", None, "2026-03-02 08:00:00"),
        visit(4, None, "N", "fakultas hukum\t", "2026-03-02 08:00:00"),
        // One former member, of two institutions.
        visit(5, "G1", "N", "Umum", "2026-03-02 08:00:00"),
        visit(6, "g1 ", "N", "Alumni", "2026-03-02 08:00:00"),
        // The institution of an existing member is not the copy, not even if it is blank.
        visit(7, "M3", "N", "Umum", "2026-03-02 08:00:00"),
        visit(8, " ", "N", "umum", "2026-03-02 08:00:00"),
        visit(9, None, "N", " \t", "2026-03-02 08:00:00"),
        visit(10, None, "N", None, "2026-03-02 08:00:00"),
        visit(11, "M4", "N", None, "2026-03-12 00:00:00"),
        visit(12, "M4", "N", None, "2026-02-28 23:59:59"),
        visit(13, "M4", "N", None, "2026-03-00 00:00:00"),
        visit(14, "M4", "N", None, "2025-12-31 23:59:59"),
    ];
    let members = vec![
        member("M1", "N", "Fakultas Hukum"),
        member("M2", "N", " FAKULTAS HUKUM "),
        member("M3", "N", None),
        member("M4", "N", "Umum"),
    ];
    Library {
        visits,
        members,
        ..Library::empty()
    }
}

#[test]
fn institutions_are_those_of_members_now_and_of_others_at_the_visit() {
    let library = institutions();
    assert_eq!(
        data(&library, "visitors/institutions/month"),
        r#"[{"kind":"named","institution":"Fakultas Hukum","visits":4,"unique_members":2},{"kind":"named","institution":"Umum","visits":2,"unique_members":1},{"kind":"named","institution":"Alumni","visits":1,"unique_members":1},{"kind":"other","institution":null,"visits":0,"unique_members":0},{"kind":"none","institution":null,"visits":3,"unique_members":1}]"#
    );
    assert_eq!(
        data(&library, "visitors/institutions/year"),
        r#"[{"kind":"named","institution":"Fakultas Hukum","visits":4,"unique_members":2},{"kind":"named","institution":"Umum","visits":3,"unique_members":2},{"kind":"named","institution":"Alumni","visits":1,"unique_members":1},{"kind":"other","institution":null,"visits":0,"unique_members":0},{"kind":"none","institution":null,"visits":3,"unique_members":1}]"#
    );
    assert_eq!(
        data(&Library::empty(), "visitors/institutions/year"),
        format!("[{NOBODY}")
    );
}

#[test]
fn the_periods_of_institutions_and_rooms_are_a_month_and_a_year() {
    let library = Library::empty();
    let oracle = Oracle::new(&library, now(), ZONE);
    for figure in ["visitors/institutions", "visitors/rooms"] {
        let period = |window: &str| oracle.period(&format!("{figure}/{window}"));
        assert_eq!(period("month").as_deref(), Some("2026-03"));
        assert_eq!(period("year").as_deref(), Some("2026"));
    }
    for path in ["books/growth/monthly", "members/new/monthly", "books/new"] {
        assert_eq!(oracle.period(path), None, "{path}");
    }
}

#[test]
fn an_institution_is_spelled_as_on_most_visits() {
    let spelled = |spellings: &[&str]| {
        let visits = (1..).zip(spellings);
        let visits = visits.map(|(id, it)| visit(id, None, "N", *it, "2026-03-02 08:00:00"));
        let library = Library {
            visits: visits.collect(),
            ..Library::empty()
        };
        data(&library, "visitors/institutions/month")
    };
    let row = |name: &str, visits: usize| {
        format!(
            r#"[{{"kind":"named","institution":"{name}","visits":{visits},"unique_members":0}},{NOBODY}"#
        )
    };
    assert_eq!(spelled(&["SMA é", "sma E", "sma E "]), row("sma E", 3));
    assert_eq!(spelled(&["sma", "Sma", "SMA"]), row("SMA", 3));
    assert_eq!(spelled(&["SMA", " sma", "sma\r\n"]), row("sma", 3));
}

#[test]
fn twenty_institutions_are_named_and_the_rest_are_one_row() {
    let at = "2026-03-02 08:00:00";
    let mut visits: Vec<Visit> = (1..=22)
        .map(|id| {
            let member = (id > 20).then_some("gone");
            visit(id, member, "N", &*format!("I{id:02}"), at)
        })
        .collect();
    visits.extend([
        visit(30, None, "N", "i00", at),
        visit(31, None, "N", "Z", at),
        visit(32, None, "N", "Z", at),
    ]);
    let library = Library {
        visits,
        ..Library::empty()
    };
    let row = |name: String, visits: u32| {
        format!(r#"{{"kind":"named","institution":"{name}","visits":{visits},"unique_members":0}}"#)
    };
    let mut rows = vec![row("Z".to_owned(), 2)];
    rows.extend((1..=19).map(|id| row(format!("I{id:02}"), 1)));
    let rows = rows.join(",");
    assert_eq!(
        data(&library, "visitors/institutions/month"),
        format!(
            r#"[{rows},{{"kind":"other","institution":null,"visits":4,"unique_members":1}},{{"kind":"none","institution":null,"visits":0,"unique_members":0}}]"#
        )
    );
}

/// Visits in several rooms.
fn rooms() -> Library {
    let codes: [(Option<&str>, &str); 14] = [
        (Some("R01"), "2026-03-01 00:00:00"),
        (Some("r01 "), "2026-03-11 23:59:59"),
        (Some(" R01"), "2026-03-02 08:00:00"),
        (Some("x9"), "2026-03-02 08:00:00"),
        (Some("X9"), "2026-03-02 08:00:00"),
        (Some("É1"), "2026-03-02 08:00:00"),
        (Some("e1"), "2026-03-02 08:00:00"),
        (Some(""), "2026-03-02 08:00:00"),
        (Some(" \t"), "2026-03-02 08:00:00"),
        (None, "2026-03-02 08:00:00"),
        (Some("R7"), "2026-03-12 00:00:00"),
        (Some("R8"), "2026-02-28 23:59:59"),
        (Some("R7"), "2026-03-00 00:00:00"),
        (Some("R7"), "2025-12-31 23:59:59"),
    ];
    let visits = (1..).zip(codes).map(|(id, (code, at))| Visit {
        room_code: text(code),
        ..visit(id, None, "N", None, at)
    });
    let rows = [
        (1, "Ruang \"Baca\" ", "r01 "),
        (2, "", "E1"),
        (3, "Kosong", "R7"),
    ];
    let room = |(id, name, code): (u32, &str, &str)| Room {
        id,
        name: name.into(),
        unique_code: code.into(),
    };
    Library {
        visits: visits.collect(),
        rooms: Some(rows.map(room).into()),
        ..Library::empty()
    }
}

#[test]
fn rooms_are_spelled_and_named_as_in_their_table() {
    let library = rooms();
    assert_eq!(
        data(&library, "visitors/rooms/month"),
        r#"[{"room":"r01","name":"Ruang \"Baca\" ","visits":3},{"room":"E1","name":"","visits":2},{"room":"X9","name":null,"visits":2},{"room":null,"name":null,"visits":3}]"#
    );
    assert_eq!(
        data(&library, "visitors/rooms/year"),
        r#"[{"room":"r01","name":"Ruang \"Baca\" ","visits":3},{"room":"E1","name":"","visits":2},{"room":"X9","name":null,"visits":2},{"room":"R8","name":null,"visits":1},{"room":null,"name":null,"visits":3}]"#
    );
}

#[test]
fn without_their_table_rooms_have_their_smallest_spelling_and_no_name() {
    let mut library = rooms();
    library.rooms = None;
    let nameless = r#"[{"room":"R01","name":null,"visits":3},{"room":"X9","name":null,"visits":2},{"room":"e1","name":null,"visits":2},{"room":null,"name":null,"visits":3}]"#;
    assert_eq!(data(&library, "visitors/rooms/month"), nameless);
    library.rooms = Some(Vec::new());
    assert_eq!(data(&library, "visitors/rooms/month"), nameless);
    assert_eq!(
        data(&Library::empty(), "visitors/rooms/month"),
        r#"[{"room":null,"name":null,"visits":0}]"#
    );
}
