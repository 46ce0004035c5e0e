//! Formats numbers, sizes, durations and lists for people.

use std::fmt::Write as _;
use std::time::Duration;

/// `1,712,034`
pub(super) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 row`, `1,712,034 rows`
pub(super) fn count(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", number(count))
}

/// The verb for a number of things: `is` or `are`, `has` or `have`.
pub(super) fn verb(count: u64, singular: &'static str, plural: &'static str) -> &'static str {
    if count == 1 { singular } else { plural }
}

/// `94 MB`
#[expect(clippy::cast_precision_loss, reason = "it is rounded anyway")]
pub(super) fn bytes(bytes: u64) -> String {
    let mut size = bytes as f64 / 1e3;
    let mut units = ["kB", "MB", "GB"].into_iter();
    let mut unit = units.next().unwrap_or_default();
    for next in units {
        if size < 999.5 {
            break;
        }
        (size, unit) = (size / 1e3, next);
    }
    format!("{size:.0} {unit}")
}

/// `0.4 ms`, `287 ms`, `1.4 s`, `3 min`, `7 h`, `12 days`
pub(super) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    let (amount, unit) = match seconds {
        ..0.00995 => return format!("{:.1} ms", seconds * 1e3),
        ..0.9995 => (seconds * 1e3, "ms"),
        ..99.95 => return format!("{seconds:.1} s"),
        ..5_970.0 => (seconds / 60.0, "min"),
        ..171_000.0 => (seconds / 3_600.0, "h"),
        _ => (seconds / 86_400.0, "days"),
    };
    format!("{amount:.0} {unit}")
}

/// Makes a sentence: `use it` becomes `Use it.`
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(char::to_uppercase);
    first
        .into_iter()
        .flatten()
        .chain(letters)
        .chain(['.'])
        .collect()
}

/// `a, b and c`
pub(super) fn list(items: &[impl AsRef<str>]) -> String {
    let mut text = String::new();
    for (index, item) in items.iter().enumerate() {
        let separator = match index {
            0 => "",
            last if last + 1 == items.len() => " and ",
            _ => ", ",
        };
        let _ = write!(text, "{separator}{}", item.as_ref());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_sizes_and_durations_are_short() {
        let numbers = [0, 999, 1_000, 1_712_034].map(number);
        assert_eq!(numbers, ["0", "999", "1,000", "1,712,034"]);
        let sizes = [16_384, 94_371_840, 2_600_000_000].map(bytes);
        assert_eq!(sizes, ["16 kB", "94 MB", "3 GB"]);
        let times = [0.000_42, 0.287, 1.44, 63.0, 180.0, 25_200.0, 1_036_800.0];
        let times = times.map(|seconds| duration(Duration::from_secs_f64(seconds)));
        let wanted = [
            "0.4 ms", "287 ms", "1.4 s", "63.0 s", "3 min", "7 h", "12 days",
        ];
        assert_eq!(times, wanted);
    }

    #[test]
    fn one_is_singular() {
        assert_eq!(
            [0, 1, 2].map(|n| count(n, "row")),
            ["0 rows", "1 row", "2 rows"]
        );
        assert_eq!(
            [0, 1, 2].map(|n| verb(n, "is", "are")),
            ["are", "is", "are"]
        );
    }

    #[test]
    fn lists_end_with_and() {
        assert_eq!(list(&[""; 0]), "");
        assert_eq!(list(&["a"]), "a");
        assert_eq!(list(&["a", "b", "c"]), "a, b and c");
    }
}
