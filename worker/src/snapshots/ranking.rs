//! Sorts every ranking: by total, descending, then by key. Equal totals share a rank.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Maximum number of rows in a ranking.
pub const TOP: usize = 10;

/// Sorts `rows` and returns the first [`TOP`] with their ranks, such as 1, 2, 2, 4.
pub fn top<T, K: Ord>(
    mut rows: Vec<T>,
    total: impl Fn(&T) -> u64,
    key: impl Fn(&T) -> K,
) -> Vec<(usize, T)> {
    rows.sort_by_cached_key(|row| (Reverse(total(row)), key(row)));
    rows.truncate(TOP);
    let mut ranked: Vec<(usize, T)> = Vec::with_capacity(rows.len());
    for (index, row) in rows.into_iter().enumerate() {
        let rank = match ranked.last() {
            Some((rank, before)) if total(before) == total(&row) => *rank,
            _ => index + 1,
        };
        ranked.push((rank, row));
    }
    ranked
}

/// The smallest total that can be in the ranking: the tenth, so that all rows that tie with it are candidates. 1 if
/// there are fewer than ten, because a total of 0 is never ranked.
pub fn cutoff_total(totals: impl Iterator<Item = u64>) -> u64 {
    let mut greatest = BinaryHeap::with_capacity(TOP + 1);
    for total in totals {
        greatest.push(Reverse(total));
        if greatest.len() > TOP {
            greatest.pop();
        }
    }
    match greatest.peek() {
        Some(Reverse(tenth)) if greatest.len() == TOP => (*tenth).max(1),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_totals_share_a_rank_and_are_sorted_by_key() {
        let rows = vec![("b", 5), ("c", 9), ("a", 5), ("d", 1)];
        let ranked = top(rows, |row| row.1, |row| row.0);
        assert_eq!(
            ranked,
            [(1, ("c", 9)), (2, ("a", 5)), (2, ("b", 5)), (4, ("d", 1))]
        );
    }

    #[test]
    fn ranking_has_ten_rows_at_most() {
        let ranked = top((0..30).collect(), |_| 7, |row| *row);
        assert_eq!(ranked.len(), TOP);
        assert!(ranked.iter().all(|(rank, _)| *rank == 1));
    }

    #[test]
    fn cutoff_is_the_tenth_total() {
        assert_eq!(cutoff_total([3, 1, 2].into_iter()), 1);
        assert_eq!(cutoff_total(1..=20), 11);
        assert_eq!(cutoff_total([0; 20].into_iter()), 1);
    }
}
