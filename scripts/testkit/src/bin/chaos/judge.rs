//! Counts the observations of a soak, and keeps the failures.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// More failures of one kind say nothing new.
const SHOWN: usize = 20;

/// Counts the right observations, and keeps the failures.
#[derive(Debug)]
pub(crate) struct Judge {
    began: Instant,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    seen: BTreeMap<&'static str, u64>,
    findings: Vec<String>,
}

impl Judge {
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            inner: Mutex::default(),
        }
    }

    /// Counts an observation of `what`.
    pub(crate) fn saw(&self, what: &'static str) {
        *self.lock().seen.entry(what).or_default() += 1;
    }

    /// Keeps a failure.
    pub(crate) fn finds(&self, finding: impl Into<String>) {
        let (at, finding) = (self.began.elapsed().as_secs_f64(), finding.into());
        println!("\n{at:8.2} s  FOUND: {finding}");
        self.lock().findings.push(format!("{at:.2} s: {finding}"));
    }

    /// Prints an event.
    pub(crate) fn tells(&self, what: &str) {
        println!("{:8.2} s  {what}", self.began.elapsed().as_secs_f64());
    }

    /// Prints the counts and the failures. Returns whether there was no failure.
    pub(crate) fn concludes(&self) -> bool {
        let inner = self.lock();
        println!();
        for (what, count) in &inner.seen {
            println!("{count:>10}  {what}");
        }
        println!("{:>10}  findings", inner.findings.len());
        for finding in inner.findings.iter().take(SHOWN) {
            println!("  {finding}");
        }
        inner.findings.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
