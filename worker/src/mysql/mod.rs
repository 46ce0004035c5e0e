//! The SLiMS database. All SQL of the project is in this folder; it is valid on MariaDB and on MySQL 8.
//!
//! Dates go in as naive literals of the library's zone, half open. The server's clock and zone are asked by
//! [`inspect::clock`] alone, to compare them, and nothing is counted by them.

pub mod books;
pub mod collation;
pub mod column;
pub mod connection;
pub mod error;
pub mod inspect;
pub mod loans;
pub mod members;
pub mod metrics;
pub mod round_trip;
pub mod row;
pub mod scan;
pub mod scan_plan;
pub mod schema;
pub mod throttle;
pub mod tls;
pub mod visits;
mod watchdog;

use mysql_async::{Params, Value};

/// Rows that one `IN (…)` asks for: long enough to spare round trips, short enough for any packet limit.
const BATCH: usize = 500;

/// The day before which all real dates of `column` lie has a trap: `2026-00-00` sorts between the last day of 2025
/// and the first of 2026. A date with a zero in it is in no window.
macro_rules! in_window {
    ($column:literal) => {
        concat!(
            $column,
            " >= ? AND ",
            $column,
            " < ? AND MONTH(",
            $column,
            ") > 0 AND DAYOFMONTH(",
            $column,
            ") > 0"
        )
    };
}
use in_window;

/// `?, ?, ?`
fn marks(count: usize) -> String {
    vec!["?"; count].join(", ")
}

/// Ids as they may stand elsewhere: as they are, and without trailing spaces, for collations to which those matter.
fn spellings<'a>(ids: &[&'a str]) -> Vec<&'a str> {
    let trimmed = ids.iter().map(|id| id.trim_end_matches(' '));
    let mut spellings: Vec<&str> = ids.iter().copied().chain(trimmed).collect();
    spellings.sort_unstable();
    spellings.dedup();
    spellings
}

fn params<T: Into<Value>>(values: impl IntoIterator<Item = T>) -> Params {
    Params::Positional(values.into_iter().map(Into::into).collect())
}
