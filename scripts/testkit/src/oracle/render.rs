//! Ranks rows, masks names and writes JSON text.

use super::Names;

/// How many rows a ranking shows.
const ROWS: usize = 10;

/// A row before it is ranked: its total, what breaks ties, and its JSON fields after the rank.
pub(crate) struct Entry<K> {
    pub(crate) total: usize,
    pub(crate) order: K,
    /// Keys and JSON values, without `rank` and `total`.
    pub(crate) fields: Vec<(&'static str, String)>,
}

/// Sorts by total, the largest first, then by `order`; equal totals have equal ranks: 1, 2, 2, 4.
pub(crate) fn ranking<K: Ord>(mut entries: Vec<Entry<K>>) -> String {
    entries.sort_by(|one, other| {
        other
            .total
            .cmp(&one.total)
            .then_with(|| one.order.cmp(&other.order))
    });
    let rank = |entry: &Entry<K>| {
        1 + entries
            .iter()
            .filter(|other| other.total > entry.total)
            .count()
    };
    let line = |entry: &Entry<K>| {
        let fields: String = entry
            .fields
            .iter()
            .map(|(key, value)| format!(r#""{key}":{value},"#))
            .collect();
        format!(
            r#"{{"rank":{},{fields}"total":{}}}"#,
            rank(entry),
            entry.total
        )
    };
    let lines: Vec<String> = entries.iter().take(ROWS).map(line).collect();
    format!("[{}]", lines.join(","))
}

/// The fields of a member as far as they may be shown; `institution` is `None` where the row has no such field.
pub(crate) fn member_fields(
    id: &str,
    name: Option<&str>,
    institution: Option<Option<&str>>,
    names: Names,
) -> Vec<(&'static str, String)> {
    let mut fields = match names {
        Names::Full => vec![("member_id", text(Some(id))), ("member_name", text(name))],
        Names::Masked => vec![("member_name", text(name.map(masked).as_deref()))],
        Names::Hidden => return Vec::new(),
    };
    if let Some(institution) = institution {
        fields.push(("institution", text(institution)));
    }
    fields
}

/// A JSON string, or null.
pub(crate) fn text(value: Option<&str>) -> String {
    serde_json::to_string(&value).expect("any text can be JSON")
}

/// `Siti Nurhaliza` is `Siti N.`, `Suharto` is `S.`, and a name without words is empty.
fn masked(name: &str) -> String {
    let words: Vec<&str> = name.split_whitespace().collect();
    let initial = |word: &str| word.chars().next().map(String::from).unwrap_or_default();
    match words.as_slice() {
        [] => String::new(),
        [only] => format!("{}.", initial(only)),
        [first, .., last] => format!("{first} {}.", initial(last)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_masked() {
        assert_eq!(masked("Siti Nurhaliza"), "Siti N.");
        assert_eq!(masked("  H.  Abdul Karim, S.Pd. "), "H. S.");
        assert_eq!(masked("Élan"), "É.");
        assert_eq!(masked("  "), "");
    }

    #[test]
    fn equal_totals_have_equal_ranks_and_ten_rows_are_shown() {
        let entry = |order: usize| Entry {
            total: [9, 7, 7, 5][order.min(3)],
            order,
            fields: Vec::new(),
        };
        let text = ranking((0..12).rev().map(entry).collect());
        assert!(text.starts_with(
            r#"[{"rank":1,"total":9},{"rank":2,"total":7},{"rank":2,"total":7},{"rank":4,"total":5},"#
        ));
        assert_eq!(text.matches("rank").count(), 10);
    }
}
