//! TLS to the database: the driver's options, and advice when the handshake fails.

use crate::config::{Mysql, Tls};
use crate::mysql::error::{ErrorKind, refusal};
use anyhow::Error;
use mysql_async::{DriverError, SslOpts};
use shared::tls::Fault;

/// The driver's options for `MYSQL_TLS` and `MYSQL_TLS_CA`; `None` without TLS.
pub fn options(config: &Mysql) -> Option<SslOpts> {
    match config.tls {
        Tls::Off => None,
        Tls::Required => Some(
            SslOpts::default()
                .with_danger_accept_invalid_certs(true)
                .with_danger_skip_domain_validation(true),
        ),
        Tls::Verify => Some(match &config.authorities {
            None => SslOpts::default(),
            Some(authorities) => SslOpts::default()
                .with_root_certs(vec![authorities.pem().as_bytes().to_vec().into()])
                .with_disable_built_in_roots(true),
        }),
    }
}

/// Advice on how to fix a connection error; `None` if TLS cannot be the cause.
pub fn advice(error: &Error) -> Option<&'static str> {
    if refusal(error) == Some(ErrorKind::Account) {
        // The server does not distinguish a wrong password from a missing TLS.
        return Some(
            "check MYSQL_USER and MYSQL_PASSWORD, and whether the account requires TLS (MYSQL_TLS)",
        );
    }
    if let Some(mysql_async::Error::Driver(DriverError::NoClientSslFlagFromServer)) =
        error.downcast_ref()
    {
        return Some("the server offers no TLS: enable TLS on the server, or set MYSQL_TLS=off");
    }
    Some(match Fault::of(&format!("{:#}", error.root_cause()))? {
        Fault::Authority => {
            "the server's certificate has an unknown issuer: set MYSQL_TLS_CA to the PEM file of its certificate authority"
        }
        Fault::Host => {
            "the server's certificate is for another host: set MYSQL_HOST to a name that the certificate contains"
        }
        Fault::Time => {
            "the server's certificate is expired or not yet valid: renew it, or correct the clock of this machine"
        }
        Fault::Plain => "the server does not speak TLS on this port: check MYSQL_PORT",
    })
}

/// Adds the advice to an error, for logs.
pub fn with_advice(error: Error) -> Error {
    match advice(&error) {
        Some(advice) => error.context(advice),
        None => error,
    }
}
