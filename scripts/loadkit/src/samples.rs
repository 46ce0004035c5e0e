//! The values of one figure: one for each round, or one for each event.

use std::time::Duration;

/// Values of one figure, in the order in which they were measured.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    /// Adds a value.
    pub(crate) fn add(&mut self, value: f64) {
        self.0.push(value);
    }

    /// Adds a duration in milliseconds.
    pub(crate) fn add_ms(&mut self, duration: Duration) {
        self.add(duration.as_secs_f64() * 1e3);
    }

    /// How many values there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The ratio of each value to the value of `control` in the same round, so that slow changes of the machine cancel.
    pub(crate) fn ratios(&self, control: &Self) -> Self {
        let rounds = self.0.iter().zip(&control.0);
        Self(rounds.map(|(value, control)| value / control).collect())
    }

    /// The value below which `percent` of the values lie; NaN without a value.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let last = sorted.len().saturating_sub(1);
        let index = (last * percent).div_ceil(100);
        sorted.get(index).copied().unwrap_or(f64::NAN)
    }
}

impl From<f64> for Samples {
    fn from(value: f64) -> Self {
        Self(vec![value])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_and_ratios_are_computed() {
        let (mut ours, mut control) = (Samples::default(), Samples::default());
        for (a, b) in [(10.0, 5.0), (30.0, 10.0), (2.0, 2.0)] {
            ours.add(a);
            control.add(b);
        }
        let percentiles = [0, 50, 100].map(|percent| ours.percentile(percent));
        assert_eq!(percentiles, [2.0, 10.0, 30.0]);
        assert_eq!(ours.ratios(&control).percentile(50), 2.0);
        assert!(Samples::default().percentile(50).is_nan());
    }
}
