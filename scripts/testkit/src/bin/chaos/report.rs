//! Prints the faults and the findings as they occur, and the counts of all observations at the end.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// How many findings are printed again at the end.
const FINDINGS_SHOWN: usize = 100;

#[derive(Debug)]
pub(crate) struct Report {
    start: Instant,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    counts: BTreeMap<&'static str, u64>,
    findings: Vec<String>,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
            inner: Mutex::default(),
        }
    }

    /// Counts an observation.
    pub(crate) fn count(&self, what: &'static str) {
        *self.lock().counts.entry(what).or_default() += 1;
    }

    pub(crate) fn fault(&self, text: &str) {
        self.count("faults");
        self.print(text);
    }

    pub(crate) fn finding(&self, text: impl Into<String>) {
        let finding = format!(
            "{:.2} s: {}",
            self.start.elapsed().as_secs_f64(),
            text.into()
        );
        println!("FOUND at {finding}");
        self.lock().findings.push(finding);
    }

    pub(crate) fn print(&self, text: &str) {
        println!("{:8.2} s  {text}", self.start.elapsed().as_secs_f64());
    }

    /// Prints the counts and the findings. Returns whether there was no finding.
    pub(crate) fn summarize(&self) -> bool {
        let inner = self.lock();
        println!();
        for (what, count) in &inner.counts {
            println!("{count:>10}  {what}");
        }
        println!("{:>10}  findings", inner.findings.len());
        for finding in inner.findings.iter().take(FINDINGS_SHOWN) {
            println!("  {finding}");
        }
        inner.findings.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
