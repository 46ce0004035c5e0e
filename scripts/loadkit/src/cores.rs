//! Which core runs the measured server and which one runs the load.

use anyhow::{Context as _, Result};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// Two cores, or the same core twice on a machine with one core.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cores {
    /// Runs only the measured server.
    pub(crate) server: usize,
    /// Runs the load, Redis and this program.
    pub(crate) load: usize,
}

impl Cores {
    /// Returns the first two cores that this process may use.
    pub(crate) fn find() -> Result<Self> {
        let allowed = sched_getaffinity(Pid::from_raw(0)).context("reading the CPU affinity")?;
        let mut cores = (0..CpuSet::count()).filter(|core| allowed.is_set(*core) == Ok(true));
        let server = cores.next().context("this process may use no core")?;
        let load = cores.next().unwrap_or(server);
        Ok(Self { server, load })
    }

    /// Pins this process, and every process that it starts from now on, to the load core.
    pub(crate) fn pin_to_load(self) -> Result<()> {
        let mut set = CpuSet::new();
        set.set(self.load).context("selecting a core")?;
        sched_setaffinity(Pid::from_raw(0), &set).context("pinning this process to a core")
    }
}
