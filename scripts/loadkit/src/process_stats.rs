//! What a process has used, read from /proc.

use anyhow::{Context as _, Result};
use std::fs;
use std::time::Duration;

/// Reads what one process has used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProcessStats {
    pid: u32,
}

impl ProcessStats {
    /// Reads the process `pid`.
    pub(crate) fn new(pid: u32) -> Self {
        Self { pid }
    }

    /// The CPU time of its threads, exact to the nanosecond. Threads that have ended are not included.
    pub(crate) fn cpu(self) -> Result<Duration> {
        let threads = fs::read_dir(format!("/proc/{}/task", self.pid));
        let threads = threads.context("the measured process has ended")?;
        let mut nanos = 0;
        for thread in threads {
            let path = thread.context("listing threads")?.path().join("schedstat");
            // Empty if the thread has ended meanwhile.
            let text = fs::read_to_string(path).unwrap_or_default();
            let first = text.split_ascii_whitespace().next();
            nanos += first.and_then(|text| text.parse().ok()).unwrap_or(0);
        }
        Ok(Duration::from_nanos(nanos))
    }

    /// Its memory in bytes. Memory that it shares with others is divided among them (Pss).
    pub(crate) fn memory(self) -> Result<u64> {
        let text = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.pid));
        parse_kib(&text.context("reading the memory of a process")?, "Pss:")
    }

    /// The most memory that it has had at once, in bytes (`VmHWM`).
    pub(crate) fn peak_memory(self) -> Result<u64> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.pid));
        let text = text.context("reading the peak memory of a process")?;
        parse_kib(&text, "VmHWM:")
    }
}

/// The memory of the kernel's slab caches in bytes. In a benchmark of streams, only sockets change it much.
pub(crate) fn kernel_memory() -> Result<u64> {
    let text = fs::read_to_string("/proc/meminfo").context("reading the kernel's memory")?;
    parse_kib(&text, "Slab:")
}

/// The bytes of a line such as `Pss: 1024 kB`.
fn parse_kib(text: &str, name: &str) -> Result<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|line| line.split_ascii_whitespace().next());
    let kib = kib.with_context(|| format!("there is no line {name}"))?;
    let kib: u64 = kib.parse().context("parsing a size")?;
    Ok(kib * 1024)
}

/// Bytes as MiB.
pub(crate) fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
