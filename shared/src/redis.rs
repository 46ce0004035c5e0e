//! Builds the Redis client from `REDIS_URL`, with limits for every wait and queue.
//!
//! Never wrap a call of the client in `tokio::time::timeout`: an abandoned command stays queued and is executed later.
//! The client's own time-out removes the command from the queue.

mod connection;
mod errors;
mod url;

pub use connection::Connection;
pub use errors::{is_without_resp3, plain_error, tls_advice};

use crate::environment::Environment;
use crate::tls::{self, Authorities, Identity};
use crate::variable::Variable;
use fred::clients::Client;
use fred::types::config::{Config, ReconnectPolicy, Server, TlsConnector, UnresponsiveConfig};
use fred::types::{Builder, RespVersion};
use std::fmt::Write as _;
use std::time::Duration;

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

/// A validated Redis URL.
#[derive(Clone)]
pub struct RedisUrl(Config);

impl RedisUrl {
    /// Reads `REDIS_URL` and the variables of TLS.
    pub fn read(environment: &mut Environment<'_>) -> Self {
        let url = Variable::optional(
            "REDIS_URL",
            "redis://127.0.0.1:6379",
            "Redis 6.2 or later; also rediss:// (TLS), unix:///PATH, redis-cluster://HOST:6379, redis-sentinel://HOST:26379/0?sentinelServiceName=NAME (further servers as ?node=HOST:PORT)",
        );
        let url = url.secret().or_file("REDIS_URL_FILE");
        let authorities = Variable::optional(
            "REDIS_TLS_CA",
            "",
            "a PEM file with the certificate authorities to trust for rediss://; empty: those of the system",
        );
        let certificate = Variable::optional(
            "REDIS_TLS_CERT",
            "",
            "a PEM file with the client certificate for rediss://, if Redis demands one",
        );
        let key = Variable::optional(
            "REDIS_TLS_KEY",
            "",
            "a PEM file with the private key of REDIS_TLS_CERT",
        );
        let authorities = environment.parse(authorities, Authorities::read);
        let identity = Identity::read(environment, certificate, key);
        let url = environment.parse(url, |text| {
            Self::parse_with(text, authorities.as_ref(), identity.as_ref())
        });
        for (name, is_set) in [
            ("REDIS_TLS_CA", authorities.is_some()),
            ("REDIS_TLS_CERT", identity.is_some()),
        ] {
            if is_set && url.0.tls.is_none() {
                environment.complain(format!(
                    "{name} is set, but REDIS_URL does not use TLS: it must begin with rediss://"
                ));
            }
        }
        url
    }

    /// Parses a `redis://`, `rediss://`, `redis-sentinel://`, `redis-cluster://` or `unix:` URL.
    ///
    /// # Errors
    /// What is wrong and how to fix it. Never shows the URL, because it may contain a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::parse_with(text, None, None)
    }

    /// Like [`Self::parse`]. With TLS it trusts `authorities`, or those of the system, and identifies itself by
    /// `identity`.
    fn parse_with(
        text: &str,
        authorities: Option<&Authorities>,
        identity: Option<&Identity>,
    ) -> Result<Self, String> {
        let (mut config, is_encrypted) = url::parse(text)?;
        config.username = config.username.map(|user| inline_argument(&user));
        config.password = config.password.map(|password| inline_argument(&password));
        if is_encrypted {
            let tls = tls::client_config(authorities, identity).map_err(|why| {
                format!("uses TLS, but the system's authorities cannot be read ({why}): set REDIS_TLS_CA")
            })?;
            config.tls = Some(TlsConnector::from(tls).into());
        }
        // Reads, writes and messages share one connection.
        config.version = RespVersion::RESP3;
        // At the start, wait for an unreachable Redis too.
        config.fail_fast = false;
        Ok(Self(config))
    }

    /// Host and port, or the path of the socket, for logs; the first one if there are several.
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

fn first_host(config: &Config) -> String {
    let hosts = config.server.hosts();
    hosts.first().map_or_else(String::new, address)
}

/// Host and port, or the path of a socket.
fn address(server: &Server) -> String {
    match server.port {
        0 => server.host.to_string(),
        _ => server.to_string(),
    }
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
    fn the_address_for_logs_has_no_password() {
        let url = RedisUrl::parse("redis://user:hunter2@127.0.0.1:6380/1").unwrap();
        assert_eq!(url.address(), "127.0.0.1:6380");
        let url = RedisUrl::parse("unix://:hunter2@/run/redis.sock").unwrap();
        assert_eq!(url.address(), "/run/redis.sock");
    }
}
