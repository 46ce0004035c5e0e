//! Reads the server's version, our account and the encryption of the connection.

use crate::mysql::connection::Session;
use anyhow::{Context, Result};
use mysql_async::Params;

/// The server and our connection to it.
#[derive(Clone, Debug)]
pub struct Server {
    /// The version, such as `10.11.19-MariaDB-log` or `8.0.36`.
    pub version: String,
    /// The distribution, such as `Debian 12` or `MySQL Community Server - GPL`.
    pub comment: String,
    /// The account under which the server has accepted us, such as `dashboard@%`.
    pub account: String,
    /// The cipher of this connection; `None` without TLS.
    pub cipher: Option<String>,
}

impl Server {
    /// Reads them from the server.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn of(session: &mut Session) -> Result<Self> {
        let sql = "SELECT VERSION(), @@version_comment, CURRENT_USER()";
        let server = session.first("the server's version", sql, Params::Empty, |row| {
            let text = |index| row.owned_text(index).unwrap_or_default();
            Ok([text(0), text(1), text(2)])
        });
        let [version, comment, account] =
            server.await?.context("the server returned no version")?;
        let sql = "SHOW SESSION STATUS LIKE 'Ssl_cipher'";
        let cipher = session.first("the encryption", sql, Params::Empty, |row| {
            Ok(row.owned_text(1).filter(|cipher| !cipher.is_empty()))
        });
        Ok(Self {
            version,
            comment,
            account,
            cipher: cipher.await?.flatten(),
        })
    }

    /// `MariaDB` or `MySQL`.
    pub fn flavour(&self) -> &'static str {
        if self.version.contains("MariaDB") {
            "MariaDB"
        } else {
            "MySQL"
        }
    }

    /// The version number, such as `10.11.19`. Some MariaDB servers put `5.5.5-` in front of it for old clients.
    pub fn number(&self) -> &str {
        let version = self.version.strip_prefix("5.5.5-");
        let version = version.unwrap_or(&self.version);
        version.split('-').next().unwrap_or(version)
    }

    /// Whether the server can limit the time of statements: MariaDB since 10.1.1, MySQL since 5.7.8.
    pub fn limits_statements(&self) -> bool {
        let mut numbers = self.number().split('.').map(|part| part.parse().ok());
        let mut next = || numbers.next().flatten().unwrap_or(0u32);
        let number = [next(), next(), next()];
        number
            >= if self.flavour() == "MariaDB" {
                [10, 1, 1]
            } else {
                [5, 7, 8]
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_parsed() {
        for (version, flavour, number, limits) in [
            ("10.11.19-MariaDB-log", "MariaDB", "10.11.19", true),
            ("5.5.5-10.0.38-MariaDB", "MariaDB", "10.0.38", false),
            ("8.0.36", "MySQL", "8.0.36", true),
            ("5.7.44-log", "MySQL", "5.7.44", true),
            ("5.6.51", "MySQL", "5.6.51", false),
        ] {
            let server = Server {
                version: version.to_owned(),
                comment: String::new(),
                account: String::new(),
                cipher: None,
            };
            let parsed = (
                server.flavour(),
                server.number(),
                server.limits_statements(),
            );
            assert_eq!(parsed, (flavour, number, limits), "{version}");
        }
    }
}
