//! Server and account.

use crate::check::findings::{Finding, Topic};
use crate::check::{LIMIT, format, round_trip};
use crate::config::Config;
use crate::mysql::connection::Database;
use crate::mysql::error::{ErrorKind, refusal};
use crate::mysql::inspect::grants;
use crate::mysql::inspect::remedies;
use crate::mysql::inspect::server::Server;
use crate::mysql::tls;
use anyhow::{Error, Result};
use serde_json::json;
use std::time::Duration;

/// So many privileges are named; the account of SLiMS has twenty.
const NAMED: usize = 3;

/// Connects; gives the account that we were taken for.
pub(super) async fn look(config: &Config, database: &Database) -> Result<(String, Vec<Finding>)> {
    let mut session = database.session(LIMIT).await?;
    session.renew_round_trip(Duration::ZERO).await?;
    let server = Server::of(&mut session).await?;
    let mut findings = vec![
        tell_server(config, &server),
        round_trip::mysql(session.round_trip()),
    ];
    findings.push(match grants::of(&mut session).await {
        Ok(grants) => {
            let name = &config.mysql.database;
            let beyond = grants.iter().flat_map(|grant| grant.beyond_reading(name));
            tell_account(config, &server.account, &beyond.collect::<Vec<_>>())
        }
        Err(error) => Finding::ok(
            Topic::Database,
            "account",
            format!("{}; what it may do is not told: {error:#}", server.account),
        ),
    });
    Ok((server.account, findings))
}

fn tell_server(config: &Config, server: &Server) -> Finding {
    let (flavour, number) = (server.flavour(), server.number());
    let address = format!("{}:{}", config.mysql.host, config.mysql.port);
    let cipher = match &server.cipher {
        Some(_) => "encrypted",
        None => "not encrypted",
    };
    let what = format!("{flavour} {number} at {address}, {cipher}");
    let found = Finding::ok(Topic::Database, "server", what).with(json!({
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
        "It does not end a statement whose time is up, so that one may go on long after the worker gave it up: \
         use MariaDB 10.1 or MySQL 5.7.8 or later.",
    )
}

fn tell_account(config: &Config, account: &str, beyond: &[String]) -> Finding {
    let database = &config.mysql.database;
    let details = json!({ "account": account, "beyond_reading": beyond });
    if beyond.is_empty() {
        let what = format!("{account} may read {database} and nothing else");
        return Finding::ok(Topic::Database, "account", what).with(details);
    }
    let more = beyond.len().saturating_sub(NAMED);
    let mut named: Vec<String> = beyond.iter().take(NAMED).cloned().collect();
    if more > 0 {
        named.push(format!("{more} more"));
    }
    let what = format!(
        "{account} may do more than read {database}: {}",
        format::list(&named)
    );
    Finding::ok(Topic::Database, "account", what)
        .with(details)
        .advise("The worker only reads. Give it an account that can do nothing else:")
        .run(remedies::create_account(database))
}

/// That there is no connection.
pub(super) fn unreachable(config: &Config, error: &Error) -> Finding {
    let mysql = &config.mysql;
    let (host, port, user, database) = (&mysql.host, mysql.port, &mysql.user, &mysql.database);
    let why = error.root_cause();
    let what = format!("no connection to {host}:{port} as {user}, database {database}: {why}");
    let found = Finding::ok(Topic::Database, "server", what);
    match refusal(error) {
        Some(ErrorKind::Account) => found
            .broken(
                "Check MYSQL_USER and MYSQL_PASSWORD, from where the account may come, and whether it must come by TLS \
                 (MYSQL_TLS). A new account is made by:",
            )
            .run(remedies::create_account(database)),
        Some(ErrorKind::Database) => found
            .broken("Is MYSQL_DATABASE the name of the SLiMS database? If so, the account must be allowed to read it:")
            .run([remedies::grant_select(database, "*", &format!("{user}@%"))]),
        _ => found.broken(match tls::advice(error) {
            Some(advice) => format::sentence(advice),
            None => "Does a server listen there, and can this machine reach it? MYSQL_HOST and MYSQL_PORT say where."
                .to_owned(),
        }),
    }
}
