//! What others take of this machine while something is measured: times of a busy hour are not those of a quiet one.

use anyhow::{Context as _, Result};
use nix::sys::resource::{UsageWho, getrusage};
use std::fs;
use std::time::{Duration, Instant};

/// What Linux counts the time of cores in (`USER_HZ`).
const TICK: Duration = Duration::from_millis(10);

/// A look at all cores, beside what we use of them.
#[derive(Debug)]
pub struct Neighbours {
    server: u32,
    began: Instant,
    busy: Duration,
    ours: Duration,
}

impl Neighbours {
    /// From now on; ours are this program, the programs that it has started and waited for, and the running `server`.
    ///
    /// # Errors
    /// When the server has gone.
    pub fn watch(server: u32) -> Result<Self> {
        Ok(Self {
            server,
            began: Instant::now(),
            busy: busy()?,
            ours: ours(server)?,
        })
    }

    /// In percent of all cores.
    ///
    /// # Errors
    /// When the server has gone.
    pub fn percent(&self) -> Result<f64> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let busy = busy()?.saturating_sub(self.busy);
        let ours = ours(self.server)?.saturating_sub(self.ours);
        let all = self.began.elapsed().as_secs_f64() * cores as f64;
        Ok(busy.saturating_sub(ours).as_secs_f64() / all * 100.0)
    }
}

/// The time that the cores have not been idle, a hypervisor's other guests included.
fn busy() -> Result<Duration> {
    let text = fs::read_to_string("/proc/stat").context("reading the time of the cores")?;
    let line = text.lines().next().context("no cores")?;
    // cpu user nice system idle iowait irq softirq steal; guests are in the first two.
    let fields = line.split_ascii_whitespace().skip(1).take(8).enumerate();
    let busy = fields.filter(|(field, _)| !matches!(field, 3 | 4));
    Ok(ticks(busy.map(|(_, field)| field)))
}

fn ours(server: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{server}/stat"));
    let stat = stat.context("the server has gone")?;
    // Behind the name in brackets: state, 10 numbers, then the times in and out of the kernel.
    let behind = stat.rsplit(')').next().unwrap_or_default();
    let mut all = ticks(behind.split_ascii_whitespace().skip(11).take(2));
    for who in [UsageWho::RUSAGE_SELF, UsageWho::RUSAGE_CHILDREN] {
        let usage = getrusage(who).context("asking for our own time")?;
        for time in [usage.user_time(), usage.system_time()] {
            let micros = time.tv_sec() * 1_000_000 + time.tv_usec();
            all += Duration::from_micros(u64::try_from(micros).unwrap_or(0));
        }
    }
    Ok(all)
}

fn ticks<'a>(fields: impl Iterator<Item = &'a str>) -> Duration {
    let ticks = fields.map(|field| field.parse().unwrap_or(0));
    TICK * ticks.sum::<u32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_we_use_ourselves_is_not_the_neighbours() {
        let me = std::process::id();
        let (busy_before, ours_before) = (busy().unwrap(), ours(me).unwrap());
        // Counted twice here, as program and as server: half of it is true.
        while ours(me).unwrap() < ours_before + TICK * 20 {}
        assert!(busy().unwrap() >= busy_before + TICK * 8);
    }
}
