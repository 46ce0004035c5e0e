//! The oracle against libraries made by hand and answers written by hand, a rule at a time.

use chrono::{TimeZone as _, Utc};
use testkit::library::{Biblio, Library};
use testkit::oracle::{Names, Oracle, PATHS};

use crate::rows::{ZONE, biblio, data, history, item, loan, member, now, visit};

#[test]
fn an_empty_library_has_zeros_and_empty_lists() {
    let library = Library::empty();
    assert_eq!(
        data(&library, "books/collection"),
        r#"{"total_titles":0,"total_items":0}"#
    );
    for path in PATHS.iter().filter(|path| path.contains("top")) {
        assert_eq!(data(&library, path), "[]", "{path}");
    }
    assert_eq!(
        data(&library, "visitors/yearly"),
        r#"[{"year":2022,"total":0,"partial":false},{"year":2023,"total":0,"partial":false},{"year":2024,"total":0,"partial":false},{"year":2025,"total":0,"partial":false},{"year":2026,"total":0,"partial":true}]"#
    );
    let monthly = data(&library, "visitors/monthly");
    assert!(
        monthly.starts_with(r#"[{"month":"2025-04","total":0,"partial":false},"#),
        "{monthly}"
    );
    assert!(
        monthly.ends_with(r#"{"month":"2026-03","total":0,"partial":true}]"#),
        "{monthly}"
    );
    assert_eq!(monthly.matches("month").count(), 12);
}

#[test]
fn series_count_every_row_within_their_bounds() {
    let times = [
        "2026-03-04 23:59:59",
        "2026-03-05 00:00:00",
        "2026-03-11 10:00:01",
        "2026-03-11 23:59:59",
        "2026-03-12 00:00:00",
        "0000-00-00 00:00:00",
        "2026-00-00 00:00:00",
        "2026-03-00 00:00:00",
        "2027-00-00 00:00:00",
    ];
    let visits = (1..)
        .zip(times)
        .map(|(id, at)| visit(id, None, "Tamu", None, at))
        .collect();
    let library = Library {
        visits,
        ..Library::empty()
    };
    let weekly = data(&library, "visitors/weekly");
    assert!(
        weekly.starts_with(r#"[{"date":"2026-03-05","total":1,"partial":false},"#),
        "{weekly}"
    );
    assert!(
        weekly.ends_with(r#"{"date":"2026-03-11","total":2,"partial":true}]"#),
        "{weekly}"
    );
    assert!(
        data(&library, "visitors/monthly")
            .ends_with(r#"{"month":"2026-03","total":4,"partial":true}]"#)
    );
    assert!(
        data(&library, "visitors/yearly").ends_with(r#"{"year":2026,"total":4,"partial":true}]"#)
    );
    let oracle = Oracle::new(&library, now(), ZONE);
    assert_eq!(
        (oracle.today_total(), oracle.today_date()),
        (2, "2026-03-11".to_owned())
    );
}

#[test]
fn the_day_is_the_zones() {
    let library = Library::empty();
    let late = Utc
        .with_ymd_and_hms(2025, 12, 31, 17, 0, 0)
        .single()
        .expect("a moment");
    let oracle = Oracle::new(&library, late, ZONE);
    assert_eq!(oracle.today_date(), "2026-01-01");
    assert_eq!(
        oracle.period("visitors/monthly/top").as_deref(),
        Some("2026-01")
    );
    assert_eq!(
        oracle.period("books/top-borrowers/year").as_deref(),
        Some("2026")
    );
    assert_eq!(oracle.period("books/top-borrowed"), None);
    let new_york = chrono_tz::America::New_York;
    let gap = new_york
        .with_ymd_and_hms(2026, 3, 8, 23, 30, 0)
        .single()
        .expect("a moment")
        .to_utc();
    assert_eq!(
        Oracle::new(&library, gap, new_york).today_date(),
        "2026-03-08"
    );
}

#[test]
fn top_visitors_group_by_the_collation_and_show_the_member_table() {
    let visits = vec![
        visit(1, "m001 ", "Old Name", "Old", "2026-03-02 08:00:00"),
        visit(2, "M001", "Old Name", "Old", "2026-03-01 00:00:00"),
        visit(3, "É77", "X", None, "2026-03-03 08:00:00"),
        visit(4, "e77", "X", None, "2026-03-11 23:59:59"),
        visit(5, "", "Tamu", None, "2026-03-03 08:00:00"),
        visit(6, "  ", "Tamu", None, "2026-03-03 08:00:00"),
        visit(7, None, "Tamu", None, "2026-03-03 08:00:00"),
        visit(8, "M001", "Old Name", None, "2026-02-28 23:59:59"),
        visit(9, "M001", "Old Name", None, "2026-03-12 00:00:00"),
        visit(10, " m001", "Another", " ", "2026-03-03 08:00:00"),
    ];
    let members = vec![
        member("M001", "New \"Name\"", "  "),
        member("E77", "Élan", "FKIP"),
    ];
    let library = Library {
        visits,
        members,
        ..Library::empty()
    };
    assert_eq!(
        data(&library, "visitors/monthly/top"),
        r#"[{"rank":1,"member_id":"E77","member_name":"Élan","institution":"FKIP","total":2},{"rank":1,"member_id":"M001","member_name":"New \"Name\"","institution":null,"total":2},{"rank":3,"member_id":"m001","member_name":"Another","institution":null,"total":1}]"#
    );
}

#[test]
fn a_deleted_visitor_is_shown_as_on_the_latest_visit_of_the_window() {
    let visits = vec![
        visit(5, " x1 ", "Later Id", "A", "2026-03-02 08:00:00"),
        visit(4, " X1", "Earlier Id", "B", "2026-03-02 08:00:00"),
        visit(9, " x1", "Earlier Time", None, "2026-03-01 08:00:00"),
        visit(10, " x1", "Next Month", None, "2026-04-01 08:00:00"),
    ];
    let library = Library {
        visits,
        ..Library::empty()
    };
    let mut oracle = Oracle::new(&library, now(), ZONE);
    assert_eq!(
        oracle.data("visitors/yearly/top"),
        r#"[{"rank":1,"member_id":"x1","member_name":"Later Id","institution":"A","total":3}]"#
    );
    oracle.member_names = Names::Masked;
    assert_eq!(
        oracle.data("visitors/yearly/top"),
        r#"[{"rank":1,"member_name":"Later I.","institution":"A","total":3}]"#
    );
    oracle.member_names = Names::Hidden;
    assert_eq!(
        oracle.data("visitors/yearly/top"),
        r#"[{"rank":1,"total":3}]"#
    );
}

#[test]
fn a_title_comes_by_its_copy_else_by_the_history_else_not_at_all() {
    let loans = vec![
        loan(1, "b1 ", None, "2026-03-01"),
        loan(2, "B1", None, "2026-03-11"),
        loan(3, "B2", None, "2026-03-02"), // the copy has no title: history says 10
        loan(4, "B3", None, "2026-03-02"), // the title is gone: history says 30
        loan(5, "gone", None, "2026-03-01"), // the copy is gone: history says 30
        loan(6, "gone", None, "2026-03-02"), // no history
        loan(7, None, None, "2026-03-02"), // history says 40, hidden
        loan(8, "B4", None, "2026-03-02"), // hidden
        loan(9, "B1", None, "2026-03-12"), // tomorrow
        loan(10, None, None, "2026-03-02"), // history says 50, no title there
    ];
    let mut never = loan(11, "B1", None, "2026-03-02");
    never.is_lent = false;
    let library = Library {
        loans: loans.into_iter().chain([never]).collect(),
        items: vec![
            item(1, 10, "B1"),
            item(2, None, "B2"),
            item(3, 30, "B3"),
            item(4, 40, "B4"),
        ],
        biblios: vec![
            biblio(10, "  <b>Kopi</b> "),
            Biblio {
                opac_hide: true,
                ..biblio(40, "Hidden")
            },
        ],
        histories: vec![
            history(1, 99, "not asked", None),
            history(3, 10, "old title", None),
            history(4, 30, "Latest", None),
            history(5, 30, "Earlier", None),
            history(7, 40, "Hidden too", None),
            history(10, 50, None, None),
        ],
        ..Library::empty()
    };
    assert_eq!(
        data(&library, "books/top-borrowed/month"),
        r#"[{"rank":1,"biblio_id":10,"title":"  <b>Kopi</b> ","total":3},{"rank":2,"biblio_id":30,"title":"Latest","total":2},{"rank":3,"biblio_id":50,"title":null,"total":1}]"#
    );
    assert_eq!(
        data(&library, "books/collection"),
        r#"{"total_titles":2,"total_items":4}"#
    );
}

/// One title, lent once on each of the dates.
fn lent_on(dates: &[&str]) -> Library {
    let loans = (1..)
        .zip(dates)
        .map(|(id, on)| loan(id, "B1", None, on))
        .collect();
    Library {
        loans,
        items: vec![item(1, 1, "B1")],
        biblios: vec![biblio(1, "T")],
        ..Library::empty()
    }
}

#[test]
fn zero_dates_are_in_all_time_alone() {
    let library = lent_on(&["0000-00-00", "2026-00-00", "2026-03-00", "2025-12-31"]);
    assert_eq!(
        data(&library, "books/top-borrowed"),
        r#"[{"rank":1,"biblio_id":1,"title":"T","total":4}]"#
    );
    assert_eq!(data(&library, "books/top-borrowed/year"), "[]");
}

#[test]
fn a_zero_date_is_in_all_time_wherever_it_sorts() {
    let library = lent_on(&["2026-04-00", "2027-00-00", "2025-12-31", "2026-03-12"]);
    assert_eq!(
        data(&library, "books/top-borrowed"),
        r#"[{"rank":1,"biblio_id":1,"title":"T","total":3}]"#
    );
}

#[test]
fn a_title_of_the_history_is_the_latest_within_the_window() {
    let loans = vec![
        loan(1, None, None, "2026-03-01"),
        loan(2, None, None, "2025-05-05"),
        loan(3, None, None, "0000-00-00"),
    ];
    let histories = vec![
        history(1, 7, None, None),
        history(2, 7, "Old", None),
        history(3, 7, "Older", None),
    ];
    let library = Library {
        loans,
        histories,
        ..Library::empty()
    };
    assert_eq!(
        data(&library, "books/top-borrowed/month"),
        r#"[{"rank":1,"biblio_id":7,"title":null,"total":1}]"#
    );
    assert_eq!(
        data(&library, "books/top-borrowed"),
        r#"[{"rank":1,"biblio_id":7,"title":"Old","total":3}]"#
    );
}

#[test]
fn a_deleted_borrower_is_named_by_the_history_else_by_a_visit_else_by_nobody() {
    let loans = vec![
        loan(1, None, "a1", "2026-03-01"),
        loan(2, None, "A1 ", "2026-03-02"),
        loan(3, None, "a1", "2026-03-02"),
        loan(4, None, "b1", "2026-03-01"),
        loan(5, None, "B1", "2026-03-01"),
        loan(6, None, "c1", "2026-03-01"),
        loan(7, None, "live ", "2026-03-01"),
        loan(8, None, None, "2026-03-01"),
        loan(9, None, " ", "2026-03-01"),
        loan(10, None, "b1", "2025-03-01"),
    ];
    let histories = vec![
        history(1, 1, None, "Earliest"),
        history(2, 1, None, " Kept "),
        history(3, 1, None, "  "),
        history(4, 1, None, None),
        history(7, 1, None, "Not asked"),
        history(10, 1, None, "Out of the window"),
    ];
    let visits = vec![
        visit(1, "b1 ", "By Visit", None, "2024-01-01 08:00:00"),
        visit(2, "B1", "  ", None, "2026-01-01 08:00:00"),
        visit(3, "b1", "Tomorrow", None, "2026-03-12 08:00:00"),
        visit(4, "b1", "Zero", None, "2026-00-00 00:00:00"),
    ];
    let members = vec![member("Live", "Li Ve", None)];
    let library = Library {
        loans,
        histories,
        visits,
        members,
        ..Library::empty()
    };
    assert_eq!(
        data(&library, "books/top-borrowers/month"),
        r#"[{"rank":1,"member_id":"a1","member_name":" Kept ","total":3},{"rank":2,"member_id":"B1","member_name":"By Visit","total":2},{"rank":3,"member_id":"Live","member_name":"Li Ve","total":1},{"rank":3,"member_id":"c1","member_name":null,"total":1}]"#
    );
    let mut oracle = Oracle::new(&library, now(), ZONE);
    oracle.member_names = Names::Masked;
    assert_eq!(
        oracle.data("books/top-borrowers/month"),
        r#"[{"rank":1,"member_name":"K.","total":3},{"rank":2,"member_name":"By V.","total":2},{"rank":3,"member_name":"Li V.","total":1},{"rank":3,"member_name":null,"total":1}]"#
    );
}
