//! The number of sockets that this process and its children may open.

use anyhow::{Context as _, Result};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Descriptors for everything else: libraries, logs, Redis, pipes.
const RESERVED: u64 = 200;

/// Raises the soft limit to the hard one. Returns the number of sockets that fit below it.
pub fn raise() -> Result<usize> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).context("reading a limit")?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).context("raising a limit")?;
    usize::try_from(hard.saturating_sub(RESERVED)).context("a limit that does not fit")
}
