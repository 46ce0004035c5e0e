//! What `/metrics` says, for tests.

/// The figure of one series, named with its labels as it is written; `None` when it is not there.
pub fn figure(text: &str, series: &str) -> Option<f64> {
    let mut lines = text.lines();
    let figure = lines.find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
    figure.parse().ok()
}
