//! The worker's configuration: reads, parses and validates every environment variable.

use crate::calendar::Calendar;
use crate::mysql::scan_settings::ScanSettings;
use crate::snapshots::cron::Cron;
use crate::snapshots::member_names::MemberNames;
use shared::environment::{BadConfiguration, Environment};
use shared::keys::Keys;
use shared::listener;
use shared::redis::RedisUrl;
use shared::telemetry::Logging;
use shared::tls::{Authorities, Identity};
use shared::variable::Variable;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// The worker's configuration.
pub struct Config {
    /// The address of the health endpoints; `None` if they are off.
    pub health: Option<SocketAddr>,
    /// The SLiMS database.
    pub mysql: Mysql,
    /// The Redis server.
    pub redis: RedisUrl,
    /// The names of keys and channels.
    pub keys: Keys,
    /// The library's calendar.
    pub calendar: Calendar,
    /// How today's visitors are counted.
    pub mode: CountMode,
    /// The shortest time from the start of one tick to the start of the next.
    pub interval: Duration,
    /// The shortest time from the end of one tick to the start of the next.
    pub buffer: Duration,
    /// When the visitor snapshots are refreshed.
    pub visitor_cron: Cron,
    /// When the book snapshots are refreshed.
    pub books_cron: Cron,
    /// How the tables are scanned for the daily figures.
    pub scan: ScanSettings,
    /// How often the circulation is refreshed; `None` if only the daily pass makes it.
    pub circulation_interval: Option<Duration>,
    /// How long a snapshot counts as fresh.
    pub ttl_seconds: u32,
    /// How rankings show members.
    pub member_names: MemberNames,
    /// Format and filter of the logs.
    pub logging: Logging,
    /// Whether `USE_SEQUELIZE` of the former backend is set, which is ignored.
    pub sequelize_is_set: bool,
}

/// How to connect to MySQL or MariaDB. Not `Debug`, because it holds the password.
pub struct Mysql {
    /// The host name or IP address.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// The path of the server's socket, which replaces host and port; `None` for TCP.
    pub socket: Option<String>,
    /// The account.
    pub user: String,
    /// The password, possibly empty.
    pub password: String,
    /// The SLiMS database.
    pub database: String,
    /// The largest number of connections.
    pub pool_limit: usize,
    /// Whether the connection is encrypted.
    pub tls: Tls,
    /// The certificate authorities of `MYSQL_TLS_CA`; `None` for the public ones.
    pub authorities: Option<Authorities>,
    /// The client certificate of `MYSQL_TLS_CERT` and `MYSQL_TLS_KEY`; `None` without.
    pub identity: Option<Identity>,
}

/// `MYSQL_TLS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// Plain TCP.
    Off,
    /// Encrypted, without checking the certificate.
    Required,
    /// Encrypted. The certificate must be for that host and signed by a trusted authority.
    Verify,
}

/// `TODAY_COUNT_MODE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountMode {
    /// Counts the whole day at each tick.
    Direct,
    /// A base plus a counter in Redis that the check-in software increments.
    Incremental,
    /// A base plus the rows above a watermark.
    Delta,
    /// `Direct` while that is fast enough, otherwise `Delta`.
    Auto,
}

impl CountMode {
    /// The name of the mode in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Incremental => "incremental",
            Self::Delta => "delta",
            Self::Auto => "auto",
        }
    }
}

impl Config {
    /// Reads the environment of this process.
    ///
    /// # Errors
    /// Lists every variable that is missing or invalid.
    pub fn from_process() -> Result<Self, BadConfiguration> {
        Self::read(Environment::of_process())
    }

    /// Reads `environment`.
    ///
    /// # Errors
    /// Lists every variable that is missing or invalid.
    pub fn read(mut environment: Environment<'_>) -> Result<Self, BadConfiguration> {
        let config = Self::from_environment(&mut environment);
        environment.finish(config)
    }

