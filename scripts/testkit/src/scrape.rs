//! What `/metrics` says, for tests.

use std::str::FromStr;

/// The figure of one series, named with its labels as it is written; `None` when it is not there.
pub fn figure<T: FromStr>(text: &str, series: &str) -> Option<T> {
    let mut lines = text.lines();
    let figure = lines.find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
    figure.parse().ok()
}
