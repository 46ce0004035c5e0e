//! Reads values from the text of `/metrics`.

use std::str::FromStr;

/// The value of one series, which is given with its labels as in the text. `None` if there is no such series.
pub fn figure<T: FromStr>(text: &str, series: &str) -> Option<T> {
    let mut lines = text.lines();
    let figure = lines.find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
    figure.parse().ok()
}
