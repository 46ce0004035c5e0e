//! How many files and sockets the process may have open.

use crate::config::Config;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tracing::{info, warn};

/// Open besides streams and connections: listeners, Redis, the runtime's own.
const BESIDES: u64 = 64;

/// Raises the soft limit to the hard one: 1,024 is usual, for the sake of old programs, and a stream is an open file. Says so
/// when even that is too few for what may come.
pub fn raise_limit(config: &Config) {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard).map(|()| hard));
    let streams = config.max_streams;
    let connections = config.limits.connections as u64;
    let wanted = u64::from(streams) + connections + BESIDES;
    match raised {
        Ok(limit) if limit < wanted => warn!(
            limit,
            wanted,
            "SSE_MAX_CLIENTS is {streams}, but only {limit} files may be open: raise that (LimitNOFILE, ulimit -n)"
        ),
        Ok(_) => {}
        Err(error) => info!(%error, "the limit of open files stays as it is"),
    }
}
