//! Time and size limits that are not configurable. They are fields rather than constants so that tests can shorten
//! them.

use std::time::Duration;

/// The limits of connections, streams and the connection to Redis.
#[derive(Clone, Debug)]
pub struct Limits {
    /// From accepting a connection, or from the first byte of a later request, to the end of the request head.
    pub head: Duration,
    /// How long a connection may be idle between two requests.
    pub idle: Duration,
    /// How long a client may read nothing while data is waiting for it. `sse::hub` enforces it for streams,
    /// `server::timeout_stream` for all other responses.
    pub stalled: Duration,
    /// After this silence a stream sends a comment, which shows that it is alive.
    pub keepalive: Duration,
    /// How long a request waits for a fresh count.
    pub count_wait: Duration,
    /// The shortest time between two refresh requests of this gateway.
    pub refresh_request_gap: Duration,
    /// The interval at which every key is compared with the cache.
    pub reread: Duration,
    /// How long a value that is older than the cached one is ignored: a snapshot, or a count from another Redis server
    /// after a fail-over.
    pub stale_grace: Duration,
    /// The interval at which the library's file is compared with what was read.
    pub library_check: Duration,
    /// Open connections of a listener, streams not included.
    pub connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // A head is one packet or a few; 5 s allow for two lost packets.
            head: Duration::from_secs(5),
            // Above the 60 s of the usual load balancers, so that the balancer always closes first.
            idle: Duration::from_secs(75),
            // Two keepalives that the client did not read.
            stalled: Duration::from_secs(30),
            // Below the 30 to 60 s after which proxies close a silent stream.
            keepalive: Duration::from_secs(15),
            // A count takes milliseconds; a client that would wait longer should retry instead.
            count_wait: Duration::from_secs(1),
            // Four per second from each gateway are harmless: the worker counts at most once a second.
            refresh_request_gap: Duration::from_millis(250),
            // The longest delay if a message is lost. It is also the heartbeat that detects a dead connection well within 5 s.
            reread: Duration::from_secs(2),
            // The worker compares Redis with its cache every 2 s, and a standby takes over within 6 s. A value that is
            // still there after 10 s is intended.
            stale_grace: Duration::from_secs(10),
            // A change is promised to be seen within 5 s. Two calls of the kernel cost nothing.
            library_check: Duration::from_secs(2),
            // About 160 MiB at 20 KiB each. Balancers and browsers keep far fewer open.
            connections: 8_192,
        }
    }
}
