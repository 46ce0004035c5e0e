//! Several rounds of one figure: the median, and how far the rounds lie apart.

use serde::Serialize;

/// The rounds of one figure.
#[derive(Clone, Debug, Default)]
pub struct Rounds(Vec<f64>);

/// What is reported of them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// Half of the rounds lie below.
    pub median: f64,
    /// The lowest.
    pub low: f64,
    /// The highest.
    pub high: f64,
}

impl Rounds {
    /// Adds a round.
    pub fn add(&mut self, figure: f64) {
        self.0.push(figure);
    }

    /// Of each round its ratio to the same round of `other`, so that what changes slowly on the machine cancels out.
    pub fn ratios(&self, other: &Self) -> Self {
        let pairs = self.0.iter().zip(&other.0);
        Self(pairs.map(|(ours, theirs)| ours / theirs).collect())
    }

    /// `None` without a round.
    pub fn spread(&self) -> Option<Spread> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let (low, high) = (*sorted.first()?, *sorted.last()?);
        let half = sorted.len() / 2;
        let median = match sorted.len() % 2 {
            0 => f64::midpoint(sorted[half - 1], sorted[half]),
            _ => sorted[half],
        };
        Some(Spread { median, low, high })
    }
}

impl From<f64> for Rounds {
    fn from(figure: f64) -> Self {
        Self(vec![figure])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_and_ratios_are_taken_round_by_round() {
        let (mut ours, mut theirs) = (Rounds::default(), Rounds::default());
        for (a, b) in [(10.0, 5.0), (30.0, 10.0), (2.0, 2.0), (8.0, 2.0)] {
            ours.add(a);
            theirs.add(b);
        }
        let ours_spread = ours.spread().unwrap();
        assert_eq!((ours_spread.low, ours_spread.high), (2.0, 30.0));
        assert_eq!(ours_spread.median, 9.0);
        assert_eq!(ours.ratios(&theirs).spread().unwrap().median, 2.5);
        assert!(Rounds::default().spread().is_none());
    }
}
