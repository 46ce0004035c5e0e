//! TLS to the database: the driver's options.

use crate::config::{Mysql, Tls};
use mysql_async::{ClientIdentity, SslOpts};

/// The driver's options for `MYSQL_TLS`, `MYSQL_TLS_CA`, `MYSQL_TLS_CERT` and `MYSQL_TLS_KEY`; `None` without TLS.
pub fn options(config: &Mysql) -> Option<SslOpts> {
    let options = match config.tls {
        Tls::Off => return None,
        Tls::Required => SslOpts::default()
            .with_danger_accept_invalid_certs(true)
            .with_danger_skip_domain_validation(true),
        Tls::Verify => match &config.authorities {
            None => SslOpts::default(),
            Some(authorities) => SslOpts::default()
                .with_root_certs(vec![buffer(authorities.pem()).into()])
                .with_disable_built_in_roots(true),
        },
    };
    let identity = config.identity.as_ref().map(|identity| {
        let (certificate, key) = identity.pem();
        ClientIdentity::new(buffer(certificate).into(), buffer(key).into())
    });
    Some(options.with_client_identity(identity))
}

fn buffer(pem: &str) -> Vec<u8> {
    pem.as_bytes().to_vec()
}
