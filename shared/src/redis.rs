//! Parses `REDIS_URL` and builds the Redis client, with limits for every wait and queue.
//!
//! Never wrap a call of the client in `tokio::time::timeout`: an abandoned command stays queued and is executed later.
//! The client's own time-out removes the command from the queue.

mod connection;

pub use connection::Connection;

use crate::environment::Environment;
use crate::tls::{Authorities, Fault};
use crate::variable::Variable;
use fred::clients::Client;
use fred::types::config::{
    Config, ReconnectPolicy, ServerConfig, TlsConnector, UnresponsiveConfig,
};
use fred::types::{Builder, RespVersion};
use std::fmt::Write as _;
use std::slice;
use std::time::Duration;
use url::Url;

/// The first and the longest wait before a new attempt to connect. The wait doubles in between. It is short, because
/// all streams must carry the right number within a second after Redis is back. An attempt costs two packets.
const RECONNECT_FIRST_MS: u32 = 50;
const RECONNECT_LONGEST_MS: u32 = 250;
/// The time-out for connecting. A reachable Redis accepts within milliseconds. 2 s leave room for a retransmitted
/// packet and for the three replies that the client needs before it is connected, over a round trip of up to 300 ms. A
/// connection attempt from an outage that is never answered delays the next one by this time.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);
/// The client closes a connection that gives no reply for this long. The time restarts with each command, so a process
/// that sends many commands needs [`Connection::leave`].
const UNRESPONSIVE_AFTER: Duration = Duration::from_secs(3);
/// The limit of queued commands. Beyond it a command fails at once. Both processes send a few commands a second.
const COMMAND_QUEUE: usize = 1_024;
/// The limit of pub/sub messages that a receiver may lag behind. A lagging receiver reads the keys again.
const MESSAGE_QUEUE: usize = 256;

/// How to encode the characters that end a part of a URL.
const ENCODING_HELP: &str =
    "in a user or password write %3A for :, %40 for @, %2F for /, %3F for ?, %23 for #, %25 for %";

/// A validated Redis URL.
#[derive(Clone)]
pub struct RedisUrl(Config);

impl RedisUrl {
    /// Reads `REDIS_URL` and `REDIS_TLS_CA`.
    pub fn read(environment: &mut Environment<'_>) -> Self {
        let url = Variable::optional(
            "REDIS_URL",
            "redis://127.0.0.1:6379",
            "Redis 6.2 or later; also rediss:// (TLS), redis-cluster://HOST:6379, redis-sentinel://HOST:26379/0?sentinelServiceName=NAME (further servers as ?node=HOST:PORT)",
        );
        let url = url.secret().or_file("REDIS_URL_FILE");
        let authorities = Variable::optional(
            "REDIS_TLS_CA",
            "",
            "a PEM file with the certificate authorities to trust for rediss://; empty: those of the system",
        );
        let authorities = environment.parse(authorities, Authorities::read);
        let url = environment.parse(url, |text| Self::parse_with(text, authorities.as_ref()));
        if authorities.is_some() && url.0.tls.is_none() {
            let wanted =
                "REDIS_TLS_CA is set, but REDIS_URL does not use TLS: it must begin with rediss://";
            environment.complain(wanted.to_owned());
        }
        url
    }

