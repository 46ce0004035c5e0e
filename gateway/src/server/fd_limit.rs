//! Raises the limit of open files and sockets.

use crate::config::Config;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tracing::{info, warn};

/// Descriptors for everything but streams and connections: listeners, Redis, the runtime.
const RESERVED: u64 = 64;

/// Raises the soft limit of open files to the hard limit. The usual soft limit of 1,024 exists for old programs, and
/// each stream is an open file. Logs a warning if the hard limit is too low for the configured streams and connections.
pub fn raise_limit(config: &Config) {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard).map(|()| hard));
    let streams = config.max_streams;
    let connections = config.limits.connections as u64;
    let wanted = u64::from(streams) + connections + RESERVED;
    match raised {
        Ok(limit) if limit < wanted => warn!(
            limit,
            wanted,
            "SSE_MAX_CLIENTS is {streams}, but only {limit} files may be open: raise the limit (LimitNOFILE, ulimit -n)"
        ),
        Ok(_) => {}
        Err(error) => info!(%error, "cannot raise the limit of open files"),
    }
}
