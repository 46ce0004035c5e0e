//! `worker check`: examines the database and Redis as the worker would use them, and reports what is well, what could
//! be better, and what prevents the worker from working. It changes nothing.
//!
//! # Layout
//! - `findings`, `report`, `format`: the findings, and how they are written
//! - `account`, `tables`, `missing`, `passes`, `today`, `timing`, `daily`, `clock`, `writers`, `dates`: checks of the
//!   database, with the SQL of [`inspect`](crate::mysql::inspect)
//! - `round_trip`: the distance to both servers
//! - `requirements`: the tables and columns that each figure needs
//! - `redis`: checks of Redis

mod account;
mod clock;
mod daily;
mod dates;
pub mod findings;
mod format;
mod missing;
mod passes;
mod redis;
pub mod report;
pub mod requirements;
mod round_trip;
mod tables;
mod timing;
mod today;
mod writers;

use crate::check::findings::{Finding, Report, Topic};
use crate::config::Config;
use crate::mysql::connection::Database;
use anyhow::Result;
use shared::time::Clock;
use std::time::Duration;

/// The time limit of a statement. No statement of a check reads more than some thousand rows.
const STATEMENT_LIMIT: Duration = Duration::from_secs(10);

/// Runs every check. A server that cannot be reached is a finding too, not an error.
pub async fn check(config: &Config, clock: &Clock) -> Report {
    let mut findings = Vec::new();
    let total = Box::pin(check_database(config, clock, &mut findings)).await;
    findings.extend(Box::pin(redis::check(config, clock, total)).await);
    Report::new(clock.now(), findings)
}

/// Returns today's count, or `None` when it could not be counted.
async fn check_database(
    config: &Config,
    clock: &Clock,
    findings: &mut Vec<Finding>,
) -> Option<u64> {
    let database = Database::new(&config.mysql);
    let account = match account::check(config, &database).await {
        Ok((account, account_findings)) => {
            findings.extend(account_findings);
            account
        }
        Err(error) => {
            findings.push(account::unreachable(config, &error));
            return None;
        }
    };
    let tables = tables::check(config, &database, &account).await;
    let tables = keep(findings, Topic::Tables, tables)?;
    let passes = passes::sample(&database, &tables).await;
    let passes = keep(
        findings,
        Topic::Figures,
        passes.map(|passes| (passes, Vec::new())),
    )?;
    let day = config.calendar.day(clock.now());
    let total = today::check(config, &database, &tables, day).await;
    let total = keep(findings, Topic::Figures, total).flatten();
    findings.extend(daily::check(config, &passes));
    let clocks = clock::check(config, &database, clock, &passes).await;
    keep(findings, Topic::Clock, clocks.map(|found| ((), found)));
    let writers = writers::check(config, &database, clock, &tables).await;
    keep(findings, Topic::Clock, writers.map(|found| ((), found)));
    findings.extend(dates::check(&passes));
    database.close().await;
    total
}

/// Adds the findings of a check and returns its value. If the check failed, adds that as a finding.
fn keep<T>(
    findings: &mut Vec<Finding>,
    topic: Topic,
    result: Result<(T, Vec<Finding>)>,
) -> Option<T> {
    match result {
        Ok((value, found)) => {
            findings.extend(found);
            Some(value)
        }
        Err(error) => {
            let what = format!("not checked: {error:#}");
            let advice =
                "Run the check again. If the error stays, the worker will get the same error.";
            findings.push(Finding::ok(topic, "database", what).advise(advice));
            None
        }
    }
}
