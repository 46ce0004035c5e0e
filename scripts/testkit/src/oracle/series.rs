//! The series of visits. Every row counts, including guests; buckets without rows are zero; the last bucket is partial.

use chrono::{Datelike as _, Days, Months, NaiveDate};

use crate::library::Library;

/// Today and the six days before.
pub(crate) fn weekly(library: &Library, today: NaiveDate) -> String {
    let days: Vec<String> = (0..7)
        .rev()
        .map(|back| (today - Days::new(back)).to_string())
        .collect();
    let labels = days
        .iter()
        .map(|day| (format!("\"{day}\""), day.clone()))
        .collect();
    write("date", labels, library, today, |day| day.to_string())
}

/// This month and the eleven before.
pub(crate) fn monthly(library: &Library, today: NaiveDate) -> String {
    let first = today.with_day(1).expect("every month has a first day");
    let months = (0..12)
        .rev()
        .map(|back| (first - Months::new(back)).format("%Y-%m").to_string());
    let labels = months
        .map(|month| (format!("\"{month}\""), month))
        .collect();
    write("month", labels, library, today, |day| {
        day.format("%Y-%m").to_string()
    })
}

/// This year and the four before; years are numbers.
pub(crate) fn yearly(library: &Library, today: NaiveDate) -> String {
    let labels = (today.year() - 4..=today.year())
        .map(|year| (year.to_string(), year.to_string()))
        .collect();
    write("year", labels, library, today, |day| day.year().to_string())
}

/// Counts the rows up to today whose bucket has each label; `labels` are pairs of JSON and bucket.
fn write(
    key: &str,
    labels: Vec<(String, String)>,
    library: &Library,
    today: NaiveDate,
    bucket: impl Fn(NaiveDate) -> String,
) -> String {
    let mut by_day = std::collections::BTreeMap::<NaiveDate, u64>::new();
    for day in library
        .visits
        .iter()
        .filter_map(|visit| visit.checkin_date.date.calendar())
    {
        *by_day.entry(day).or_default() += 1;
    }
    let last = labels.len() - 1;
    let line = |(at, (json, label)): (usize, &(String, String))| {
        let of_bucket = by_day
            .iter()
            .filter(|(day, _)| **day <= today && bucket(**day) == *label);
        let total: u64 = of_bucket.map(|(_, count)| count).sum();
        format!(
            r#"{{"{key}":{json},"total":{total},"partial":{}}}"#,
            at == last
        )
    };
    let lines: Vec<String> = labels.iter().enumerate().map(line).collect();
    format!("[{}]", lines.join(","))
}
