//! What the gateway is told by its environment.

use crate::cors::Origins;
use crate::limits::Limits;
use crate::proxies::Proxies;
use shared::environment::{BadConfiguration, Environment};
use shared::keys::Keys;
use shared::redis::RedisUrl;
use shared::telemetry::Logging;
use shared::variable::{SHARED, Variable};
use std::net::IpAddr;
use std::time::Duration;

/// Every variable that the gateway reads.
pub const VARIABLES: [Variable; OWN.len() + SHARED.len()] = {
    let mut all = [OWN[0]; OWN.len() + SHARED.len()];
    let mut index = 0;
    while index < all.len() {
        all[index] = if index < OWN.len() {
            OWN[index]
        } else {
            SHARED[index - OWN.len()]
        };
        index += 1;
    }
    all
};

const OWN: [Variable; 14] = [
    Variable::optional("PORT", "3000", "where it listens; 0: any free port"),
    Variable::optional("HOST", "0.0.0.0", "the IP address that it listens on"),
    Variable::optional(
        "ADMIN_PORT",
        "0",
        "where /health and /metrics are served in place of PORT, with /livez and /readyz; 0: off",
    ),
    Variable::optional(
        "ENABLE_SSE_TODAY",
        "true",
        "whether /api/visitors/today/stream is there",
    ),
    Variable::optional(
        "SSE_EMIT",
        "always",
        "which counts a stream sends: always (each), or change (each that differs)",
    ),
    Variable::optional(
        "SSE_MAX_CLIENTS",
        "10000",
        "streams at once, 1 to 1000000; who comes later is answered 503",
    ),
    Variable::optional(
        "MAX_PER_ADDRESS",
        "0",
        "connections at once, and streams besides, that one client address may hold, to 1000000; 0: no limit",
    ),
    Variable::optional(
        "TRUSTED_PROXIES",
        "",
        "whose X-Forwarded-For tells the client's address: a list with commas, such as 10.0.0.0/8, ::1",
    ),
    Variable::optional(
        "SERVE_STALE",
        "true",
        "whether a figure that is older than its ttl_seconds is served; false: it is answered 202, as one that is missing",
    ),
    Variable::optional(
        "SHUTDOWN_DRAIN_SECONDS",
        "10",
        "over how many seconds streams are ended at a stop, 0 to 3600",
    ),
    Variable::optional(
        "CORS_ORIGINS",
        "",
        "whose pages may read the answers: empty (the same origin), a list with commas, or *",
    ),
    Variable::optional(
        "ACCESS_LOG",
        "false",
        "whether each answer is a line of the log, with its X-Request-Id and the trace of its traceparent",
    ),
    Variable::optional(
        "ENABLE_DASHBOARD",
        "true",
        "whether the dashboard is there, at /",
    ),
    Variable::optional(
        "ENABLE_DOCS",
        "true",
        "whether the API's documents are there, /docs to read and /docs/json for machines",
    ),
];

/// Above any number of sockets that one process can hold; it catches a slip of the keyboard.
const MOST_STREAMS: u64 = 1_000_000;
/// An hour; no orchestrator waits longer for a process to stop.
const LONGEST_DRAIN_SECONDS: u64 = 3_600;

/// The environment, read.
#[derive(Clone)]
pub struct Config {
    /// `HOST`.
    pub host: IpAddr,
    /// `PORT`.
    pub port: u16,
    /// `ADMIN_PORT`; `None` is off.
    pub admin_port: Option<u16>,
    /// `ENABLE_SSE_TODAY`.
    pub streams_enabled: bool,
    /// `SSE_EMIT`.
    pub emit: Emit,
    /// `SSE_MAX_CLIENTS`.
    pub max_streams: u32,
    /// `MAX_PER_ADDRESS`.
    pub max_per_address: u32,
    /// `TRUSTED_PROXIES`.
    pub trusted_proxies: Proxies,
    /// `SERVE_STALE`.
    pub serve_stale: bool,
    /// `SHUTDOWN_DRAIN_SECONDS`.
    pub drain_window: Duration,
    /// `CORS_ORIGINS`.
    pub origins: Origins,
    /// `ACCESS_LOG`.
    pub access_log: bool,
    /// `ENABLE_DASHBOARD`.
    pub dashboard_enabled: bool,
    /// `ENABLE_DOCS`.
    pub docs_enabled: bool,
    /// `REDIS_URL`.
    pub redis: RedisUrl,
    /// `REDIS_KEY_PREFIX`.
    pub keys: Keys,
    /// `LOG_FORMAT` and `RUST_LOG`.
    pub logging: Logging,
    /// Whether a variable of the former backend is set that means nothing here.
    pub sequelize_is_set: bool,
    /// Not of the environment.
    pub limits: Limits,
}

