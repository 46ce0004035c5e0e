//! What a process has used, out of /proc.

use anyhow::{Context as _, Result};
use std::fs;
use std::time::{Duration, Instant};

/// What Linux counts the time of cores in, whatever it counts in within (`USER_HZ`).
const TICK: Duration = Duration::from_millis(10);

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

    /// Looks at it from now on, and at the core that it is held to.
    pub fn watch(self, core: usize) -> Result<Watch> {
        Ok(Watch {
            meter: self,
            core,
            cpu: self.cpu()?,
            busy: busy(core)?,
            began: Instant::now(),
        })
    }

    /// Its memory in bytes; what it shares with others is counted in parts.
    pub fn memory(self) -> Result<u64> {
        let text = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.pid));
        let text = text.context("reading the memory of a process")?;
        bytes(&text, "Pss:")
    }

    /// The most memory that it has had at once, in bytes; what it shares with others is counted whole.
    pub fn peak(self) -> Result<u64> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.pid));
        bytes(&text.context("reading the peak of a process")?, "VmHWM:")
    }

    /// How many files and sockets it has open.
    pub fn descriptors(self) -> Result<usize> {
        let open = fs::read_dir(format!("/proc/{}/fd", self.pid));
        Ok(open.context("listing open files")?.count())
    }
}

/// What the kernel holds in bytes for everybody, of which sockets are what changes here.
pub fn kernel_memory() -> Result<u64> {
    let text = fs::read_to_string("/proc/meminfo").context("asking for the kernel's memory")?;
    bytes(&text, "Slab:")
}

/// A look at a process and its core.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    meter: Meter,
    core: usize,
    cpu: Duration,
    busy: Duration,
    began: Instant,
}

/// What it used while it was watched.
#[derive(Clone, Copy, Debug)]
pub struct Used {
    /// Its time on the core.
    pub cpu: Duration,
    /// Of the core's time what others took, from 0 to 1: on a busy machine times tell less than CPU does.
    pub others: f64,
}

impl Watch {
    /// Since the look began.
    pub fn used(&self) -> Result<Used> {
        let cpu = self.meter.cpu()?.saturating_sub(self.cpu);
        let busy = busy(self.core)?.saturating_sub(self.busy);
        let others = busy.saturating_sub(cpu).as_secs_f64() / self.began.elapsed().as_secs_f64();
        Ok(Used { cpu, others })
    }
}

impl Used {
    /// Microseconds for each of `count`.
    pub fn micros_each(&self, count: u64) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / count.max(1) as f64
    }
}

/// The figure of a line such as `Pss: 1024 kB`.
fn bytes(text: &str, name: &str) -> Result<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|line| line.split_ascii_whitespace().next());
    let kib: u64 = kib.context("no such line")?.parse().context("no number")?;
    Ok(kib * 1024)
}

/// The time that a core has not been idle, interrupts and a hypervisor's other guests included.
fn busy(core: usize) -> Result<Duration> {
    let text = fs::read_to_string("/proc/stat").context("reading the time of the cores")?;
    let name = format!("cpu{core} ");
    let line = text.lines().find_map(|line| line.strip_prefix(&name));
    let fields = line
        .context("a core that is not there")?
        .split_ascii_whitespace();
    // user nice system idle iowait irq softirq steal; guests are in the first two.
    let ticks = fields
        .take(8)
        .enumerate()
        .filter(|(field, _)| !matches!(field, 3 | 4));
    let ticks = ticks.map(|(_, ticks)| ticks.parse().unwrap_or(0));
    Ok(TICK * ticks.sum::<u32>())
}