    /// Parses a `redis://`, `rediss://`, `redis-sentinel://` or `redis-cluster://` URL.
    ///
    /// # Errors
    /// What is wrong and how to fix it. Never shows the URL, because it may contain a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::parse_with(text, None)
    }

    /// Like [`Self::parse`]. With TLS it trusts `authorities`, or those of the system.
    fn parse_with(text: &str, authorities: Option<&Authorities>) -> Result<Self, String> {
        let invalid =
            || format!("is not a Redis URL such as redis://127.0.0.1:6379; {ENCODING_HELP}");
        let (scheme, rest) = text.split_once("://").ok_or_else(invalid)?;
        let scheme = scheme.to_ascii_lowercase();
        let tls = scheme.strip_prefix("rediss");
        let kind = tls.or_else(|| scheme.strip_prefix("redis"));
        let kind = kind.filter(|kind| matches!(*kind, "" | "-sentinel" | "-cluster"));
        let kind = kind.ok_or_else(invalid)?;
        // Parse without TLS: otherwise the client would load the system's authorities before it checks the rest.
        let plain = format!("redis{kind}://{rest}");
        let url = Url::parse(&plain).map_err(|_| invalid())?;
        let mut config = Config::from_url(&plain).map_err(|_| invalid())?;
        // An unencoded `/`, `?` or `#` in a password ends the host, and the rest would be ignored.
        let mut query = url.query_pairs();
        let is_cut_off = query.any(|(key, value)| {
            key.contains('@') || value.contains('@') && !key.starts_with("sentinel")
        });
        if is_cut_off || url.fragment().is_some() || url.path().contains('@') {
            return Err(invalid());
        }
        if config.username.is_some() && config.password.is_none() {
            return Err(
                "has a user without a password: write redis://USER:PASSWORD@HOST:PORT, \
                        or redis://:PASSWORD@HOST:PORT for the default user"
                    .to_owned(),
            );
        }
        if config.server.is_clustered() && !matches!(url.path(), "" | "/" | "/0") {
            return Err("names a database: a cluster has database 0 only".to_owned());
        }
        config.username = config.username.map(|user| inline_argument(&user));
        config.password = config.password.map(|password| inline_argument(&password));
        name_addresses(&mut config.server);
        config.tls = match authorities {
            _ if tls.is_none() => None,
            Some(authorities) => Some(TlsConnector::from(authorities.client_config()).into()),
            None => Some(system_authorities()?.into()),
        };
        // Reads, writes and messages share one connection.
        config.version = RespVersion::RESP3;
        // At the start, wait for an unreachable Redis too.
        config.fail_fast = false;
        Ok(Self(config))
    }

    /// Host and port for logs; the first one if there are several.
    pub fn address(&self) -> String {
        first_host(&self.0)
    }

    /// The number of the Redis database.
    pub fn database(&self) -> u8 {
        self.0.database.unwrap_or(0)
    }

    /// Whether this is a Redis Cluster.
    pub fn is_clustered(&self) -> bool {
        self.0.server.is_clustered()
    }

    /// Whether the connection uses TLS.
    pub fn is_encrypted(&self) -> bool {
        self.0.tls.is_some()
    }

    /// Builds a client. It connects, and reconnects for ever, once a [`Connection`] is started. `command_limit` is the
    /// time-out of each command.
    ///
    /// # Errors
    /// If the client rejects the configuration.
    pub fn client(&self, command_limit: Duration) -> Result<Client, fred::error::Error> {
        let reconnect =
            ReconnectPolicy::new_exponential(0, RECONNECT_FIRST_MS, RECONNECT_LONGEST_MS, 2);
        Builder::from_config(self.0.clone())
            .set_policy(reconnect)
            .with_performance_config(|performance| {
                performance.default_command_timeout = command_limit;
                performance.broadcast_channel_capacity = MESSAGE_QUEUE;
            })
            .with_connection_config(|connection| {
                connection.connection_timeout = CONNECT_LIMIT;
                connection.internal_command_timeout = CONNECT_LIMIT;
                connection.max_command_buffer_len = COMMAND_QUEUE;
                // Never send an unanswered command again: a count would be stale by then. This also disables following
                // the redirections of a cluster: the next command goes to the right server.
                connection.max_command_attempts = 1;
                // An operator may correct the password meanwhile.
                connection.reconnect_on_auth_error = true;
                connection.unresponsive = UnresponsiveConfig {
                    max_timeout: Some(UNRESPONSIVE_AFTER),
                    interval: Duration::from_millis(500),
                };
            })
            .build()
    }
}

