//! The visits by weekday and hour, and how many have come by the end of each hour on a usual day.

use std::collections::BTreeMap;

use chrono::{Datelike as _, Days, NaiveDate};

use crate::library::Library;

/// The window: this many days before today.
const DAYS: u64 = 56;

/// With fewer days of a weekday than this, nothing is usual.
const FEWEST_DAYS: usize = 4;

/// A row for each hour of each weekday.
pub(crate) fn hours(library: &Library, today: NaiveDate) -> String {
    let window = today - Days::new(DAYS)..today;
    let mut days: BTreeMap<NaiveDate, [u64; 24]> = BTreeMap::new();
    for at in library.visits.iter().map(|visit| visit.checkin_date) {
        if let Some(day) = at.date.calendar().filter(|day| window.contains(day)) {
            days.entry(day).or_default()[usize::from(at.hour)] += 1;
        }
    }
    let mut rows = Vec::new();
    for weekday in 1..=7 {
        let open = days
            .iter()
            .filter(|(day, _)| day.weekday().number_from_monday() == weekday);
        let open: Vec<&[u64; 24]> = open.map(|(_, hours)| hours).collect();
        for hour in 0..24 {
            let total: u64 = open.iter().map(|hours| hours[hour]).sum();
            let by_then = open.iter().map(|hours| hours[..=hour].iter().sum());
            let mut by_then: Vec<u64> = by_then.collect();
            by_then.sort_unstable();
            let percentile = |percent: usize| match open.len() {
                0..FEWEST_DAYS => "null".to_owned(),
                count => by_then[(percent * count).div_ceil(100) - 1].to_string(),
            };
            rows.push(format!(
                r#"{{"weekday":{weekday},"hour":{hour},"open_days":{},"total":{total},"cumulative_p25":{},"cumulative_p50":{},"cumulative_p75":{}}}"#,
                open.len(),
                percentile(25),
                percentile(50),
                percentile(75)
            ));
        }
    }
    format!("[{}]", rows.join(","))
}
