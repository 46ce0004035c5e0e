//! The configuration of the gateway, read from the environment.

use crate::http::cors::Origins;
use crate::http::frame_ancestors::FrameAncestors;
use crate::limits::Limits;
use shared::environment::{BadConfiguration, Environment};
use shared::keys::Keys;
use shared::listener;
use shared::redis::RedisUrl;
use shared::telemetry::Logging;
use shared::variable::Variable;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// Above any number of sockets that one process can hold; it catches typing errors.
const MAX_STREAMS: u32 = 1_000_000;
/// One hour. No orchestrator waits longer for a process to stop.
const MAX_DRAIN_SECONDS: u64 = 3_600;

/// The values of all variables.
#[derive(Clone)]
pub struct Config {
    /// `HOST`.
    pub host: IpAddr,
    /// `PORT`.
    pub port: u16,
    /// `ADMIN_PORT`; `None` if it is off.
    pub admin_port: Option<u16>,
    /// `ENABLE_SSE_TODAY`.
    pub streams_enabled: bool,
    /// `SSE_EMIT`.
    pub emit: Emit,
    /// `SSE_MAX_CLIENTS`.
    pub max_streams: u32,
    /// `MAX_PER_ADDRESS`.
    pub max_per_address: u32,
    /// `SERVE_STALE`.
    pub serve_stale: bool,
    /// `SHUTDOWN_DRAIN_SECONDS`.
    pub drain_window: Duration,
    /// `CORS_ORIGINS`.
    pub origins: Origins,
    /// `FRAME_ANCESTORS`.
    pub frame_ancestors: FrameAncestors,
    /// `LIBRARY_FILE`; `None` if there is none.
    pub library_file: Option<PathBuf>,
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
    /// Whether `USE_SEQUELIZE` is set, a variable of the former backend that has no effect here.
    pub sequelize_is_set: bool,
    /// Limits that are not configurable.
    pub limits: Limits,
}

/// Which counts a stream sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emit {
    /// Every count.
    Always,
    /// Counts whose total or date differs from the last one sent, and the next count after a silence of 15 s.
    Change,
}

impl Config {
    /// Reads the configuration from `environment`.
    ///
    /// # Errors
    /// Names every invalid variable.
    pub fn read(mut environment: Environment<'_>) -> Result<Self, BadConfiguration> {
        let config = Self::from_environment(&mut environment);
        environment.finish(config)
    }

    /// Returns every variable that the gateway reads.
    pub fn variables() -> Vec<Variable> {
        Environment::declared_by(Self::from_environment)
    }

    /// Returns the address for probes: that of `ADMIN_PORT` if it is on, because `PORT` may be at its connection limit.
    pub fn probe_address(&self) -> SocketAddr {
        SocketAddr::new(self.host, self.admin_port.unwrap_or(self.port))
    }

