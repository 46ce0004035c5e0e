//! The worker's configuration: every variable it reads, each parsed into what cannot be wrong.

use crate::calendar::Calendar;
use crate::due::Due;
use crate::schedule::Cron;
use crate::source::chunks::Reading;
use crate::stats::names::MemberNames;
use shared::environment::{BadConfiguration, Environment};
use shared::keys::Keys;
use shared::redis::RedisUrl;
use shared::telemetry::Logging;
use shared::time::Clock;
use shared::tls::Authorities;
use shared::variable::{SHARED, Variable};
use std::time::Duration;

/// Every variable, as `--help` shows it.
#[rustfmt::skip]
pub const VARIABLES: [Variable; 23] = [
    Variable::optional("WORKER_PORT", "3001", "port of /livez, /readyz and /health; 0 is off"),
    Variable::optional("MYSQL_HOST", "127.0.0.1", "where the SLiMS database is"),
    Variable::optional("MYSQL_PORT", "3306", "its port"),
    Variable::required("MYSQL_USER", "the account that reads the SLiMS database; SELECT is enough"),
    Variable::optional("MYSQL_PASSWORD", "", "its password").secret().or_file("MYSQL_PASSWORD_FILE"),
    Variable::required("MYSQL_DATABASE", "the name of the SLiMS database"),
    Variable::optional("MYSQL_POOL_LIMIT", "10", "connections at once at most, 2 to 100; one is the fast loop's, the others take turns"),
    Variable::optional("MYSQL_TLS", "off", "off, required (encrypted), verify (encrypted, certificate checked)"),
    Variable::optional("MYSQL_TLS_CA", "", "a PEM file with the authorities that verify believes; empty: the public ones"),
    SHARED[0],
    SHARED[1],
    SHARED[2],
    Variable::optional("LIBRARY_TIMEZONE", "Asia/Jakarta", "IANA zone in which SLiMS writes its times"),
    Variable::optional("TODAY_COUNT_MODE", "direct", "how today's visitors are counted: direct, incremental, delta, or auto (direct or delta, as it pays)"),
    Variable::optional("VISITOR_SYNC_MIN_INTERVAL_MS", "1000", "from one count of today to the next, 100 to 3600000 ms"),
    Variable::optional("VISITOR_SYNC_BUFFER_MS", "200", "rest after each count, 0 to 3600000 ms"),
    Variable::optional("VISITOR_SLOW_CRON", "5 0 * * *", "when the visitor figures are made again: 5 fields, or 6 with seconds first, in the library's zone"),
    Variable::optional("BOOKS_SLOW_CRON", "10 0 * * *", "when the book figures are made again; the same"),
    Variable::optional("REFRESH_DUTY_PERCENT", "50", "share of the time for which the daily figures read, 1 to 100 %; for the rest they rest; 100 is no rest"),
    Variable::optional("SNAPSHOT_TTL_SECONDS", "90000", "how long a figure counts as fresh, 60 to 31536000 s"),
    Variable::optional("MEMBER_NAMES", "full", "names in rankings: full, masked (Siti N.), hidden"),
    SHARED[3],
    SHARED[4],
];

/// What the worker was asked to do.
pub struct Config {
    /// Port of the health endpoints; `None` is off.
    pub port: Option<u16>,
    /// The source database.
    pub mysql: Mysql,
    /// The store.
    pub redis: RedisUrl,
    /// Names of keys and channels.
    pub keys: Keys,
    /// The library's calendar.
    pub calendar: Calendar,
    /// How today is counted.
    pub mode: Mode,
    /// From the start of one tick to the start of the next, at least.
    pub interval: Duration,
    /// From the end of one tick to the start of the next, at least.
    pub buffer: Duration,
    /// When the visitor snapshots are made again.
    pub visitor_cron: Cron,
    /// When the book snapshots are made again.
    pub books_cron: Cron,
    /// How the daily figures are read.
    pub reading: Reading,
    /// How long a snapshot counts as fresh.
    pub ttl_seconds: u32,
    /// What is shown of people.
    pub member_names: MemberNames,
    /// The logs.
    pub logging: Logging,
    /// Whether a variable of the former backend is set that means nothing here.
    pub sequelize_is_set: bool,
}

/// Where and how to reach MySQL or MariaDB. No `Debug`: it holds the password.
pub struct Mysql {
    /// Name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Account.
    pub user: String,
    /// Its password, maybe empty.
    pub password: String,
    /// The SLiMS database.
    pub database: String,
    /// Connections at once, at most.
    pub pool_limit: usize,
    /// Encryption.
    pub tls: Tls,
    /// Of `MYSQL_TLS_CA`; `None` for the public ones.
    pub authorities: Option<Authorities>,
}

/// `MYSQL_TLS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// Plain TCP.
    Off,
    /// Encrypted; whoever answers is believed.
    Required,
    /// Encrypted; the certificate must be of that host and of a known authority.
    Verify,
}

/// `TODAY_COUNT_MODE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// One count over the day, each tick.
    Direct,
    /// A base, and a counter in Redis that the writer of visits raises.
    Incremental,
    /// A base, and the rows after a watermark.
    Delta,
    /// Direct while that keeps the pace, else delta.
    Auto,
}

impl Mode {
    /// As it is configured.
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
    /// Every variable that is missing or wrong, at once.
    pub fn from_process() -> Result<Self, BadConfiguration> {
        Self::read(Environment::of_process(&VARIABLES))
    }