    /// Every variable that the worker reads.
    pub fn variables() -> Vec<Variable> {
        Environment::declared_by(Self::from_environment)
    }

    #[rustfmt::skip]
    fn from_environment(env: &mut Environment<'_>) -> Self {
        use Variable as V;
        let port = env.port(V::optional("WORKER_PORT", "3001", "port of /livez, /readyz, /health and /metrics; 0 is off"));
        let host = listener::read_host(env);
        let mysql = Mysql::read(env);
        let redis = RedisUrl::read(env);
        let keys = Keys::read(env, &redis);
        let zone = V::optional("LIBRARY_TIMEZONE", "Asia/Jakarta", "IANA zone in which SLiMS writes its times");
        let calendar = env.parse(zone, Calendar::parse);
        let mode = V::optional("TODAY_COUNT_MODE", "direct", "how today's visitors are counted: direct, incremental, delta, or auto (direct while that is fast enough, else delta)");
        let interval = V::optional("VISITOR_SYNC_MIN_INTERVAL_MS", "1000", "shortest interval between two counts of today, 100 to 3600000 ms");
        let buffer = V::optional("VISITOR_SYNC_BUFFER_MS", "200", "pause after each count, 0 to 3600000 ms");
        let visitor_cron = V::optional("VISITOR_SLOW_CRON", "5 0 * * *", "when the visitor figures are computed again: 5 fields, or 6 with seconds first, in the library's zone");
        let books_cron = V::optional("BOOKS_SLOW_CRON", "10 0 * * *", "when the book figures are computed again; the same");
        let duty = V::optional("REFRESH_DUTY_PERCENT", "50", "share of the time in which the refresh of the daily figures reads, 1 to 100 %; it pauses for the rest");
        let circulation = V::optional("CIRCULATION_INTERVAL_SECONDS", "60", "how often the circulation (on loan, overdue, lent and returned today) is refreshed, 10 to 3600 s; 0 is off: once a day");
        let ttl = V::optional("SNAPSHOT_TTL_SECONDS", "90000", "how long a figure counts as fresh, 60 to 31536000 s");
        let names = V::optional("MEMBER_NAMES", "full", "names in rankings: full, masked (Siti N.), hidden");
        let config = Self {
            health: (port != 0).then_some(SocketAddr::new(host, port)),
            mysql,
            redis,
            keys,
            mode: env.choice(mode, &[
                ("direct", CountMode::Direct),
                ("incremental", CountMode::Incremental),
                ("delta", CountMode::Delta),
                ("auto", CountMode::Auto),
            ]),
            interval: Duration::from_millis(env.number(interval, 100..=3_600_000)),
            buffer: Duration::from_millis(env.number(buffer, 0..=3_600_000)),
            visitor_cron: env.parse(visitor_cron, |text| Cron::parse(text, &calendar)),
            books_cron: env.parse(books_cron, |text| Cron::parse(text, &calendar)),
            scan: ScanSettings::with_duty(env.number(duty, 1..=100)),
            circulation_interval: env.parse(circulation, parse_interval),
            ttl_seconds: env.number(ttl, 60..=31_536_000),
            member_names: env.choice(names, &[
                ("full", MemberNames::Full),
                ("masked", MemberNames::Masked),
                ("hidden", MemberNames::Hidden),
            ]),
            logging: Logging::read(env, "worker"),
            sequelize_is_set: env.is_set("USE_SEQUELIZE"),
            calendar,
        };
        if config.redis.is_clustered() && !config.keys.share_a_slot() {
            let wanted = "REDIS_KEY_PREFIX needs a part in braces with redis-cluster://, such as {lib1}: \
                          all keys must be in one slot, because each write checks the lease";
            env.complain(wanted.to_owned());
        }
        config
    }