/// Encodes a user or a password as one argument of an inline command.
///
/// The client logs in with `HELLO`, which its protocol crate sends as an inline command, as if typed into telnet. Redis
/// splits such a line at white space and ends it at a line end, except within quotes (`sdssplitargs` in its source).
fn inline_argument(text: &str) -> String {
    let is_quote = |byte: u8| matches!(byte, b'"' | b'\'');
    if text
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !is_quote(byte))
    {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => quoted.extend(['\\', char::from(byte)]),
            b' '..=b'~' => quoted.push(char::from(byte)),
            _ => drop(write!(quoted, "\\x{byte:02x}")),
        }
    }
    quoted.push('"');
    quoted
}

/// Sets the name that the certificate of an IPv6 address must have: the address without brackets.
fn name_addresses(server: &mut ServerConfig) {
    let servers = match server {
        ServerConfig::Centralized { server } => slice::from_mut(server),
        ServerConfig::Clustered { hosts, .. } | ServerConfig::Sentinel { hosts, .. } => hosts,
    };
    for server in servers {
        let address = server
            .host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        if let Some(address) = address {
            server.tls_server_name = Some(address.into());
        }
    }
}

fn first_host(config: &Config) -> String {
    let hosts = config.server.hosts();
    hosts.first().map_or_else(String::new, ToString::to_string)
}

/// The certificate authorities of this system, or those of `SSL_CERT_FILE` and `SSL_CERT_DIR`.
fn system_authorities() -> Result<TlsConnector, String> {
    TlsConnector::default_rustls().map_err(|error| {
        let why = error.details();
        format!("uses TLS, but the system's authorities cannot be read ({why}): set REDIS_TLS_CA")
    })
}

/// Advice about a failed TLS handshake, by the text of its error; `None` for other errors.
pub fn tls_advice(error: &str) -> Option<&'static str> {
    // A Redis without TLS reads the handshake as an incomplete line and waits for the rest.
    let plain = error.contains("timed out").then_some(Fault::Plain);
    Some(match Fault::classify(error).or(plain)? {
        Fault::Authority => {
            "its certificate is signed by an unknown authority: set REDIS_TLS_CA to the PEM file of that authority"
        }
        Fault::Host => {
            "its certificate is for another host: use the certificate's host name in REDIS_URL"
        }
        Fault::Time => {
            "its certificate is not valid at this time: renew it, or correct this machine's clock"
        }
        Fault::Plain => {
            "that port may not use TLS: set REDIS_URL to the TLS port, or begin it with redis://"
        }
        Fault::Version => {
            "its certificate is of X.509 version 1, which cannot be used: make one of version 3"
        }
    })
}

