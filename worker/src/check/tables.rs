//! Checks the tables: whether they can be read, engine, size and indexes.

use crate::check::findings::{Finding, Topic};
use crate::check::requirements::{self, TABLES};
use crate::check::{STATEMENT_LIMIT, format, missing};
use crate::config::Config;
use crate::mysql::connection::Database;
use crate::mysql::error::ErrorKind;
use crate::mysql::inspect::tables::Table;
use crate::mysql::inspect::{columns, remedies, tables};
use anyhow::Result;
use serde_json::json;
use std::collections::BTreeMap;

/// The tables of the database, and the columns that cannot be read.
pub(super) struct Tables {
    tables: BTreeMap<String, Table>,
    unreadable: Vec<(&'static str, &'static str)>,
}

impl Tables {
    /// Whether all these columns can be read.
    pub(super) fn can_read(&self, table: &str, columns: &[&str]) -> bool {
        let matches = |(name, column): &(&str, &str)| *name == table && columns.contains(column);
        !self.unreadable.iter().any(matches)
    }

    /// The engine, size and indexes of a table.
    pub(super) fn get(&self, table: &str) -> Option<&Table> {
        self.tables.get(table)
    }
}

/// Checks every table that the worker reads.
///
/// # Errors
/// If a statement fails.
pub(super) async fn check(
    config: &Config,
    database: &Database,
    account: &str,
) -> Result<(Tables, Vec<Finding>)> {
    let mut session = database.session(STATEMENT_LIMIT).await?;
    let names = TABLES.map(|table| table.name);
    let mut all = Tables {
        tables: tables::of(&mut session, &names).await?,
        unreadable: Vec::new(),
    };
    let mut findings = Vec::new();
    for needed in &TABLES {
        let columns = needed.column_names();
        let unreadable = columns::lacking(&mut session, needed.name, &columns).await?;
        let names = unreadable.iter().map(|(column, _)| (needed.name, *column));
        all.unreadable.extend(names);
        let describe_missing = |about: &str, columns: &[&str], why: ErrorKind| {
            let is_denied = why == ErrorKind::Denied;
            missing::describe(config, account, needed, about, columns, is_denied)
        };
        match unreadable.as_slice() {
            [(_, why), ..] if unreadable.len() == columns.len() => {
                findings.push(describe_missing(needed.name, &columns, *why));
            }
            some => {
                findings.push(describe(needed, all.tables.get(needed.name)));
                let some = some.iter().map(|(column, why)| {
                    let about = format!("{}.{column}", needed.name);
                    describe_missing(&about, &[*column], *why)
                });
                findings.extend(some);
            }
        }
    }
    Ok((all, findings))
}

fn describe(needed: &requirements::Table, table: Option<&Table>) -> Finding {
    let name = needed.name;
    let found = |what: String| Finding::ok(Topic::Tables, name, what);
    let Some((table, engine)) = table.and_then(|table| Some((table, table.engine.as_ref()?)))
    else {
        return found("a view".to_owned()).with_details(json!({ "view": true }));
    };
    let indexes: Vec<String> = table
        .indexes
        .iter()
        .map(|columns| index_name(columns))
        .collect();
    let indexed = if indexes.is_empty() {
        "no index".to_owned()
    } else {
        format!("indexed by {}", indexes.join(", "))
    };
    let rows = row_count(engine, table.rows.unwrap_or(0));
    let size = format::bytes(table.bytes.unwrap_or(0));
    let found = found(format!("{engine}, {rows}, {size}; {indexed}")).with_details(json!({
        "engine": engine,
        "rows": table.rows,
        "rows_are_exact": is_exact(engine),
        "bytes": table.bytes,
        "indexes": table.indexes,
    }));
    let is_missing = |key: &&str| !table.is_indexed_by(key);
    let mut missing = Vec::new();
    for key in needed.keys.iter().copied().filter(is_missing) {
        missing.push(if key == needed.keys[0] {
            remedies::add_primary_key(name, key)
        } else {
            remedies::create_index(name, key)
        });
    }
    if missing.is_empty() {
        return found;
    }
    missing.insert(0, remedies::allow_zero_dates());
    found
        .advise("These indexes of SLiMS are missing, so a search for a few rows reads all rows. To create them:")
        .run(missing)
}

/// `visitor_id`, or `(input_date, uid)`.
fn index_name(columns: &[String]) -> String {
    match columns {
        [one] => one.clone(),
        several => format!("({})", several.join(", ")),
    }
}

fn is_exact(engine: &str) -> bool {
    engine != "InnoDB"
}

/// `1,712,034 rows`, or for an estimate `about 1,710,000 rows`.
fn row_count(engine: &str, rows: u64) -> String {
    if is_exact(engine) {
        return format::count(rows, "row");
    }
    let step = 10u64.pow(rows.checked_ilog10().unwrap_or(0).saturating_sub(2));
    format!(
        "about {}",
        format::count((rows + step / 2) / step * step, "row")
    )
}