    /// The settings that affect the content of snapshots, as text. A snapshot made under other settings is computed
    /// again.
    ///
    /// Host and port of the database are left out, because two workers may name the same server differently. So workers
    /// that read equally named databases on two servers must not share a Redis database and prefix: the snapshots of
    /// one would count as those of the other until the next cron.
    pub fn settings(&self) -> String {
        let (database, zone) = (&self.mysql.database, self.calendar.zone());
        let (names, ttl) = (self.member_names, self.ttl_seconds);
        let version = env!("CARGO_PKG_VERSION");
        format!("{version} {database} {zone} {names:?} {ttl}")
    }
}

impl Mysql {
    #[rustfmt::skip]
    fn read(env: &mut Environment<'_>) -> Self {
        use Variable as V;
        let host = V::optional("MYSQL_HOST", "127.0.0.1", "host name or IP address of the SLiMS database");
        let port = V::optional("MYSQL_PORT", "3306", "its port");
        let socket = V::optional("MYSQL_SOCKET", "", "path of its Unix socket, such as /run/mysqld/mysqld.sock, used instead of host and port; without TLS");
        let password = V::optional("MYSQL_PASSWORD", "", "its password").secret().or_file("MYSQL_PASSWORD_FILE");
        let limit = V::optional("MYSQL_POOL_LIMIT", "10", "largest number of connections, 2 to 100; one is reserved for today's count");
        let tls = V::optional("MYSQL_TLS", "off", "off, required (encrypted), verify (encrypted, certificate checked)");
        let authorities = V::optional("MYSQL_TLS_CA", "", "a PEM file with the authorities to trust for verify; empty: the public ones");
        let certificate = V::optional("MYSQL_TLS_CERT", "", "a PEM file with the client certificate, for an account that must have one (REQUIRE X509)");
        let key = V::optional("MYSQL_TLS_KEY", "", "a PEM file with the private key of MYSQL_TLS_CERT");
        let mysql = Self {
            host: env.parse(host, parse_host),
            port: env.number(port, 1..=65_535),
            socket: env.parse(socket, parse_socket),
            user: env.text(V::required("MYSQL_USER", "the account that reads the SLiMS database; SELECT is enough")),
            password: env.text(password),
            database: env.text(V::required("MYSQL_DATABASE", "the name of the SLiMS database")),
            // The fast loop keeps one connection, so the refreshes need at least another one.
            pool_limit: env.number(limit, 2..=100),
            tls: env.choice(tls, &[
                ("off", Tls::Off),
                ("required", Tls::Required),
                ("verify", Tls::Verify),
            ]),
            authorities: env.parse(authorities, Authorities::read),
            identity: Identity::read(env, certificate, key),
        };
        // The socket never leaves the machine, and the driver does not encrypt it.
        if mysql.socket.is_some() && mysql.tls != Tls::Off {
            env.complain("MYSQL_TLS has no effect on MYSQL_SOCKET, which does not leave this machine: set MYSQL_TLS=off, \
                          or unset MYSQL_SOCKET".to_owned());
        }
        if mysql.authorities.is_some() && mysql.tls != Tls::Verify {
            env.complain("MYSQL_TLS_CA is set but not used: set MYSQL_TLS=verify".to_owned());
        }
        if mysql.identity.is_some() && mysql.tls == Tls::Off {
            env.complain("MYSQL_TLS_CERT is set but not used: set MYSQL_TLS=required or MYSQL_TLS=verify".to_owned());
        }
        mysql
    }

    /// Host and port, or the path of the socket, for people.
    pub fn address(&self) -> String {
        match &self.socket {
            Some(path) => path.clone(),
            None if self.host.contains(':') => format!("[{}]:{}", self.host, self.port),
            None => format!("{}:{}", self.host, self.port),
        }
    }
}

/// Checks the path of a socket. The server may create it later.
fn parse_socket(text: &str) -> Result<Option<String>, String> {
    match text {
        "" => Ok(None),
        path if path.starts_with('/') => Ok(Some(path.to_owned())),
        _ => Err("is not a path that begins with /, such as /run/mysqld/mysqld.sock".to_owned()),
    }
}