/// Installs the TLS implementation of the process, for both Redis and MySQL. Call it before the first connection.
pub fn install_tls_provider() {
    let installed = rustls::crypto::ring::default_provider().install_default();
    // An error means that one is already installed.
    drop(installed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_validated_and_never_shown_in_errors() {
        for good in [
            "redis://127.0.0.1:6379",
            "REDIS://127.0.0.1",
            "redis://[::1]:6379/0",
            "rediss://:secret@redis.example:6380/2",
            "redis-sentinel://127.0.0.1:26379/0?sentinelServiceName=main",
            "redis-sentinel://h/0?sentinelServiceName=main&sentinelPassword=a@b",
            "redis-cluster://127.0.0.1:7000?node=127.0.0.1:7001",
            "redis-cluster://127.0.0.1:7000/0",
        ] {
            assert!(RedisUrl::parse(good).is_ok(), "{good}");
        }
        for (bad, expected) in [
            ("", "such as redis://127.0.0.1:6379"),
            ("127.0.0.1", "such as redis://"),
            ("http://:hunter2@127.0.0.1", "such as redis://"),
            ("redisss://:hunter2@127.0.0.1", "such as redis://"),
            ("redis-ring://:hunter2@127.0.0.1", "such as redis://"),
            ("redis://:hunter2@127.0.0.1:port", "such as redis://"),
            ("redis://:hunter2@127.0.0.1/zero", "such as redis://"),
            ("redis://:hunter2@::1:6379", "such as redis://"),
            ("redis://:hunter2/x@127.0.0.1", "%2F for /"),
            ("redis://hunter2:1/x@127.0.0.1", "%2F for /"),
            ("redis-cluster://hunter2:1/x@127.0.0.1", "%2F for /"),
            ("redis://:hunter2?x@127.0.0.1", "%3F for ?"),
            ("redis://hunter2:1?x@127.0.0.1", "%3F for ?"),
            ("redis://hunter2:1?x=y@127.0.0.1", "%3F for ?"),
            ("redis://:hunter2#x@127.0.0.1", "%23 for #"),
            ("redis://hunter2:1#x@127.0.0.1", "%23 for #"),
            ("redis://:hunter2%ff@127.0.0.1", "%25 for %"),
            ("redis://hunter2@127.0.0.1", "a user without a password"),
            ("redis://hunter2:@127.0.0.1", "a user without a password"),
            (
                "redis-cluster://:hunter2@h/1",
                "a cluster has database 0 only",
            ),
        ] {
            let error = RedisUrl::parse(bad)
                .err()
                .unwrap_or_else(|| panic!("{bad}"));
            assert!(error.contains(expected), "{bad}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    /// Only the scheme decides about TLS; the rest of the URL is not changed.
    #[test]
    fn only_the_scheme_of_a_url_enables_tls() {
        for (url, user, password, address, is_encrypted) in [
            ("redis://:rediss@h:1", None, "rediss", "h:1", false),
            ("rediss://:rediss@h:1", None, "rediss", "h:1", true),
            ("redis://rediss:x@h:1", Some("rediss"), "x", "h:1", false),
            ("redis://:x@rediss:1", None, "x", "rediss:1", false),
            (
                "rediss://u:rediss%3A%2F%2F@rediss:1",
                Some("u"),
                "rediss://",
                "rediss:1",
                true,
            ),
            ("redis-cluster://:x@rediss:1", None, "x", "rediss:1", false),
        ] {
            install_tls_provider();
            let parsed = RedisUrl::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"));
            assert_eq!(parsed.0.username.as_deref(), user, "{url}");
            assert_eq!(parsed.0.password.as_deref(), Some(password), "{url}");
            assert_eq!(
                (parsed.address().as_str(), parsed.is_encrypted()),
                (address, is_encrypted)
            );
        }
    }

    #[test]
    fn special_characters_in_a_password_are_encoded() {
        for (written, expected) in [
            ("a:b", "a:b"),
            ("a@b", "a@b"),
            ("a%40b%3Ac%2Fd%3Fe%23f%25g", "a@b:c/d?e#f%g"),
            ("100%", "100%"),
            ("a%20b", "\"a b\""),
            ("a b", "\"a b\""),
            ("a%0d%0aFLUSHALL", r#""a\x0d\x0aFLUSHALL""#),
            ("a\"b'c\\", r#""a\"b'c\\""#),
            ("k%C3%A4se", r#""k\xc3\xa4se""#),
            ("käse", r#""k\xc3\xa4se""#),
        ] {
            let url = RedisUrl::parse(&format!("redis://:{written}@h")).unwrap();
            assert_eq!(url.0.password.as_deref(), Some(expected), "{written}");
        }
    }

    #[test]
    fn the_database_number_is_parsed() {
        for (url, number) in [
            ("redis://h", 0),
            ("redis://h/", 0),
            ("redis://[::1]:6379/3", 3),
            ("redis-sentinel://h/12?sentinelServiceName=main", 12),
        ] {
            assert_eq!(RedisUrl::parse(url).unwrap().database(), number, "{url}");
        }
    }

    #[test]
    fn the_tls_name_of_an_ipv6_address_has_no_brackets() {
        let url = RedisUrl::parse("redis://[::1]:6379").unwrap();
        let name = url.0.server.hosts()[0].tls_server_name.clone();
        assert_eq!(name.as_deref(), Some("::1"));
        assert_eq!(url.address(), "[::1]:6379");
    }

    #[test]
    fn the_address_for_logs_has_no_password() {
        let url = RedisUrl::parse("redis://user:hunter2@127.0.0.1:6380/1").unwrap();
        assert_eq!(url.address(), "127.0.0.1:6380");
    }
}
