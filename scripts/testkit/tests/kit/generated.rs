//! A generated library has what the figures need.

use testkit::generate::{Plan, Size, generate};
use testkit::library::Library;

use crate::rows::{ZONE, data, hour, now};

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
        now: now().with_timezone(&ZONE).naive_local(),
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
