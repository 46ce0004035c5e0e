//! The Redis client with the limits that it does not have by itself.
//!
//! Never wrap a call to it in `tokio::time::timeout`: an abandoned command stays queued and is executed later.
//! Its own time-out takes the command out of the queue.

mod connection;

pub use connection::Connection;

use crate::environment::Environment;
use crate::tls::{Authorities, Fault};
use fred::clients::Client;
use fred::types::config::{Config, ReconnectPolicy, TlsConnector, UnresponsiveConfig};
use fred::types::{Builder, RespVersion};
use std::time::Duration;

/// The first wait before a new attempt to connect, and the longest; doubling between. Short, since within a second after
/// Redis is back all streams are to carry the right number; an attempt costs two packets.
const RECONNECT_FIRST_MS: u32 = 50;
const RECONNECT_LONGEST_MS: u32 = 250;
/// A Redis in reach accepts within milliseconds; 2 s leave room for a packet that is sent again, and for the three answers
/// that the client waits for before it is connected, each from up to 300 ms away. It is also how long a connection that was
/// begun in an outage and never answered keeps a better one waiting.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);
/// A connection that is silent for this long while something waits for it is taken for dead by the client itself. It
/// starts anew with each command, so that whoever sends many needs [`Connection::leave`].
const UNRESPONSIVE_AFTER: Duration = Duration::from_secs(3);
/// Commands that may wait at once; beyond, a command fails instead of waiting. Both processes send a few a second.
const COMMAND_QUEUE: usize = 1_024;
/// Messages between two polls of a reader; a lagging reader reads the keys again.
const MESSAGE_QUEUE: usize = 256;

/// What a Redis URL may begin with; the second `s` is TLS.
const SCHEMES: [&str; 6] = [
    "redis",
    "rediss",
    "redis-sentinel",
    "rediss-sentinel",
    "redis-cluster",
    "rediss-cluster",
];

/// Where Redis is, checked.
#[derive(Clone)]
pub struct RedisUrl(Config);

impl RedisUrl {
    /// Reads `REDIS_URL` and `REDIS_TLS_CA`.
    pub fn read(environment: &mut Environment<'_>) -> Self {
        let authorities = environment.parse("REDIS_TLS_CA", Authorities::read);
        let url = environment.parse("REDIS_URL", |text| Self::of(text, authorities.as_ref()));
        if authorities.is_some() && url.0.tls.is_none() {
            let wanted =
                "REDIS_TLS_CA is set, but REDIS_URL is without TLS: it is to begin with rediss://";
            environment.complain(wanted.to_owned());
        }
        url
    }

    /// Reads a `redis://`, `rediss://`, `redis-sentinel://` or `redis-cluster://` URL.
    ///
    /// # Errors
    /// What would be right. Never the URL, since it may hold a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::of(text, None)
    }

    /// The same; with TLS, `authorities` are believed, or those that the system knows.
    fn of(text: &str, authorities: Option<&Authorities>) -> Result<Self, String> {
        let scheme = text.split("://").next().unwrap_or_default();
        // Without TLS first, since the client would look for the system's authorities before it looks at the rest.
        let plain = text.replacen("rediss", "redis", 1);
        let config = Some(plain)
            .filter(|_| SCHEMES.contains(&scheme))
            .map(|plain| Config::from_url(&plain));
        let Some(Ok(mut config)) = config else {
            return Err("is not a Redis URL such as redis://127.0.0.1:6379".to_owned());
        };
        config.tls = match authorities {
            _ if !scheme.starts_with("rediss") => None,
            Some(authorities) => Some(TlsConnector::from(authorities.client_config()).into()),
            None => Some(system_authorities()?.into()),
        };
        // Reads, writes and messages share one connection.
        config.version = RespVersion::RESP3;
        // A Redis that is away at the start is waited for like one that goes away later.
        config.fail_fast = false;
        Ok(Self(config))
    }

    /// Host and port for logs; of several, the first.
    pub fn address(&self) -> String {
        first_host(&self.0)
    }

    /// Whether keys are spread over several servers.
    pub fn is_clustered(&self) -> bool {
        self.0.server.is_clustered()
    }

    /// Whether it is spoken to by TLS.
    pub fn is_encrypted(&self) -> bool {
        self.0.tls.is_some()
    }

    /// A client that connects, and reconnects for ever, once a [`Connection`] is started.
    ///
    /// `command_limit` bounds the wait for each answer.
    ///
    /// # Errors
    /// A configuration that the client refuses.
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
                // A command that was sent and not answered is not sent again: a count is stale by then. To follow a
                // cluster's redirection is to send it again too: the next one goes to the right server.
                connection.max_command_attempts = 1;
                // An operator may mend a password while we wait.
                connection.reconnect_on_auth_error = true;
                connection.unresponsive = UnresponsiveConfig {
                    max_timeout: Some(UNRESPONSIVE_AFTER),
                    interval: Duration::from_millis(500),
                };
            })
            .build()
    }
}

fn first_host(config: &Config) -> String {
    let hosts = config.server.hosts();
    hosts.first().map_or_else(String::new, ToString::to_string)
}

/// The authorities of this system; `SSL_CERT_FILE` and `SSL_CERT_DIR` name others.
fn system_authorities() -> Result<TlsConnector, String> {
    TlsConnector::default_rustls().map_err(|error| {
        let why = error.details();
        format!("is with TLS, and the system's authorities cannot be read ({why}): REDIS_TLS_CA may name others")
    })
}

/// What can be done about a handshake that failed, by the text of its error; `None` when it was something else.
pub fn tls_advice(error: &str) -> Option<&'static str> {
    // A Redis without TLS takes a handshake for the beginning of a long line, and waits for its end.
    let plain = error.contains("timed out").then_some(Fault::Plain);
    Some(match Fault::of(error).or(plain)? {
        Fault::Authority => {
            "its certificate is signed by nobody whom we know: REDIS_TLS_CA is to name the file of its authority (PEM)"
        }
        Fault::Host => {
            "its certificate is another host's: REDIS_URL is to name the host as the certificate does"
        }
        Fault::Time => {
            "its certificate is not valid at this time: renew it, or set the clock of this machine"
        }
        Fault::Plain => {
            "does it speak TLS there? REDIS_URL is to name its TLS port, or begin with redis://"
        }
    })
}

/// Chooses the one TLS implementation of the process, for Redis and MySQL alike; to be called first in `main`.
pub fn install_tls_provider() {
    let installed = rustls::crypto::ring::default_provider().install_default();
    // An error says that one is installed already, which is what was wanted.
    drop(installed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_checked_and_never_repeated() {
        for good in [
            "redis://127.0.0.1:6379",
            "rediss://:secret@redis.example:6380/2",
            "redis-sentinel://127.0.0.1:26379/0?sentinelServiceName=main",
            "redis-cluster://127.0.0.1:7000?node=127.0.0.1:7001",
        ] {
            assert!(RedisUrl::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "127.0.0.1",
            "http://:hunter2@127.0.0.1",
            "redis://:hunter2@127.0.0.1:port",
        ] {
            let error = RedisUrl::parse(bad).err().unwrap();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn an_address_for_logs_has_no_password() {
        let url = RedisUrl::parse("redis://user:hunter2@127.0.0.1:6380/1").unwrap();
        assert_eq!(url.address(), "127.0.0.1:6380");
    }
}
