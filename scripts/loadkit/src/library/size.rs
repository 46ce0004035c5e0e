//! How large a library is.

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Rows of a `visitor_id` and a `loan_id`, both `int`, with room for what is checked in later.
const MOST: u32 = 1_000_000_000;
/// The national library of the issue: more rows than ten million are of the same people and books.
const MOST_ITEMS: u32 = 1_000_000;
const MOST_MEMBERS: u32 = 500_000;

/// How large a library is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// Rows of `visitor_count`.
    pub visits: u32,
    /// Rows of `loan`, each with its row of `loan_history`.
    pub loans: u32,
    /// Rows of `member`, those included who have left.
    pub members: u32,
    /// Rows of `biblio`.
    pub titles: u32,
    /// Rows of `item`, those included that are gone.
    pub items: u32,
    /// Over how many years the rows are spread.
    pub years: u32,
}

impl Size {
    /// Ten years of a university.
    pub const UNIVERSITY: Self = Self {
        visits: 3_400_000,
        loans: 800_000,
        members: 30_000,
        titles: 90_000,
        items: 155_000,
        years: 10,
    };

    /// As many visits and as many loans over six years; from ten million on, of a million items and half a million
    /// members.
    pub fn of_rows(rows: u32) -> Self {
        let items = (rows / 10).clamp(1_000, MOST_ITEMS);
        Self {
            visits: rows,
            loans: rows,
            members: (rows / 20).clamp(500, MOST_MEMBERS),
            titles: items / 5 * 2,
            items,
            years: 6,
        }
    }
}

/// A number of rows: `10M`, `500k`, `1000000`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Count(pub u32);

impl FromStr for Count {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (digits, unit) = match text.trim_end_matches(['M', 'm', 'k', 'K']) {
            digits if digits.len() == text.len() => (digits, 1),
            digits => match &text[digits.len()..] {
                "M" | "m" => (digits, 1_000_000),
                "k" | "K" => (digits, 1_000),
                _ => (text, 1),
            },
        };
        let digits: u32 = digits.parse().context("not a number such as 10M or 500k")?;
        let rows = digits.checked_mul(unit).filter(|rows| *rows <= MOST);
        let rows = rows.context("at most 1000M")?;
        ensure!(rows >= 1_000, "at least 1k");
        Ok(Self(rows))
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            rows if rows.is_multiple_of(1_000_000) => write!(f, "{}M", rows / 1_000_000),
            rows if rows.is_multiple_of(1_000) => write!(f, "{}k", rows / 1_000),
            rows => write!(f, "{rows}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_read_and_write_their_units() {
        for (text, rows) in [("10M", 10_000_000), ("500k", 500_000), ("1234", 1_234)] {
            let count: Count = text.parse().unwrap();
            assert_eq!((count.0, count.to_string().as_str()), (rows, text));
        }
        for bad in ["", "M", "10MM", "-1", "0", "5000M", "1.5M"] {
            assert!(bad.parse::<Count>().is_err(), "{bad}");
        }
    }

    #[test]
    fn beyond_ten_million_rows_only_the_rows_grow() {
        let (ten, fifty) = (Size::of_rows(10_000_000), Size::of_rows(50_000_000));
        assert_eq!((ten.items, ten.members), (1_000_000, 500_000));
        assert_eq!((fifty.items, fifty.members), (ten.items, ten.members));
    }
}
