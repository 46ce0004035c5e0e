//! What a process has used, out of /proc.

use anyhow::{Context as _, Result};
use std::fs;
use std::time::Duration;

/// A process to be measured.
#[derive(Clone, Copy, Debug)]
pub struct Meter {
    pid: u32,
}

impl Meter {
    /// Of the process `pid`.
    pub fn of(pid: u32) -> Self {
        Self { pid }
    }

    /// The time that its threads have spent on a core, to the nanosecond; a thread that has ended is not in it.
    pub fn cpu(self) -> Result<Duration> {
        let threads = fs::read_dir(format!("/proc/{}/task", self.pid));
        let threads = threads.context("the process that is measured has gone")?;
        let mut nanos = 0;
        for thread in threads {
            let path = thread.context("listing threads")?.path().join("schedstat");
            // One that ended meanwhile is not in it.
            let text = fs::read_to_string(path).unwrap_or_default();
            let first = text.split_ascii_whitespace().next();
            nanos += first.and_then(|text| text.parse().ok()).unwrap_or(0);
        }
        Ok(Duration::from_nanos(nanos))
    }

    /// Its memory in bytes; what it shares with others is counted in parts.
    pub fn memory(self) -> Result<u64> {
        let text = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.pid));
        let text = text.context("reading the memory of a process")?;
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
        let kib = line.and_then(|line| line.split_ascii_whitespace().next());
        let kib: u64 = kib.context("no Pss")?.parse().context("Pss is no number")?;
        Ok(kib * 1024)
    }

    /// How many files and sockets it has open.
    pub fn descriptors(self) -> Result<usize> {
        let open = fs::read_dir(format!("/proc/{}/fd", self.pid));
        Ok(open.context("listing open files")?.count())
    }
}
