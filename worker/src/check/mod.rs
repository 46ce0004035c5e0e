//! `worker check`, the doctor: looks at database and Redis as the worker would use them, changes nothing, and says what is
//! good, what would be better otherwise, and what stands in the way.
//!
//! # Layout
//! - `findings`, `report`, `words`: what is said
//! - `account`, `tables`, `lacking`, `passes`, `today`, `cost`, `daily`, `clock`, `dates`: the database, over
//!   [`survey`](crate::mysql::survey)
//! - `round_trip`: how far away both servers are
//! - `needs`: what each figure needs
//! - `redis`: the store

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

use crate::check::findings::{Finding, Report, Topic};
use crate::config::Config;
use crate::mysql::connection::Database;
use anyhow::Result;
use shared::time::Clock;
use std::time::Duration;

/// No statement of a check reads more than some thousand rows.
const LIMIT: Duration = Duration::from_secs(10);

/// Looks at everything. What cannot be reached is a finding too.
pub async fn check(config: &Config, clock: &Clock) -> Report {
    let mut findings = Vec::new();
    let total = Box::pin(database(config, clock, &mut findings)).await;
    findings.extend(Box::pin(redis::look(config, clock, total)).await);
    Report::of(clock.now(), findings)
}

/// Gives today's count, if it was made.
async fn database(config: &Config, clock: &Clock, findings: &mut Vec<Finding>) -> Option<u64> {
    let database = Database::new(&config.mysql);
    let account = match account::look(config, &database).await {
        Ok((account, found)) => {
            findings.extend(found);
            account
        }
        Err(error) => {
            findings.push(account::unreachable(config, &error));
            return None;
        }
    };
    let tables = tables::look(config, &database, &account).await;
    let tables = keep(findings, Topic::Tables, tables)?;
    let passes = passes::look(&database, &tables).await;
    let passes = keep(
        findings,
        Topic::Figures,
        passes.map(|passes| (passes, Vec::new())),
    )?;
    let day = config.calendar.day(clock.now());
    let total = today::look(config, &database, &tables, day).await;
    let total = keep(findings, Topic::Figures, total).flatten();
    findings.extend(daily::look(config, &passes));
    let found = clock::look(config, &database, clock, &passes).await;
    keep(findings, Topic::Clock, found.map(|found| ((), found)));
    findings.extend(dates::look(&passes));
    database.close().await;
    total
}

/// Keeps what was found, or that nothing was.
fn keep<T>(
    findings: &mut Vec<Finding>,
    topic: Topic,
    found: Result<(T, Vec<Finding>)>,
) -> Option<T> {
    match found {
        Ok((value, found)) => {
            findings.extend(found);
            Some(value)
        }
        Err(error) => {
            let what = format!("not examined: {error:#}");
            let again = "Look again; if it stays, the worker will meet the same error.";
            findings.push(Finding::ok(topic, "database", what).advise(again));
            None
        }
    }
}
