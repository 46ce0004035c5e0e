//! The limits that no operator sets. Fields rather than constants, so that a test need not wait for 75 seconds.

use std::time::Duration;

/// How long things may take, and how many there may be.
#[derive(Clone, Debug)]
pub struct Limits {
    /// From a connection, or the first byte of a later request, to the end of the request's head.
    pub head: Duration,
    /// Between two requests of one connection.
    pub idle: Duration,
    /// Without the client taking a byte of what waits for it.
    pub stalled: Duration,
    /// A stream's silence, after which a comment shows that it lives.
    pub keepalive: Duration,
    /// A request's wait for a fresh count.
    pub count_wait: Duration,
    /// Between two rings of this gateway's doorbell.
    pub refresh_request_gap: Duration,
    /// Between two readings of every key.
    pub reread: Duration,
    /// What is older than what is shown is passed over for so long: a snapshot in Redis, a count of another server.
    pub stale_grace: Duration,
    /// Connections at once, streams not counted.
    pub connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // A head is one packet or a few; 5 s leave room for two that are lost.
            head: Duration::from_secs(5),
            // Above the 60 s after which the usual balancers close, so that never we but they do.
            idle: Duration::from_secs(75),
            // Two keepalives that were not taken.
            stalled: Duration::from_secs(30),
            // Below the 30 to 60 s after which proxies take a silent stream for dead.
            keepalive: Duration::from_secs(15),
            // A count takes milliseconds; who waits longer is better told to come again.
            count_wait: Duration::from_secs(1),
            // Four a second for each gateway cannot trouble the worker, which counts at most once a second.
            refresh_request_gap: Duration::from_millis(250),
            // What a lost message costs; and the heartbeat that notices a dead connection well within 5 s.
            reread: Duration::from_secs(2),
            // The worker looks every 2 s, and a standby is active within 6 s; what still stands after that is meant.
            stale_grace: Duration::from_secs(10),
            // At some 20 KiB each 160 MiB; balancers and browsers keep far fewer open.
            connections: 8_192,
        }
    }
}
