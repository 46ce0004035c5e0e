//! Which core serves and which one loads.

use anyhow::{Context as _, Result};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use std::path::Path;
use testkit::process::{Process, binary_path};

/// The two cores; the same one twice where there is no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cores {
    /// For the server that is measured, alone.
    pub server: usize,
    /// For everything else: the load, Redis, this program.
    pub load: usize,
}

impl Cores {
    /// The first two that this process may use.
    pub fn find() -> Result<Self> {
        let allowed = sched_getaffinity(Pid::from_raw(0)).context("asking for the cores")?;
        let mut cores = (0..CpuSet::count()).filter(|core| allowed.is_set(*core) == Ok(true));
        let server = cores.next().context("not one core")?;
        let load = cores.next().unwrap_or(server);
        Ok(Self { server, load })
    }

    /// Whether server and load must share.
    pub fn is_shared(self) -> bool {
        self.server == self.load
    }

    /// Both.
    pub fn both(self) -> [usize; 2] {
        [self.server, self.load]
    }
}

/// Holds this process, and all that it starts from now on, to `cores`.
pub fn stay_on(cores: &[usize]) -> Result<()> {
    let mut set = CpuSet::new();
    for core in cores {
        set.set(*core).context("naming a core")?;
    }
    sched_setaffinity(Pid::from_raw(0), &set).context("staying on a core")
}

/// Starts a binary of this workspace, held to `cores`.
pub fn serve(
    cores: &[usize],
    binary: &str,
    args: &[&str],
    env: &[(&str, String)],
) -> Result<Process> {
    serve_at(cores, &binary_path(binary)?, args, env)
}

/// Starts the program at `path`, held to `cores`.
pub fn serve_at(
    cores: &[usize],
    path: &Path,
    args: &[&str],
    env: &[(&str, String)],
) -> Result<Process> {
    let cores: Vec<_> = cores.iter().map(usize::to_string).collect();
    let (cores, path) = (cores.join(","), path.display().to_string());
    let mut words = vec!["--cpu-list", &cores, &path];
    words.extend(args);
    // It becomes the program, so that the pid is the program's.
    Process::spawn_at(Path::new("/usr/bin/taskset"), &words, env)
}
