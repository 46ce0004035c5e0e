//! The oracle's classes, growth, new titles and usage against answers written by hand, a rule at a time.

use chrono::{TimeZone as _, Utc};
use testkit::library::{Biblio, Item, Library, Loan};
use testkit::oracle::Oracle;

use crate::rows::{biblio, data, history, item, loan, text, time};

#[test]
fn classes_are_the_first_digits_and_the_rest_is_in_the_last_row() {
    let codes = [
        Some("000"),
        Some(" 297\t"),
        Some("2X4"),
        Some("CD 813"),
        None,
        Some(""),
        // A digit, but not of ASCII.
        Some("\u{ff19}00"),
        Some("9"),
    ];
    let titles = (1..).zip(codes).map(|(id, code)| Biblio {
        classification: text(code),
        opac_hide: id == 8,
        ..biblio(id, "T")
    });
    let never = Loan {
        is_lent: false,
        ..loan(9, "B1", None, "2026-03-01")
    };
    let library = Library {
        biblios: titles.collect(),
        items: vec![
            item(1, 1, "B1"),
            item(2, 1, "B2"),
            item(3, 2, "B3"),
            item(4, 3, "B4"),
            item(5, None, "B5"),
            item(6, 99, "B6"),
        ],
        loans: vec![
            loan(1, "b1 ", None, "2026-01-01"),
            // The copy is gone, or its title is; the history knows one that is there, or one that is gone, or nothing.
            loan(2, "GONE", None, "2026-03-11"),
            loan(3, "B6", None, "2026-03-01"),
            loan(4, "GONE", None, "2026-03-01"),
            loan(5, "B6", None, "2026-03-01"),
            loan(6, None, None, "2026-03-01"),
            loan(7, "B1", None, "2025-12-31"),
            loan(8, "B1", None, "2026-03-12"),
            never,
            loan(10, "B1", None, "2026-00-00"),
        ],
        histories: vec![
            history(1, 4, "Not asked", None),
            history(2, 2, "T", None),
            history(3, 1, "T", None),
            history(4, 77, "Gone", None),
        ],
        ..Library::empty()
    };
    let row = |class: &str, [titles, items, loans]: [u32; 3]| {
        format!(r#"{{"class":{class},"titles":{titles},"items":{items},"loans_year":{loans}}}"#)
    };
    let rows = |counts: [(&str, [u32; 3]); 4]| {
        let classes = (0..10).map(|class| format!("\"{class}\""));
        let classes = classes.chain(["null".to_owned()]);
        let rows = classes.map(|class| {
            let known = counts.iter().find(|(known, _)| *known == class);
            row(&class, known.map_or([0; 3], |(_, counts)| *counts))
        });
        format!("[{}]", rows.collect::<Vec<_>>().join(","))
    };
    assert_eq!(
        data(&library, "books/classes"),
        rows([
            ("\"0\"", [1, 2, 2]),
            ("\"2\"", [2, 2, 1]),
            ("\"9\"", [1, 0, 0]),
            ("null", [4, 2, 3])
        ])
    );
    let empty = rows([("null", [0; 3]); 4]);
    assert_eq!(data(&Library::empty(), "books/classes"), empty);
}

fn entered(id: u32, at: &str) -> Biblio {
    Biblio {
        input_date: (!at.is_empty()).then(|| time(at)),
        ..biblio(id, "T")
    }
}

#[test]
fn growth_counts_titles_and_items_by_the_day_of_their_entry() {
    let times = [
        "2026-03-11 23:59:59",
        "2026-03-01 00:00:00",
        "2026-02-28 23:59:59",
        "2025-03-31 23:59:59",
        "2021-12-31 23:59:59",
        "2026-03-12 00:00:00",
        "0000-00-00 00:00:00",
        "2026-00-00 00:00:00",
        "2026-03-00 00:00:00",
        "",
    ];
    let entered_item = |(id, at): (u32, &str)| Item {
        input_date: entered(id, at).input_date,
        ..item(id, None, "B")
    };
    // One copy less than titles: the first one.
    let library = Library {
        biblios: (1..).zip(times).map(|(id, at)| entered(id, at)).collect(),
        items: (1..).zip(times).skip(1).map(entered_item).collect(),
        ..Library::empty()
    };
    let monthly = data(&library, "books/growth/monthly");
    let start = r#"[{"month":"2025-04","titles":0,"items":0,"partial":false},"#;
    let end = r#"{"month":"2026-02","titles":1,"items":1,"partial":false},{"month":"2026-03","titles":2,"items":1,"partial":true}]"#;
    assert!(
        monthly.starts_with(start) && monthly.ends_with(end),
        "{monthly}"
    );
    assert_eq!(monthly.matches("month").count(), 12);
    assert_eq!(
        data(&library, "books/growth/yearly"),
        r#"[{"year":2022,"titles":0,"items":0,"partial":false},{"year":2023,"titles":0,"items":0,"partial":false},{"year":2024,"titles":0,"items":0,"partial":false},{"year":2025,"titles":1,"items":1,"partial":false},{"year":2026,"titles":3,"items":2,"partial":true}]"#
    );
}

#[test]
fn new_titles_are_the_newest_that_can_be_found() {
    let mut titles = vec![
        entered(1, "2026-03-11 23:59:59"),
        entered(2, "2026-03-10 08:00:01"),
        entered(3, "2026-03-10 08:00:00"),
        entered(4, "2026-03-10 08:00:00"),
        entered(5, "2026-03-12 00:00:00"),
        entered(6, "2026-03-00 00:00:00"),
        entered(7, ""),
        entered(8, "2026-03-11 08:00:00"),
        Biblio {
            opac_hide: true,
            ..entered(9, "2026-03-11 08:00:00")
        },
    ];
    titles[0].title = " <b>\"Baru\"</b> ".into();
    let with_copies = [1, 1, 2, 3, 4, 5, 6, 7, 9, 99];
    let items = (1..)
        .zip(with_copies)
        .map(|(id, title)| item(id, title, &format!("B{id}")));
    let mut library = Library {
        biblios: titles,
        items: items.collect(),
        ..Library::empty()
    };
    assert_eq!(
        data(&library, "books/new"),
        r#"[{"biblio_id":1,"title":" <b>\"Baru\"</b> ","added":"2026-03-11"},{"biblio_id":2,"title":"T","added":"2026-03-10"},{"biblio_id":4,"title":"T","added":"2026-03-10"},{"biblio_id":3,"title":"T","added":"2026-03-10"}]"#
    );
    library.biblios = (1..=12)
        .map(|id| entered(id, "1999-01-01 08:00:00"))
        .collect();
    library.items = (1..=12).map(|id| item(id, id, &format!("B{id}"))).collect();
    let new = data(&library, "books/new");
    assert_eq!(new.matches("biblio_id").count(), 10);
    assert!(new.starts_with(r#"[{"biblio_id":12,"#) && new.contains(r#"{"biblio_id":3,"#));
    assert_eq!(data(&Library::empty(), "books/new"), "[]");
}

#[test]
fn usage_counts_the_titles_that_are_there_and_their_loans() {
    let mut library = Library {
        biblios: (1..=9).map(|id| biblio(id, "T")).collect(),
        items: vec![
            item(1, 1, "B1"),
            item(2, 2, "B2"),
            item(3, 3, "B3"),
            item(4, 4, "B4"),
            item(5, 5, "B5"),
            item(8, 8, "B8"),
            item(9, 9, "B9"),
            item(10, 1, "C1"),
            item(11, None, "C2"),
            item(12, 60, "C3"),
        ],
        loans: vec![
            loan(1, "B1", None, "2025-03-12"),
            loan(2, "B2", None, "2025-03-11"),
            loan(3, "B3", None, "2026-03-12"),
            loan(4, "B4", None, "0000-00-00"),
            // Of a title without copies, of one that is gone, and of none.
            loan(7, "GONE", None, "2026-01-01"),
            loan(50, "GONE", None, "2026-01-01"),
            loan(51, "GONE", None, "2026-01-01"),
            loan(8, "B8", None, "2026-03-11"),
            Loan {
                is_lent: false,
                ..loan(9, "B9", None, "2026-03-01")
            },
        ],
        histories: vec![history(7, 7, "T", None), history(50, 50, "T", None)],
        ..Library::empty()
    };
    library.biblios[7].opac_hide = true;
    assert_eq!(
        data(&library, "books/usage"),
        r#"{"titles":9,"titles_with_items":7,"items":10,"titles_lent_12_months":3,"titles_never_lent":3,"loans_12_months":5}"#
    );
    assert_eq!(
        data(&Library::empty(), "books/usage"),
        r#"{"titles":0,"titles_with_items":0,"items":0,"titles_lent_12_months":0,"titles_never_lent":0,"loans_12_months":0}"#
    );
}

#[test]
fn the_twelve_months_before_29_february_begin_after_28_february() {
    let library = Library {
        loans: ["2023-02-28", "2023-03-01", "2024-02-29", "2024-03-01"]
            .into_iter()
            .zip(1..)
            .map(|(on, id)| loan(id, None, None, on))
            .collect(),
        ..Library::empty()
    };
    let now = Utc.with_ymd_and_hms(2024, 2, 29, 10, 0, 0);
    let now = now.single().expect("a moment");
    let usage = Oracle::new(&library, now, chrono_tz::UTC).data("books/usage");
    assert!(usage.ends_with(r#""loans_12_months":2}"#), "{usage}");
}
