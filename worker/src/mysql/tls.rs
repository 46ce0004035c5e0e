//! TLS to the database: the driver's options.

use crate::config::{Mysql, Tls};
use mysql_async::SslOpts;

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