/// Parses a number of seconds from 10 to 3600; `None` for 0.
fn parse_interval(text: &str) -> Result<Option<Duration>, String> {
    match text.parse() {
        Ok(0) => Ok(None),
        Ok(seconds @ 10..=3600) => Ok(Some(Duration::from_secs(seconds))),
        _ => Err("is not 0 or a number from 10 to 3600".to_owned()),
    }
}

/// Checks a host name or an IP address, which may have a zone: `fe80::1%eth0`.
fn parse_host(text: &str) -> Result<String, String> {
    let address = text.split_once('%').map_or(text, |(address, _)| address);
    let is_in_name = |char: char| char.is_alphanumeric() || matches!(char, '.' | '-' | '_');
    if address.parse::<IpAddr>().is_ok() || text.chars().all(is_in_name) {
        return Ok(text.to_owned());
    }
    if text.starts_with('/') {
        return Err("is a path: if it is that of a socket, set MYSQL_SOCKET to it".to_owned());
    }
    let port = text.rsplit_once(':').map(|(_, port)| port);
    Err(match port {
        Some(port) if port.parse::<u16>().is_ok() => {
            format!("contains a port: set MYSQL_HOST to the host only, and MYSQL_PORT={port}")
        }
        _ => "is not a host name or an IP address such as 127.0.0.1 or ::1".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Config, BadConfiguration> {
        let lookup = |name: &str| {
            let found = pairs.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Config::read(Environment::from_lookup(lookup))
    }

    #[test]
    fn the_defaults_are_those_of_the_contract() {
        let config = read(&[("MYSQL_USER", "slims"), ("MYSQL_DATABASE", "slims")])
            .ok()
            .unwrap();
        assert_eq!(config.health, Some(([0, 0, 0, 0], 3001).into()));
        assert_eq!(
            (config.mysql.host.as_str(), config.mysql.port),
            ("127.0.0.1", 3306)
        );
        assert_eq!((config.mysql.pool_limit, config.mysql.tls), (10, Tls::Off));
        assert_eq!(config.mode, CountMode::Direct);
        assert_eq!(config.interval, Duration::from_secs(1));
        assert_eq!(config.buffer, Duration::from_millis(200));
        assert_eq!(config.scan.duty_percent, 50);
        assert_eq!(config.circulation_interval, Some(Duration::from_secs(60)));
        assert_eq!(config.ttl_seconds, 90_000);
        assert_eq!(config.member_names, MemberNames::Full);
    }

    #[test]
    fn the_mysql_host_must_be_only_a_host() {
        for good in [
            "db",
            "db-1.example.org",
            "my_db",
            "127.0.0.1",
            "::1",
            "fe80::1%eth0",
            "büro",
        ] {
            assert_eq!(parse_host(good).as_deref(), Ok(good));
        }
        for (bad, expected) in [
            ("db:3307", "MYSQL_PORT=3307"),
            ("127.0.0.1:3307", "MYSQL_PORT=3307"),
            ("[::1]:3307", "MYSQL_PORT=3307"),
            ("[::1]", "such as 127.0.0.1 or ::1"),
            ("db:", "is not a host name"),
            ("mysql://db", "is not a host name"),
            ("/run/mysqld/mysqld.sock", "set MYSQL_SOCKET"),
            ("my db", "is not a host name"),
            ("db%eth0", "is not a host name"),
        ] {
            let error = parse_host(bad).unwrap_err();
            assert!(error.contains(expected), "{bad}: {error}");
        }
    }

    #[test]
    fn host_sets_the_address_of_the_health_port() {
        let health = |host, port| {
            let names = [("MYSQL_USER", "slims"), ("MYSQL_DATABASE", "slims")];
            let own = [("HOST", host), ("WORKER_PORT", port)];
            let config = read(&[&names[..], &own].concat()).ok().unwrap();
            config.health.map(|address| address.to_string())
        };
        assert_eq!(health("::1", "3001").as_deref(), Some("[::1]:3001"));
        assert_eq!(health("127.0.0.1", "1").as_deref(), Some("127.0.0.1:1"));
        assert_eq!(health("::1", "0"), None);
    }

    #[test]
    fn a_cluster_requires_a_prefix_with_a_hash_tag() {
        let with = |prefix| {
            read(&[
                ("MYSQL_USER", "slims"),
                ("MYSQL_DATABASE", "slims"),
                ("REDIS_URL", "redis-cluster://127.0.0.1:7000"),
                ("REDIS_KEY_PREFIX", prefix),
            ])
        };
        assert!(with("{lib1}:").is_ok());
        for prefix in ["", "lib1:"] {
            let complaints = with(prefix).err().unwrap().to_string();
            assert!(complaints.contains("REDIS_KEY_PREFIX"), "{complaints}");
        }
    }

    #[test]
    fn every_bad_variable_is_named_at_once() {
        let bad = [
            ("MYSQL_DATABASE", ""),
            ("HOST", "here"),
            ("MYSQL_HOST", "db:3306"),
            ("MYSQL_PORT", "70000"),
            ("MYSQL_POOL_LIMIT", "1"),
            ("MYSQL_TLS", "yes"),
            ("REDIS_URL", "http://user:hunter2@host"),
            ("LIBRARY_TIMEZONE", "Jakarta"),
            ("TODAY_COUNT_MODE", "fast"),
            ("VISITOR_SYNC_MIN_INTERVAL_MS", "99"),
            ("VISITOR_SLOW_CRON", "0 0 31 2 *"),
            ("BOOKS_SLOW_CRON", "at noon"),
            ("REFRESH_DUTY_PERCENT", "0"),
            ("CIRCULATION_INTERVAL_SECONDS", "9"),
            ("SNAPSHOT_TTL_SECONDS", "0"),
            ("MEMBER_NAMES", "some"),
            ("RUST_LOG", "a=b=c"),
            ("LOG_FORMAT", "xml"),
            ("MYSQL_SOCKET", "mysqld.sock"),
            ("MYSQL_TLS_CA", "/nowhere/ca.pem"),
            ("MYSQL_TLS_CERT", "/nowhere/cert.pem"),
            ("MYSQL_TLS_KEY", "/dev/null"),
            ("REDIS_TLS_CERT", "/nowhere/cert.pem"),
            ("REDIS_TLS_KEY", "/nowhere/key.pem"),
            ("REDIS_TLS_CA", "/dev/null"),
        ];
        let text = read(&bad).err().unwrap().to_string();
        for (name, _) in bad {
            assert!(text.contains(name), "{name} is missing in: {text}");
        }
        assert!(text.contains("MYSQL_USER is not set"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }

    #[test]
    fn only_settings_that_affect_snapshots_are_compared() {
        let with = |name, value| {
            let pairs = [
                ("MYSQL_USER", "slims"),
                ("MYSQL_DATABASE", "slims"),
                ("MYSQL_HOST", "10.0.0.5"),
            ];
            let others = pairs.into_iter().filter(|(known, _)| *known != name);
            let pairs: Vec<_> = others.chain([(name, value)]).collect();
            read(&pairs).ok().unwrap().settings()
        };
        let usual = with("MYSQL_USER", "slims");
        for (name, value) in [
            ("MYSQL_HOST", "database.example"),
            ("MYSQL_PORT", "3307"),
            ("MYSQL_USER", "other"),
            ("REFRESH_DUTY_PERCENT", "10"),
        ] {
            assert_eq!(with(name, value), usual, "{name}");
        }
        for (name, value) in [
            ("MYSQL_DATABASE", "other"),
            ("LIBRARY_TIMEZONE", "Asia/Makassar"),
            ("MEMBER_NAMES", "masked"),
            ("SNAPSHOT_TTL_SECONDS", "60"),
        ] {
            assert_ne!(with(name, value), usual, "{name}");
        }
    }
}
