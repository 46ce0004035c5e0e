//! The oracle's counts, new members and types against answers written by hand, a rule at a time.

use testkit::library::{Library, Member, MemberType};

use crate::rows::{data, date, member};

fn with_members(members: impl IntoIterator<Item = Member>) -> Library {
    Library {
        members: members.into_iter().collect(),
        ..Library::empty()
    }
}

fn until(expire_date: &str, is_pending: bool) -> Member {
    Member {
        expire_date: date(expire_date),
        is_pending,
        ..member("M", "N", None)
    }
}

#[test]
fn members_are_pending_or_active_until_the_last_day_or_expired() {
    assert_eq!(
        data(&Library::empty(), "members/counts"),
        r#"{"total":0,"active":0,"expired":0,"pending":0,"new_this_month":0,"new_this_year":0}"#
    );
    let states = |members: Vec<Member>| data(&with_members(members), "members/counts");
    let one = |active, expired, pending| {
        format!(
            r#"{{"total":1,"active":{active},"expired":{expired},"pending":{pending},"new_this_month":0,"new_this_year":0}}"#
        )
    };
    for (day, active) in [
        ("2026-03-10", 0),
        ("2026-03-11", 1),
        ("2026-03-12", 1),
        ("0000-00-00", 0),
        ("2026-00-00", 0),
        ("2027-00-00", 0),
        ("2026-04-00", 0),
        ("9999-12-31", 1),
    ] {
        let valid = states(vec![until(day, false)]);
        assert_eq!(valid, one(active, 1 - active, 0), "{day}");
        assert_eq!(states(vec![until(day, true)]), one(0, 0, 1), "{day}");
    }
}

/// A member with a typed first day and a day of entry.
fn since(typed: &str, entered: &str) -> Member {
    let date = |text: &str| (!text.is_empty()).then(|| date(text));
    Member {
        member_since_date: date(typed),
        input_date: date(entered),
        ..member("M", "N", None)
    }
}

#[test]
fn new_members_are_dated_by_what_was_typed_else_by_their_entry() {
    let pending = Member {
        is_pending: true,
        ..since("2026-03-11", "")
    };
    let library = with_members([
        since("2026-03-01", "2020-01-01"),
        since("", "2026-03-11"),
        since("0000-00-00", "2026-01-01"),
        since("2026-03-00", "2026-02-28"),
        since("2025-12-31", "2026-03-01"),
        since("2026-03-12", "2026-03-01"),
        since("", ""),
        since("", "0000-00-00"),
        since("2026-00-00", ""),
        since("2025-03-31", ""),
        pending,
    ]);
    assert_eq!(
        data(&library, "members/counts"),
        r#"{"total":11,"active":10,"expired":0,"pending":1,"new_this_month":3,"new_this_year":5}"#
    );
    let monthly = data(&library, "members/new/monthly");
    let start = r#"[{"month":"2025-04","total":0,"partial":false},"#;
    let end = r#"{"month":"2025-12","total":1,"partial":false},{"month":"2026-01","total":1,"partial":false},{"month":"2026-02","total":1,"partial":false},{"month":"2026-03","total":3,"partial":true}]"#;
    assert!(
        monthly.starts_with(start) && monthly.ends_with(end),
        "{monthly}"
    );
    assert_eq!(monthly.matches("month").count(), 12);
}

/// Members of several types.
fn types() -> Library {
    let typed = |member_type_id: Option<u32>, member: Member| Member {
        member_type_id,
        ..member
    };
    let row = |(member_type_id, name): (u32, &str)| MemberType {
        member_type_id,
        member_type_name: name.into(),
    };
    let types = [(10, "Dosen"), (1, "\"Siswa\""), (2, "Alumni")];
    Library {
        member_types: Some(types.map(row).into()),
        ..with_members([
            typed(Some(1), until("2026-03-11", false)),
            typed(Some(1), until("2026-03-11", true)),
            typed(Some(10), until("2026-03-10", false)),
            typed(None, until("2026-03-11", false)),
            typed(Some(9), until("2026-03-11", false)),
        ])
    }
}

#[test]
fn types_have_a_row_each_and_one_for_the_members_without() {
    let mut library = types();
    assert_eq!(
        data(&library, "members/types"),
        r#"[{"member_type":"\"Siswa\"","total":2,"active":1},{"member_type":"Alumni","total":0,"active":0},{"member_type":"Dosen","total":1,"active":0},{"member_type":null,"total":2,"active":2}]"#
    );
    library.member_types = None;
    assert_eq!(
        data(&library, "members/types"),
        r#"[{"member_type":"1","total":2,"active":1},{"member_type":"9","total":1,"active":1},{"member_type":"10","total":1,"active":0},{"member_type":null,"total":1,"active":1}]"#
    );
    library.member_types = Some(Vec::new());
    assert_eq!(
        data(&library, "members/types"),
        r#"[{"member_type":null,"total":5,"active":3}]"#
    );
    assert_eq!(
        data(&Library::empty(), "members/types"),
        r#"[{"member_type":null,"total":0,"active":0}]"#
    );
}