    /// Reads `environment`, which must know [`VARIABLES`].
    ///
    /// # Errors
    /// Every variable that is missing or wrong, at once.
    pub fn read(mut environment: Environment<'_>) -> Result<Self, BadConfiguration> {
        let env = &mut environment;
        let calendar = env.parse("LIBRARY_TIMEZONE", Calendar::parse);
        let config = Self {
            port: Some(env.port("WORKER_PORT")).filter(|port| *port != 0),
            mysql: Mysql::read(env),
            redis: RedisUrl::read(env),
            keys: Keys::new(env.text("REDIS_KEY_PREFIX")),
            mode: env.choice(
                "TODAY_COUNT_MODE",
                &[
                    ("direct", Mode::Direct),
                    ("incremental", Mode::Incremental),
                    ("delta", Mode::Delta),
                    ("auto", Mode::Auto),
                ],
            ),
            interval: milliseconds(env, "VISITOR_SYNC_MIN_INTERVAL_MS", 100),
            buffer: milliseconds(env, "VISITOR_SYNC_BUFFER_MS", 0),
            visitor_cron: env.parse("VISITOR_SLOW_CRON", |text| Cron::parse(text, &calendar)),
            books_cron: env.parse("BOOKS_SLOW_CRON", |text| Cron::parse(text, &calendar)),
            reading: Reading::with_duty(
                u32::try_from(env.number("REFRESH_DUTY_PERCENT", 1..=100)).expect("the range fits"),
            ),
            ttl_seconds: u32::try_from(env.number("SNAPSHOT_TTL_SECONDS", 60..=31_536_000))
                .expect("the range fits"),
            member_names: env.choice(
                "MEMBER_NAMES",
                &[
                    ("full", MemberNames::Full),
                    ("masked", MemberNames::Masked),
                    ("hidden", MemberNames::Hidden),
                ],
            ),
            logging: Logging::read(env),
            sequelize_is_set: env.is_set("USE_SEQUELIZE"),
            calendar,
        };
        if config.redis.is_clustered() && !config.keys.share_a_slot() {
            let wanted = "REDIS_KEY_PREFIX needs a part in braces, such as {lib1}: with redis-cluster://, \
                          so that all keys are in one slot: each write looks at the lease beside it";
            env.complain(wanted.to_owned());
        }
        environment.finish(config)
    }

    /// When snapshots are to be made anew.
    pub fn due(&self, clock: &Clock) -> Due {
        Due {
            clock: clock.clone(),
            visitors: self.visitor_cron.clone(),
            books: self.books_cron.clone(),
        }
    }

    /// What decides how a snapshot looks: one that was made under other settings is made anew.
    ///
    /// The server's host and port are left out, because two workers may name the same server differently. So workers that
    /// read two servers with equally named databases must not share a Redis and a prefix: snapshots of the one would pass
    /// for those of the other until the next cron.
    pub fn settings(&self) -> String {
        let (database, zone) = (&self.mysql.database, self.calendar.zone());
        let (names, ttl) = (self.member_names, self.ttl_seconds);
        let version = env!("CARGO_PKG_VERSION");
        format!("{version} {database} {zone} {names:?} {ttl}")
    }
}

impl Mysql {
    fn read(env: &mut Environment<'_>) -> Self {
        let mysql = Self {
            host: env.text("MYSQL_HOST"),
            port: u16::try_from(env.number("MYSQL_PORT", 1..=65_535)).expect("the range fits"),
            user: env.text("MYSQL_USER"),
            password: env.text("MYSQL_PASSWORD"),
            database: env.text("MYSQL_DATABASE"),
            // One connection stays with the fast loop, so that there must be another for the daily figures.
            pool_limit: usize::try_from(env.number("MYSQL_POOL_LIMIT", 2..=100))
                .expect("the range fits"),
            tls: env.choice(
                "MYSQL_TLS",
                &[
                    ("off", Tls::Off),
                    ("required", Tls::Required),
                    ("verify", Tls::Verify),
                ],
            ),
            authorities: env.parse("MYSQL_TLS_CA", Authorities::read),
        };
        if mysql.authorities.is_some() && mysql.tls != Tls::Verify {
            let wanted =
                "MYSQL_TLS_CA is set, but nothing is checked by it: MYSQL_TLS is to be verify";
            env.complain(wanted.to_owned());
        }
        mysql
    }
}

fn milliseconds(env: &mut Environment<'_>, name: &str, least: u64) -> Duration {
    Duration::from_millis(env.number(name, least..=3_600_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Config, BadConfiguration> {
        let lookup = |name: &str| {
            let found = pairs.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Config::read(Environment::of(&VARIABLES, lookup))
    }

    #[test]
    fn the_defaults_are_those_of_the_contract() {
        let config = read(&[("MYSQL_USER", "slims"), ("MYSQL_DATABASE", "slims")])
            .ok()
            .unwrap();
        assert_eq!(config.port, Some(3001));
        assert_eq!(
            (config.mysql.host.as_str(), config.mysql.port),
            ("127.0.0.1", 3306)
        );
        assert_eq!((config.mysql.pool_limit, config.mysql.tls), (10, Tls::Off));
        assert_eq!(config.mode, Mode::Direct);
        assert_eq!(config.interval, Duration::from_secs(1));
        assert_eq!(config.buffer, Duration::from_millis(200));
        assert_eq!(config.reading.duty_percent, 50);
        assert_eq!(config.ttl_seconds, 90_000);
        assert_eq!(config.member_names, MemberNames::Full);
    }

    #[test]
    fn a_cluster_wants_all_keys_in_one_slot() {
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
            ("SNAPSHOT_TTL_SECONDS", "0"),
            ("MEMBER_NAMES", "some"),
            ("RUST_LOG", "a=b=c"),
            ("LOG_FORMAT", "xml"),
            ("MYSQL_TLS_CA", "/nowhere/ca.pem"),
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
    fn settings_are_those_that_decide_the_figures() {
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
