//! What the gateway is told by its environment.

use crate::http::cors::Origins;
use crate::limits::Limits;
use crate::server::forwarded::TrustedProxies;
use shared::environment::{BadConfiguration, Environment};
use shared::keys::Keys;
use shared::listener;
use shared::redis::RedisUrl;
use shared::telemetry::Logging;
use shared::variable::Variable;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Above any number of sockets that one process can hold; it catches a slip of the keyboard.
const MOST_STREAMS: u32 = 1_000_000;
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
    pub trusted_proxies: TrustedProxies,
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
    /// Reads `environment`.
    ///
    /// # Errors
    /// Every variable that cannot be used.
    pub fn read(mut environment: Environment<'_>) -> Result<Self, BadConfiguration> {
        let config = Self::of(&mut environment);
        environment.finish(config)
    }

    /// Every variable that the gateway reads.
    pub fn variables() -> Vec<Variable> {
        Environment::declared_by(Self::of)
    }

    /// The address that answers probes, also when clients hold all connections of `PORT`.
    pub fn probe_address(&self) -> SocketAddr {
        SocketAddr::new(self.host, self.admin_port.unwrap_or(self.port))
    }

    #[rustfmt::skip]
    fn of(env: &mut Environment<'_>) -> Self {
        use Variable as V;
        let port = env.port(V::optional("PORT", "3000", "the port to listen on; 0: any free one"));
        let host = listener::read_host(env);
        let admin_port = V::optional("ADMIN_PORT", "0", "where /health and /metrics are served in place of PORT, with /livez and /readyz; 0: off");
        let admin_port = Some(env.port(admin_port)).filter(|port| *port != 0);
        if admin_port == Some(port) {
            env.complain(format!("ADMIN_PORT={port} is the same as PORT: set it to another port, or to 0"));
        }
        let emit = V::optional("SSE_EMIT", "always", "which counts a stream sends: always (each), or change (each that differs)");
        let max_streams = V::optional("SSE_MAX_CLIENTS", "10000", "streams at once, 1 to 1000000; further ones are answered 503");
        let max_per_address = V::optional("MAX_PER_ADDRESS", "0", "connections at once, and as many streams, that one client address may hold, to 1000000; 0: no limit");
        let proxies = V::optional("TRUSTED_PROXIES", "", "whose X-Forwarded-For names the client's address: a list with commas, such as 10.0.0.0/8,::1");
        let drain = V::optional("SHUTDOWN_DRAIN_SECONDS", "10", "over how many seconds streams are ended at a stop, 0 to 3600");
        let origins = V::optional("CORS_ORIGINS", "", "whose pages may read the answers: empty (the same origin), a list with commas, or *");
        let redis = RedisUrl::read(env);
        Self {
            host,
            port,
            admin_port,
            streams_enabled: env.flag(V::optional("ENABLE_SSE_TODAY", "true", "whether /api/visitors/today/stream is served")),
            emit: env.choice(emit, &[("always", Emit::Always), ("change", Emit::Change)]),
            max_streams: env.number(max_streams, 1..=MOST_STREAMS),
            max_per_address: env.number(max_per_address, 0..=MOST_STREAMS),
            trusted_proxies: env.parse(proxies, TrustedProxies::parse),
            serve_stale: env.flag(V::optional("SERVE_STALE", "true", "whether a figure that is older than its ttl_seconds is served; false: it is answered 202, like a missing one")),
            drain_window: Duration::from_secs(env.number(drain, 0..=LONGEST_DRAIN_SECONDS)),
            origins: env.parse(origins, Origins::parse),
            access_log: env.flag(V::optional("ACCESS_LOG", "false", "whether each answer is a line of the log, with its X-Request-Id and the trace of its traceparent")),
            dashboard_enabled: env.flag(V::optional("ENABLE_DASHBOARD", "true", "whether the dashboard is served, at /")),
            docs_enabled: env.flag(V::optional("ENABLE_DOCS", "true", "whether the API's documents are served, /docs to read and /docs/json for machines")),
            keys: Keys::read(env, &redis),
            redis,
            logging: Logging::read(env, "gateway"),
            sequelize_is_set: env.is_set("USE_SEQUELIZE"),
            limits: Limits::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Config, String> {
        let lookup = |name: &str| {
            let found = pairs.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Config::read(Environment::of(lookup)).map_err(|e| e.to_string())
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
        assert_eq!(config.trusted_proxies, TrustedProxies::default());
        assert_eq!(config.drain_window, Duration::from_secs(10));
        assert_eq!(config.origins, Origins::Same);
        assert_eq!(config.redis.address(), "127.0.0.1:6379");
    }

    #[test]
    fn the_two_ports_must_differ() {
        let ports = |port, admin| read(&[("PORT", port), ("ADMIN_PORT", admin)]).err();
        let error = ports("3002", "3002").unwrap();
        assert!(
            error.contains("ADMIN_PORT=3002 is the same as PORT"),
            "{error}"
        );
        assert!(
            read(&[("ADMIN_PORT", "3000")]).is_err(),
            "the default of PORT"
        );
        for (port, admin) in [("0", "0"), ("3000", "0"), ("3000", "3002"), ("0", "3002")] {
            assert_eq!(ports(port, admin), None);
        }
    }

    #[test]
    fn a_probe_asks_the_port_of_the_operators() {
        let asked = |pairs| read(pairs).ok().unwrap().probe_address().to_string();
        assert_eq!(asked(&[("PORT", "3000")]), "0.0.0.0:3000");
        assert_eq!(
            asked(&[("HOST", "::1"), ("ADMIN_PORT", "3002")]),
            "[::1]:3002"
        );
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
            let start = format!("\n  {name}");
            assert!(complaints.contains(&start), "{name}: {complaints}");
        }
        assert!(!complaints.contains("secret"));
    }
}
