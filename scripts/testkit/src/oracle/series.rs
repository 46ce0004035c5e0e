//! The series: rows for each day, month or year of a window, from the oldest to the current one, which is partial.

use std::collections::BTreeMap;

use chrono::{Datelike as _, Days, Months, NaiveDate};

use crate::wall_clock::WallDate;

/// The windows of the series; all of them end with today.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Series {
    /// Today and the six days before.
    Weekly,
    /// This month and the eleven before.
    Monthly,
    /// This year and the four before.
    Yearly,
    /// The days of [`Series::Yearly`].
    Daily,
}

impl Series {
    /// The rows of every bucket. `columns` gets the events of a bucket, and returns the fields of each of its rows.
    pub(crate) fn rows<T>(
        self,
        today: NaiveDate,
        events: impl Iterator<Item = (WallDate, T)>,
        columns: impl Fn(&[T]) -> Vec<String>,
    ) -> String {
        let first = self.first(today);
        let days = first.iter_days().take_while(|day| *day <= today);
        let mut labels: Vec<String> = days.map(|day| self.label(day)).collect();
        labels.dedup();
        let mut buckets: BTreeMap<String, Vec<T>> = BTreeMap::new();
        for (date, event) in events {
            let day = date.calendar();
            if let Some(day) = day.filter(|day| (first..=today).contains(day)) {
                buckets.entry(self.label(day)).or_default().push(event);
            }
        }
        let bucket = |label: &String| {
            let columns = columns(buckets.get(label).map_or(&[], Vec::as_slice));
            let partial = *label == self.label(today);
            let row = |columns| format!(r#"{{{label},{columns},"partial":{partial}}}"#);
            columns.into_iter().map(row).collect::<Vec<_>>()
        };
        let rows: Vec<String> = labels.iter().flat_map(bucket).collect();
        format!("[{}]", rows.join(","))
    }

    fn first(self, today: NaiveDate) -> NaiveDate {
        let month = today.with_day(1).expect("every month has a first day");
        match self {
            Self::Weekly => today - Days::new(6),
            Self::Monthly => month - Months::new(11),
            Self::Yearly | Self::Daily => {
                NaiveDate::from_ymd_opt(today.year() - 4, 1, 1).expect("every year has a first day")
            }
        }
    }

    /// The JSON field that names the bucket of a day; years are numbers.
    fn label(self, day: NaiveDate) -> String {
        let format = match self {
            Self::Weekly | Self::Daily => r#""date":"%Y-%m-%d""#,
            Self::Monthly => r#""month":"%Y-%m""#,
            Self::Yearly => r#""year":%Y"#,
        };
        day.format(format).to_string()
    }
}

/// One row with the number of events.
pub(crate) fn total<T>(events: &[T]) -> Vec<String> {
    vec![format!(r#""total":{}"#, events.len())]
}
