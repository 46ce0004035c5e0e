//! TLS to the database: what is asked for, and what can be done when the server does not give it.

use crate::config::{Mysql, Tls};
use crate::mysql::error::{ErrorKind, refusal};
use anyhow::Error;
use mysql_async::{DriverError, SslOpts};
use shared::tls::Fault;

/// What `MYSQL_TLS` and `MYSQL_TLS_CA` ask for.
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

/// What can be done about an error of connecting; `None` when TLS has nothing to do with it.
pub fn advice(error: &Error) -> Option<&'static str> {
    if refusal(error) == Some(ErrorKind::Account) {
        // The server does not tell the one from the other.
        return Some(
            "check MYSQL_USER and MYSQL_PASSWORD, and whether the account must come by TLS (MYSQL_TLS)",
        );
    }
    if let Some(mysql_async::Error::Driver(DriverError::NoClientSslFlagFromServer)) =
        error.downcast_ref()
    {
        return Some("the server offers no TLS: switch it on there, or set MYSQL_TLS=off");
    }
    Some(match Fault::of(&format!("{:#}", error.root_cause()))? {
        Fault::Authority => {
            "its certificate is signed by nobody whom we know: MYSQL_TLS_CA is to name the file of its authority (PEM)"
        }
        Fault::Host => {
            "its certificate is another host's: MYSQL_HOST is to name the host as the certificate does"
        }
        Fault::Time => {
            "its certificate is not valid at this time: renew it, or set the clock of this machine"
        }
        Fault::Plain => "it does not speak TLS there: is MYSQL_PORT right?",
    })
}

/// Puts the advice in front of an error, for logs.
pub fn explain(error: Error) -> Error {
    match advice(&error) {
        Some(advice) => error.context(advice),
        None => error,
    }
}
