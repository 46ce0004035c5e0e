//! What a crowd heard of the messages that were published: how many, and how late.

use anyhow::{Context as _, Result};
use hdrhistogram::Histogram;
use std::time::{Duration, Instant};

/// Three digits are more than any run repeats.
const DIGITS: u8 = 3;

/// Above any patience; what is longer counts as this.
const LONGEST_MICROS: u64 = 60_000_000;

/// Latencies from the publishing of a message to its last byte at a client.
#[derive(Debug)]
pub struct Heard {
    latency: Histogram<u64>,
    /// When each message was published; the mark of the first is `first`.
    published: Vec<Instant>,
    first: u64,
    /// Messages, each times the clients that it reached.
    pub deliveries: u64,
}

impl Heard {
    /// Nothing yet; `first` will be the mark of the first message.
    pub fn from_mark(first: u64) -> Result<Self> {
        Ok(Self {
            latency: histogram()?,
            published: Vec::new(),
            first,
            deliveries: 0,
        })
    }

    /// Notes that the next message is about to be published, and returns its mark.
    pub fn publish(&mut self) -> u64 {
        self.published.push(Instant::now());
        self.first + self.published.len() as u64 - 1
    }

    /// Notes that a client has the message `mark` whole. What is not of this run does not count.
    pub fn hear(&mut self, mark: u64, now: Instant) {
        let index = mark.checked_sub(self.first).map(usize::try_from);
        let Some(Ok(index)) = index else { return };
        if let Some(published) = self.published.get(index) {
            self.deliveries += 1;
            self.latency.saturating_record(micros(now - *published));
        }
    }

    /// How many messages have been published.
    pub fn messages(&self) -> u64 {
        self.published.len() as u64
    }

    /// In milliseconds; `quantile` from 0 to 1.
    pub fn latency_ms(&self, quantile: f64) -> f64 {
        quantile_ms(&self.latency, quantile)
    }
}

/// An empty histogram of microseconds.
pub fn histogram() -> Result<Histogram<u64>> {
    Histogram::new_with_max(LONGEST_MICROS, DIGITS).context("making a histogram")
}

/// A quantile, from 0 to 1, of a histogram of microseconds, in milliseconds.
pub fn quantile_ms(histogram: &Histogram<u64>, quantile: f64) -> f64 {
    Duration::from_micros(histogram.value_at_quantile(quantile)).as_secs_f64() * 1e3
}

/// Whole microseconds.
pub fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
