//! What an operator can do when there is no connection to the database. One table for logs and `worker check`.

use crate::config::Tls;
use crate::mysql::error::server_code;
use anyhow::Error;
use mysql_async::DriverError;
use shared::tls::Fault;

/// The server's error numbers at a login, and their remedies. Where two numbers stand for the same, MySQL and MariaDB differ.
const REMEDIES: [(&[u16], &str); 11] = [
    (
        &[1045, 1698, 1130],
        "check MYSQL_USER and MYSQL_PASSWORD, the hosts from which the account can connect, and whether it must use \
         TLS (MYSQL_TLS) and X509 (MYSQL_TLS_CERT)",
    ),
    (
        &[1044],
        "the account lacks a privilege: GRANT SELECT on the database to it (deploy/rights/mysql.sql)",
    ),
    (
        &[1049],
        "no database has this name: set MYSQL_DATABASE to the SLiMS database",
    ),
    (
        &[1820, 1862],
        "the password of the account has expired: set a new one with ALTER USER, and consider PASSWORD EXPIRE NEVER",
    ),
    (
        &[3118, 4151],
        "the account is locked: unlock it with ALTER USER … ACCOUNT UNLOCK",
    ),
    (
        &[3159],
        "the server accepts only encrypted connections: set MYSQL_TLS=required or MYSQL_TLS=verify",
    ),
    (
        &[1040],
        "the server has no free connection: raise max_connections, or end programs that keep many",
    ),
    (
        &[1203, 1226],
        "the account has reached its limit of connections or statements: raise it with ALTER USER … WITH \
         MAX_USER_CONNECTIONS 20 MAX_QUERIES_PER_HOUR 0 MAX_CONNECTIONS_PER_HOUR 0",
    ),
    (
        &[1129],
        "the server blocks this machine after failed connections: run FLUSH HOSTS, and raise max_connect_errors",
    ),
    (
        &[1251, 1524, 2059],
        "the account logs in by a method that is not available: change it with ALTER USER … IDENTIFIED WITH \
         caching_sha2_password BY … (MySQL) or IDENTIFIED BY … (MariaDB)",
    ),
    (
        &[1053],
        "the server is shutting down; the worker connects again by itself",
    ),
];

/// The remedy for an error that occurred under `MYSQL_TLS`; `None` if none is known.
pub fn remedy(error: &Error, tls: Tls) -> Option<&'static str> {
    if let Some(code) = server_code(error) {
        let mut remedies = REMEDIES.iter();
        return remedies
            .find(|(codes, _)| codes.contains(&code))
            .map(|(_, remedy)| *remedy);
    }
    if let Some(mysql_async::Error::Driver(error)) = error.downcast_ref() {
        return driver_remedy(error);
    }
    if tls == Tls::Off {
        return None;
    }
    Some(
        match Fault::classify(&format!("{:#}", error.root_cause()))? {
            Fault::Authority => {
                "the server's certificate has an unknown issuer: set MYSQL_TLS_CA to the PEM file of its certificate \
             authority. A certificate that the server made itself at its first start names no host and cannot be \
             verified: give the server one that names MYSQL_HOST, or set MYSQL_TLS=required"
            }
            Fault::Host => {
                "the server's certificate is for another host: set MYSQL_HOST to a name that the certificate contains. A \
             certificate that the server made itself names no host: give the server another one, or set \
             MYSQL_TLS=required"
            }
            Fault::Time => {
                "the server's certificate is expired or not yet valid: renew it, or correct the clock of this machine"
            }
            Fault::Plain => "the server does not speak TLS on this port: check MYSQL_PORT",
            Fault::Demanded => {
                "the server may demand a client certificate: set MYSQL_TLS_CERT and MYSQL_TLS_KEY"
            }
            Fault::Refused => {
                "the server does not accept the client certificate: set MYSQL_TLS_CERT to one that the authorities of \
                 its ssl_ca have signed"
            }
            Fault::Version => {
                "the server's certificate is of X.509 version 1, which cannot be used: make one of version 3 (openssl x509 \
             -req … -extfile with subjectAltName)"
            }
        },
    )
}

/// Adds the remedy to the error of a statement.
pub fn of_statement(error: Error) -> Error {
    match server_code(&error) {
        // ER_MAX_PREPARED_STMT_COUNT_REACHED
        Some(1461) => error.context(
            "the server has no room for another prepared statement: raise max_prepared_stmt_count, or end programs \
             that leave many open",
        ),
        _ => error,
    }
}

fn driver_remedy(error: &DriverError) -> Option<&'static str> {
    Some(match error {
        DriverError::NoClientSslFlagFromServer => {
            "the server offers no TLS: enable TLS on the server, or set MYSQL_TLS=off"
        }
        DriverError::UnknownAuthPlugin { .. }
        | DriverError::CleartextPluginDisabled
        | DriverError::MysqlOldPasswordDisabled => {
            "the account logs in by a method that the worker does not support: change it with ALTER USER to \
             mysql_native_password, caching_sha2_password, ed25519 or parsec"
        }
        _ => return None,
    })
}

/// Puts the remedy in front of an error, for logs.
pub fn with_remedy(error: Error, tls: Tls) -> Error {
    match remedy(&error, tls) {
        Some(remedy) => error.context(remedy),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mysql_async::ServerError;
    use std::collections::BTreeSet;

    #[test]
    fn every_code_has_one_remedy() {
        let codes = REMEDIES.iter().flat_map(|(codes, _)| codes.iter());
        assert_eq!(codes.clone().collect::<BTreeSet<_>>().len(), codes.count());
        for (codes, expected) in REMEDIES {
            for code in codes {
                let error = Error::from(ServerError {
                    code: *code,
                    message: "UnknownIssuer".to_owned(),
                    state: "HY000".to_owned(),
                });
                assert_eq!(remedy(&error, Tls::Verify), Some(expected), "{code}");
            }
        }
    }

    #[test]
    fn the_error_of_a_statement_keeps_its_code() {
        let error = |code| {
            let message = "refused".to_owned();
            let state = "HY000".to_owned();
            of_statement(Error::from(ServerError {
                code,
                message,
                state,
            }))
        };
        let full = error(1461);
        assert!(
            full.to_string().contains("max_prepared_stmt_count"),
            "{full}"
        );
        assert_eq!(server_code(&full), Some(1461));
        assert!(!error(1064).to_string().contains("max_prepared_stmt_count"));
    }

    #[test]
    fn without_tls_no_remedy_speaks_of_certificates() {
        let error = Error::msg("UnknownIssuer");
        assert_eq!(remedy(&error, Tls::Off), None);
        assert!(remedy(&error, Tls::Verify).is_some());
    }
}
