//! What is counted, and under which names: `/metrics` in the text format that Prometheus reads. Every name stands here.

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

/// Every counter of the process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Recounts that found another number of today's visits than the running count.
    pub drifts: Counter,
    /// Visits by which they corrected it, in sum.
    pub drifted_visits: Counter,
}

impl Metrics {
    /// All at zero.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("worker");
        let drifts = Counter::default();
        let text = "Recounts that found another number of today's visits than the running count";
        registry.register("today_drifts", text, drifts.clone());
        let drifted_visits = Counter::default();
        let text = "Visits by which recounts have corrected today's running count";
        registry.register("today_drifted_visits", text, drifted_visits.clone());
        Self {
            registry,
            drifts,
            drifted_visits,
        }
    }

    /// All of it as text.
    pub fn report(&self) -> String {
        let mut report = String::new();
        let written = text::encode(&mut report, &self.registry);
        written.expect("memory takes what is written to it");
        report
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}