    #[rustfmt::skip]
    fn from_environment(env: &mut Environment<'_>) -> Self {
        use Variable as V;
        let port = env.port(V::optional("PORT", "3000", "the port to listen on; 0: any free one"));
        let host = listener::read_host(env);
        let admin_port = V::optional("ADMIN_PORT", "0", "the port that serves /health and /metrics instead of PORT, and also /livez and /readyz; 0: off");
        let admin_port = Some(env.port(admin_port)).filter(|port| *port != 0);
        if admin_port == Some(port) {
            env.complain(format!("ADMIN_PORT={port} is the same as PORT: set it to another port, or to 0"));
        }
        let emit = V::optional("SSE_EMIT", "always", "which counts a stream sends: always (every count), or change (only counts that differ)");
        let max_streams = V::optional("SSE_MAX_CLIENTS", "10000", "maximum number of open streams, 1 to 1000000; further requests get a 503");
        let max_per_address = V::optional("MAX_PER_ADDRESS", "0", "maximum number of connections, and of streams, of each peer address (IPv6: each /64), up to 1000000; 0: no limit");
        let drain = V::optional("SHUTDOWN_DRAIN_SECONDS", "10", "the seconds over which streams are closed when the gateway stops, 0 to 3600");
        let origins = V::optional("CORS_ORIGINS", "", "the origins whose pages may read the responses: empty (only the same origin), a comma-separated list, or *");
        let ancestors = V::optional("FRAME_ANCESTORS", "", "the pages that may show the dashboard in a frame: empty (none), a comma-separated list of self and origins, or *");
        let library_file = env.text(V::optional("LIBRARY_FILE", "", "the path of a JSON file with the library's name, logo, opening hours and notices, see the README; empty: none"));
        let redis = RedisUrl::read(env);
        Self {
            host,
            port,
            admin_port,
            streams_enabled: env.flag(V::optional("ENABLE_SSE_TODAY", "true", "whether to serve /api/visitors/today/stream")),
            emit: env.choice(emit, &[("always", Emit::Always), ("change", Emit::Change)]),
            max_streams: env.number(max_streams, 1..=MAX_STREAMS),
            max_per_address: env.number(max_per_address, 0..=MAX_STREAMS),
            serve_stale: env.flag(V::optional("SERVE_STALE", "true", "whether to serve a figure that is older than its ttl_seconds; false: the response is 202, as for a missing figure")),
            drain_window: Duration::from_secs(env.number(drain, 0..=MAX_DRAIN_SECONDS)),
            origins: env.parse(origins, Origins::parse),
            frame_ancestors: env.parse(ancestors, FrameAncestors::parse),
            library_file: Some(library_file).filter(|path| !path.is_empty()).map(PathBuf::from),
            access_log: env.flag(V::optional("ACCESS_LOG", "false", "whether to log each response, with its X-Request-Id and the trace id of its traceparent")),
            dashboard_enabled: env.flag(V::optional("ENABLE_DASHBOARD", "true", "whether to serve the dashboard at / and the logo at /logo")),
            docs_enabled: env.flag(V::optional("ENABLE_DOCS", "true", "whether to serve the API documentation: /docs for people, /docs/json for machines")),
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
        Config::read(Environment::from_lookup(lookup)).map_err(|e| e.to_string())
    }

    #[test]
    fn defaults_match_the_contract() {
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
        assert_eq!(config.drain_window, Duration::from_secs(10));
        assert_eq!(config.origins, Origins::Same);
        assert_eq!(config.library_file, None);
        assert_eq!(config.frame_ancestors.sources(), "'none'");
        assert_eq!(config.redis.address(), "127.0.0.1:6379");
    }

    #[test]
    fn port_and_admin_port_must_differ() {
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
    fn probes_use_the_admin_port() {
        let address = |pairs| read(pairs).ok().unwrap().probe_address().to_string();
        assert_eq!(address(&[("PORT", "3000")]), "0.0.0.0:3000");
        assert_eq!(
            address(&[("HOST", "::1"), ("ADMIN_PORT", "3002")]),
            "[::1]:3002"
        );
    }

    #[test]
    fn all_invalid_variables_are_named_at_once() {
        let bad = [
            ("PORT", "70000"),
            ("ADMIN_PORT", "x"),
            ("HOST", "here"),
            ("ENABLE_SSE_TODAY", "perhaps"),
            ("SSE_EMIT", "never"),
            ("SSE_MAX_CLIENTS", "0"),
            ("MAX_PER_ADDRESS", "-1"),
            ("SERVE_STALE", "often"),
            ("SHUTDOWN_DRAIN_SECONDS", "-1"),
            ("CORS_ORIGINS", "example.org"),
            ("FRAME_ANCESTORS", "example.org"),
            ("ACCESS_LOG", "/var/log"),
            ("ENABLE_DASHBOARD", "here"),
            ("ENABLE_DOCS", "2"),
            ("REDIS_URL", "http://:secret@x"),
        ];
        let error = read(&bad).err().unwrap();
        for (name, _) in bad {
            let start = format!("\n  {name}");
            assert!(error.contains(&start), "{name}: {error}");
        }
        assert!(!error.contains("secret"));
    }
}
