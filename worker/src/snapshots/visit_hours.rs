//! How busy each hour of each weekday usually is, from the 56 days before today.

use crate::snapshots::computation::Computation;
use crate::snapshots::counts::Counts;
use crate::snapshots::figure::{Figure, VisitRow, Visits, done};
use crate::snapshots::needs::Needs;
use crate::window::Window;
use anyhow::Result;
use chrono::{Datelike, NaiveDate};
use futures_util::future::BoxFuture;
use shared::catalog::Snapshot;
use shared::rows::visitors::WeekdayHour;

/// Eight weeks: eight days of each weekday.
const DAYS: usize = 56;
/// Fewer open days than these have no percentiles.
const MIN_OPEN_DAYS: usize = 4;

/// Visits by hour of the day.
type Hours = [u64; 24];

/// Counts the visits of each hour of each day.
pub(super) struct VisitHours {
    window: Window,
    days: [Hours; DAYS],
}

impl VisitHours {
    pub(super) fn new(today: NaiveDate) -> Self {
        Self {
            window: Window::days_before(DAYS as u64, today),
            days: [[0; 24]; DAYS],
        }
    }

    fn rows(&self) -> Vec<WeekdayHour> {
        (1..=7)
            .flat_map(|weekday| {
                let days = self.window.days().zip(&self.days);
                let open: Vec<&Hours> = days
                    .filter(|(day, _)| day.weekday().number_from_monday() == weekday)
                    .map(|(_, hours)| hours)
                    .filter(|hours| hours.iter().sum::<u64>() > 0)
                    .collect();
                (0..24).map(move |hour| row(weekday, hour, &open))
            })
            .collect()
    }
}

fn row(weekday: u32, hour: u32, open: &[&Hours]) -> WeekdayHour {
    let hour_index = hour as usize;
    let until = |hours: &&Hours| hours[..=hour_index].iter().sum();
    let mut cumulative: Vec<u64> = open.iter().map(until).collect();
    cumulative.sort_unstable();
    // The value at position ceil(percent / 100 × n), counted from 1.
    let percentile = |percent: usize| {
        let position = (percent * cumulative.len()).div_ceil(100);
        let has_enough = cumulative.len() >= MIN_OPEN_DAYS;
        has_enough.then(|| cumulative[position - 1])
    };
    WeekdayHour {
        weekday,
        hour,
        open_days: open.len() as u64,
        total: open.iter().map(|hours| hours[hour_index]).sum(),
        cumulative_p25: percentile(25),
        cumulative_p50: percentile(50),
        cumulative_p75: percentile(75),
    }
}

impl Figure<Visits> for VisitHours {
    fn name(&self) -> &'static str {
        "the visits by hour"
    }

    fn snapshots(&self) -> &'static [Snapshot] {
        &[Snapshot::Hours]
    }

    fn needs(&self) -> Needs {
        Needs {
            rows: Some(self.window),
            ..Needs::default()
        }
    }

    fn add(&mut self, VisitRow { visit, .. }: &VisitRow<'_>) -> Result<()> {
        let day = visit.time.date();
        if let Some(day) = day.filter(|day| self.window.contains(*day)) {
            let index = (day - self.window.from).num_days();
            let hours = usize::try_from(index)
                .ok()
                .and_then(|day| self.days.get_mut(day));
            let total = hours.and_then(|hours| hours.get_mut(usize::from(visit.time.hour())));
            *total.expect("an hour of a day of the window") += 1;
        }
        Ok(())
    }

    fn finish<'a>(
        self: Box<Self>,
        _: &'a Counts,
        computation: &'a mut Computation<'_>,
    ) -> BoxFuture<'a, ()> {
        computation.results.computed(Snapshot::Hours, &self.rows());
        done()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_of_open_days() {
        let day = |morning, evening| {
            let mut hours = [0; 24];
            (hours[8], hours[17]) = (morning, evening);
            hours
        };
        let days = [day(4, 1), day(1, 9), day(3, 0), day(2, 2), day(5, 0)];
        let open: Vec<&Hours> = days.iter().collect();
        let noon = row(1, 12, &open);
        assert_eq!((noon.open_days, noon.total), (5, 0));
        // Positions 2, 3 and 4 of 1, 2, 3, 4, 5.
        let percentiles = [
            noon.cumulative_p25,
            noon.cumulative_p50,
            noon.cumulative_p75,
        ];
        assert_eq!(percentiles, [Some(2), Some(3), Some(4)]);
        let evening = row(1, 23, &open);
        assert_eq!(evening.cumulative_p75, Some(5), "3, 4, 5, 5, 10");
        assert_eq!(row(1, 17, &open).total, 12);
        let enough = row(1, 12, &open[..4]);
        assert_eq!((enough.open_days, enough.cumulative_p50), (4, Some(2)));
        let few = row(1, 12, &open[..3]);
        assert_eq!((few.open_days, few.cumulative_p50), (3, None));
    }
}
