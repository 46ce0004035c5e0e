//! Collects rows to count them together. A lookup in a map of a million ids waits for memory; lookups in close
//! succession wait at the same time. Measured for ten million lookups: a third of the time.

use crate::mysql::row::WallTime;

/// Rows per batch: enough for lookups to overlap, few enough to stay in the L1 cache.
const ROWS: usize = 512;

/// An event (a visit or a loan) with the id or code by which it is counted.
#[derive(Clone, Copy, Debug)]
pub struct EventRow<'a> {
    /// When it happened.
    pub time: WallTime,
    /// The id of the row.
    pub row: i64,
    /// The member's id or the item code.
    pub text: &'a [u8],
}

/// A batch of rows in one buffer.
#[derive(Default)]
pub struct RowBatch {
    bytes: Vec<u8>,
    rows: Vec<(WallTime, i64, usize)>,
}

impl RowBatch {
    /// Adds a row.
    pub fn push(&mut self, EventRow { time, row, text }: EventRow<'_>) {
        self.bytes.extend_from_slice(text);
        self.rows.push((time, row, self.bytes.len()));
    }

    /// Whether the batch should be counted now.
    pub fn is_full(&self) -> bool {
        self.rows.len() >= ROWS
    }

    /// The rows, in order of insertion.
    pub fn iter(&self) -> impl Iterator<Item = EventRow<'_>> {
        let mut from = 0;
        self.rows.iter().map(move |(time, row, to)| EventRow {
            time: *time,
            row: *row,
            text: &self.bytes[std::mem::replace(&mut from, *to)..*to],
        })
    }

    /// Removes all rows.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.rows.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batch_returns_the_rows_in_order() {
        let mut batch = RowBatch::default();
        for round in 0..2 {
            for (row, text) in [(1, "a"), (2, ""), (3, "bcd")] {
                let (time, text) = (WallTime::ZERO, text.as_bytes());
                batch.push(EventRow { time, row, text });
            }
            let rows: Vec<_> = batch.iter().map(|row| (row.row, row.text)).collect();
            assert_eq!(rows, [(1, &b"a"[..]), (2, b""), (3, b"bcd")], "{round}");
            assert!(!batch.is_full());
            batch.clear();
        }
        assert_eq!(batch.iter().count(), 0);
    }
}
