//! Reads the SLiMS database. All SQL of the project is in this folder; it is valid on MariaDB and on MySQL 8.
//!
//! Dates are sent as naive literals in the library's time zone, as half-open ranges. Only [`inspect::clock`] reads the
//! server's clock and time zone, to compare them with ours; no number depends on them.

pub mod books;
pub mod circulation;
pub mod collation;
pub mod column;
pub mod connection;
pub mod error;
pub mod inspect;
pub mod loans;
pub mod members;
pub mod metrics;
pub mod remedy;
pub mod round_trip;
pub mod row;
pub mod scan;
pub mod scan_plan;
pub mod scan_settings;
pub mod schema;
mod statement;
pub mod throttle;
pub mod tls;
pub mod visits;
mod watchdog;

use mysql_async::{Params, Value};

/// Values in one `IN (…)` list: enough to save round trips, few enough for any packet limit.
const IN_LIST_SIZE: usize = 500;

/// SQL condition with two parameters: `column` is from the first date up to, but not including, the second.
///
/// A date with a zero month or day is in no window. Comparing alone would not do: `2026-00-00` sorts between the last
/// day of 2025 and the first day of 2026.
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

/// SQL condition on a row of `information_schema.statistics`: the server may read ranges by this index. Not by one that
/// it ignores (MariaDB) or does not see (MySQL), nor by one whose keys are disabled (MyISAM). Each server skips the
/// other's comment.
macro_rules! is_usable_index {
    ($row:literal) => {
        concat!(
            $row,
            ".index_type = 'BTREE' AND ",
            $row,
            ".comment <> 'disabled' /*M!100600 AND ",
            $row,
            ".ignored = 'NO' */ /*!80000 AND ",
            $row,
            ".is_visible = 'YES' */"
        )
    };
}
use is_usable_index;

/// Parameter placeholders: `?, ?, ?`.
fn placeholders(count: usize) -> String {
    vec!["?"; count].join(", ")
}

fn params<T: Into<Value>>(values: impl IntoIterator<Item = T>) -> Params {
    Params::Positional(values.into_iter().map(Into::into).collect())
}
