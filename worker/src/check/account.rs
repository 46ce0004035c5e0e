//! Checks the MySQL server and the account: connection, version, round trip, privileges.

use crate::check::findings::{Finding, Topic};
use crate::check::{STATEMENT_LIMIT, format, round_trip};
use crate::config::Config;
use crate::mysql::connection::Database;
use crate::mysql::error::{ErrorKind, kind_of, server_code};
use crate::mysql::inspect::grants;
use crate::mysql::inspect::remedies;
use crate::mysql::inspect::server::Server;
use crate::mysql::remedy;
use anyhow::{Error, Result};
use serde_json::json;
use std::time::Duration;

/// How many privileges are named. The account of SLiMS itself has twenty.
const NAMED_PRIVILEGES: usize = 3;

/// Connects, and returns the account under which the server knows us.
///
/// # Errors
/// If there is no connection or a statement fails.
pub(super) async fn check(config: &Config, database: &Database) -> Result<(String, Vec<Finding>)> {
    let mut session = database.session(STATEMENT_LIMIT).await?;
    session.renew_round_trip(Duration::ZERO).await?;
    let server = Server::of(&mut session).await?;
    let mut findings = vec![
        describe_server(config, &server),
        round_trip::mysql(session.round_trip()),
    ];
    findings.push(match grants::of(&mut session).await {
        Ok(grants) => {
            let name = &config.mysql.database;
            let beyond = grants.iter().flat_map(|grant| grant.beyond_reading(name));
            describe_account(config, &server.account, &beyond.collect::<Vec<_>>())
        }
        Err(error) => Finding::ok(
            Topic::Database,
            "account",
            format!(
                "{}; its privileges could not be read: {error:#}",
                server.account
            ),
        ),
    });
    Ok((server.account, findings))
}

fn describe_server(config: &Config, server: &Server) -> Finding {
    let (flavour, number) = (server.flavour(), server.number());
    let address = config.mysql.address();
    let cipher = match &server.cipher {
        Some(_) => "encrypted",
        None => "not encrypted",
    };
    let what = format!("{flavour} {number} at {address}, {cipher}");
    let found = Finding::ok(Topic::Database, "server", what).with_details(json!({
        "flavour": flavour,
        "version": server.version,
        "comment": server.comment,
        "address": address,
        "database": config.mysql.database,
        "encrypted": server.cipher.is_some(),
    }));
    if server.limits_statements() {
        return found;
    }
    found.advise(
        "This version does not end a statement at its time limit, so a statement can go on long after the worker has \
         given it up: use MariaDB 10.1 or later, or MySQL 5.7.8 or later.",
    )
}

fn describe_account(config: &Config, account: &str, beyond: &[String]) -> Finding {
    let database = &config.mysql.database;
    let details = json!({ "account": account, "beyond_reading": beyond });
    if beyond.is_empty() {
        let what = format!("{account} can only read {database}");
        return Finding::ok(Topic::Database, "account", what).with_details(details);
    }
    let more = beyond.len().saturating_sub(NAMED_PRIVILEGES);
    let mut named: Vec<String> = beyond.iter().take(NAMED_PRIVILEGES).cloned().collect();
    if more > 0 {
        named.push(format!("{more} more"));
    }
    let what = format!(
        "{account} can do more than read {database}: {}",
        format::list(&named)
    );
    Finding::ok(Topic::Database, "account", what)
        .with_details(details)
        .advise("The worker only reads. Give it an account that can only read:")
        .run(remedies::create_account(database))
}

/// The finding that there is no connection.
pub(super) fn unreachable(config: &Config, error: &Error) -> Finding {
    let mysql = &config.mysql;
    let (address, user, database) = (mysql.address(), &mysql.user, &mysql.database);
    let why = error.root_cause();
    let what = format!("no connection to {address} as {user}, database {database}: {why}");
    let found = Finding::ok(Topic::Database, "server", what);
    let remedy = remedy::remedy(error, mysql.tls);
    match kind_of(error) {
        Some(ErrorKind::Account) => found
            .broken(format!("{} To create a new account:", format::sentence(remedy.unwrap_or_default())))
            .run(remedies::create_account(database)),
        Some(ErrorKind::Database) => found
            .broken("Is MYSQL_DATABASE the name of the SLiMS database? If so, allow the account to read it:")
            .run([remedies::grant_select(database, "*", &format!("{user}@%"))]),
        _ => found.broken(match remedy {
            Some(remedy) => format::sentence(remedy),
            None if server_code(error).is_some() => {
                "The server answered with this error: see its manual and its log.".to_owned()
            }
            None if mysql.socket.is_some() => {
                "Check MYSQL_SOCKET, that the server is running, and that this account may open the socket.".to_owned()
            }
            None => "Check MYSQL_HOST and MYSQL_PORT, that the server is running, and that this machine can reach it."
                .to_owned(),
        }),
    }
}
