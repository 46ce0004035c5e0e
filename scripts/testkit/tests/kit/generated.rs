//! A generated library has what the figures need.

use testkit::generate::{Plan, Size, generate};
use testkit::library::Library;

use crate::rows::{ZONE, data, hour, now};

fn library() -> Library {
    generate(&Plan {
        size: Size::Tiny,
        years: 6,
        now: now().with_timezone(&ZONE).naive_local(),
        seed: 7,
        dirty: true,
    })
}

fn json(library: &Library, path: &str) -> serde_json::Value {
    serde_json::from_str(&data(library, path)).expect("JSON")
}

/// The sum of a field over all rows.
fn sum(library: &Library, path: &str, field: &str) -> u64 {
    let rows = json(library, path);
    let numbers = rows.as_array().into_iter().flatten();
    numbers.filter_map(|row| row[field].as_u64()).sum()
}

/// A field of the last row.
fn last(library: &Library, path: &str, field: &str) -> u64 {
    let rows = json(library, path);
    let row = rows.as_array().and_then(|rows| rows.last());
    row.and_then(|row| row[field].as_u64()).expect("a number")
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
    let library = library();
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

#[test]
fn places_classes_and_types_add_up_and_every_kind_of_row_is_there() {
    let library = &library();
    for (window, series) in [("month", "monthly"), ("year", "yearly")] {
        let visits = last(library, &format!("visitors/{series}"), "total");
        let institutions = format!("visitors/institutions/{window}");
        assert_eq!(sum(library, &institutions, "visits"), visits);
        let rooms = format!("visitors/rooms/{window}");
        assert_eq!(sum(library, &rooms, "visits"), visits);
        let institutions = data(library, &institutions);
        assert_eq!(institutions.matches("named").count(), 20);
        for empty in [
            r#""other","institution":null,"visits":0"#,
            r#""none","institution":null,"visits":0"#,
        ] {
            assert!(!institutions.contains(empty), "{institutions}");
        }
        let rooms = data(library, &rooms);
        for row in [
            r#""room":"R01","name":"Ruang Baca""#,
            r#""room":"r02","name":"Ruang Referensi""#,
            r#""room":"R03","name":null"#,
            r#""room":"e1","name":"""#,
        ] {
            assert!(rooms.contains(row), "{row}: {rooms}");
        }
        assert!(!rooms.contains(r#""visits":0"#), "{rooms}");
    }
    let collection = json(library, "books/collection");
    let classes = |field| sum(library, "books/classes", field);
    assert_eq!(collection["total_titles"], classes("titles"));
    assert_eq!(collection["total_items"], classes("items"));
    let loans = last(library, "books/loans/yearly", "total");
    assert_eq!(classes("loans_year"), loans);
    for field in ["titles", "items", "loans_year"] {
        assert!(last(library, "books/classes", field) > 0, "{field}");
    }
    for series in ["monthly", "yearly"] {
        let growth = format!("books/growth/{series}");
        for field in ["titles", "items"] {
            assert!(last(library, &growth, field) > 0, "{growth} {field}");
        }
    }
    let new = data(library, "books/new");
    assert_eq!(new.matches("biblio_id").count(), 10, "{new}");
    let usage = data(library, "books/usage");
    assert!(!usage.contains(":0"), "{usage}");
    let counts = json(library, "members/counts");
    let count = |field: &str| counts[field].as_u64().unwrap_or_default();
    let all = count("active") + count("expired") + count("pending");
    assert_eq!(count("total"), all);
    assert!(!counts.to_string().contains(":0"), "{counts}");
    let types = |field| sum(library, "members/types", field);
    assert_eq!((types("total"), types("active")), (all, count("active")));
    let new = last(library, "members/new/monthly", "total");
    assert_eq!(count("new_this_month"), new);
}
