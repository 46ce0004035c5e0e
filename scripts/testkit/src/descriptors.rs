//! How many sockets this process, and each that it starts, may hold.

use anyhow::{Context as _, Result};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// For what is open besides streams: libraries, logs, Redis, pipes.
const BESIDES: u64 = 200;

/// Raises the limit to the hard one; returns how many sockets fit below it.
pub fn raise() -> Result<usize> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).context("asking for a limit")?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).context("raising a limit")?;
    usize::try_from(hard.saturating_sub(BESIDES)).context("a limit that does not fit")
}