/// Which counts a stream sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emit {
    /// Every one.
    Always,
    /// One whose total or date differs from the last that was sent, and the next after a silence.
    Change,
}

impl Config {
    /// Reads [`VARIABLES`].
    ///
    /// # Errors
    /// Every variable that cannot be used.
    pub fn read(mut environment: Environment<'_>) -> Result<Self, BadConfiguration> {
        let config = Self {
            host: environment.parse("HOST", |text| {
                let wanted = "is not an IP address such as 0.0.0.0 or ::";
                text.parse().map_err(|_| wanted.to_owned())
            }),
            port: environment.port("PORT"),
            admin_port: Some(environment.port("ADMIN_PORT")).filter(|port| *port != 0),
            streams_enabled: environment.flag("ENABLE_SSE_TODAY"),
            emit: environment.choice(
                "SSE_EMIT",
                &[("always", Emit::Always), ("change", Emit::Change)],
            ),
            max_streams: small(environment.number("SSE_MAX_CLIENTS", 1..=MOST_STREAMS)),
            max_per_address: small(environment.number("MAX_PER_ADDRESS", 0..=MOST_STREAMS)),
            trusted_proxies: environment.parse("TRUSTED_PROXIES", Proxies::parse),
            serve_stale: environment.flag("SERVE_STALE"),
            drain_window: Duration::from_secs(
                environment.number("SHUTDOWN_DRAIN_SECONDS", 0..=LONGEST_DRAIN_SECONDS),
            ),
            origins: environment.parse("CORS_ORIGINS", Origins::parse),
            access_log: environment.flag("ACCESS_LOG"),
            dashboard_enabled: environment.flag("ENABLE_DASHBOARD"),
            docs_enabled: environment.flag("ENABLE_DOCS"),
            redis: RedisUrl::read(&mut environment),
            keys: Keys::new(environment.text("REDIS_KEY_PREFIX")),
            logging: Logging::read(&mut environment),
            sequelize_is_set: environment.is_set("USE_SEQUELIZE"),
            limits: Limits::default(),
        };
        environment.finish(config)
    }
}

fn small(number: u64) -> u32 {
    u32::try_from(number).expect("its range ends far below 4 billion")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Config, String> {
        let lookup = |name: &str| {
            let found = pairs.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Config::read(Environment::of(&VARIABLES, lookup)).map_err(|e| e.to_string())
    }

    #[test]
    fn the_defaults_are_those_of_the_contract() {
        let config = read(&[]).ok().unwrap();
        assert_eq!(config.host.to_string(), "0.0.0.0");
        assert_eq!(config.port, 3000);
        assert_eq!(config.admin_port, None);
        assert!(config.streams_enabled && config.serve_stale);
        assert!(!config.access_log);
        assert!(config.dashboard_enabled && config.docs_enabled);
        assert_eq!(config.emit, Emit::Always);
        assert_eq!(config.max_streams, 10_000);
        assert_eq!(config.max_per_address, 0);
        assert_eq!(config.trusted_proxies, Proxies::default());
        assert_eq!(config.drain_window, Duration::from_secs(10));
        assert_eq!(config.origins, Origins::Same);
        assert_eq!(config.redis.address(), "127.0.0.1:6379");
    }

    #[test]
    fn every_bad_variable_is_named_at_once() {
        let bad = [
            ("PORT", "70000"),
            ("ADMIN_PORT", "x"),
            ("HOST", "here"),
            ("ENABLE_SSE_TODAY", "perhaps"),
            ("SSE_EMIT", "never"),
            ("SSE_MAX_CLIENTS", "0"),
            ("MAX_PER_ADDRESS", "-1"),
            ("TRUSTED_PROXIES", "balancer.example"),
            ("SERVE_STALE", "often"),
            ("SHUTDOWN_DRAIN_SECONDS", "-1"),
            ("CORS_ORIGINS", "example.org"),
            ("ACCESS_LOG", "/var/log"),
            ("ENABLE_DASHBOARD", "here"),
            ("ENABLE_DOCS", "2"),
            ("REDIS_URL", "http://:secret@x"),
        ];
        let complaints = read(&bad).err().unwrap();
        for (name, _) in bad {
            assert!(complaints.contains(name), "{complaints}");
        }
        assert!(!complaints.contains("secret"));
    }
}
