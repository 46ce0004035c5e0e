//! The tables: engine, size and indexes, and what is not there to be read.

use crate::check::findings::{Finding, Topic};
use crate::check::needs::{self, Figures, TABLES};
use crate::check::{LIMIT, words};
use crate::config::Config;
use crate::source::database::{Database, Refusal};
use crate::source::survey::tables::Table;
use crate::source::survey::{columns, remedies, tables};
use anyhow::Result;
use serde_json::json;
use std::collections::BTreeMap;

/// What is there.
pub(super) struct Tables {
    tables: BTreeMap<String, Table>,
    lacking: Vec<(&'static str, &'static str)>,
}

impl Tables {
    /// Whether all these columns can be read.
    pub(super) fn can_read(&self, table: &str, columns: &[&str]) -> bool {
        let lacks = |(of, column): &(&str, &str)| *of == table && columns.contains(column);
        !self.lacking.iter().any(lacks)
    }

    /// What is known of a table.
    pub(super) fn get(&self, table: &str) -> Option<&Table> {
        self.tables.get(table)
    }
}

/// Looks at every table that is read.
pub(super) async fn look(
    config: &Config,
    database: &Database,
    account: &str,
) -> Result<(Tables, Vec<Finding>)> {
    let mut session = database.session(LIMIT).await?;
    let names = TABLES.map(|table| table.name);
    let mut all = Tables {
        tables: tables::of(&mut session, &names).await?,
        lacking: Vec::new(),
    };
    let mut findings = Vec::new();
    for needed in &TABLES {
        let lacking = columns::lacking(&mut session, needed.name, &needed.column_names()).await?;
        let names = lacking.iter().map(|(column, _)| (needed.name, *column));
        all.lacking.extend(names);
        let denied = |why: &Refusal| *why == Refusal::Denied;
        if lacking.len() == needed.columns.len() {
            let is_denied = lacking.iter().any(|(_, why)| denied(why));
            findings.push(tell_lack(
                config,
                account,
                needed,
                needed.name,
                &needed.column_names(),
                is_denied,
            ));
            continue;
        }
        findings.push(tell(needed, all.tables.get(needed.name)));
        for (column, why) in &lacking {
            let about = format!("{}.{column}", needed.name);
            findings.push(tell_lack(
                config,
                account,
                needed,
                &about,
                &[*column],
                denied(why),
            ));
        }
    }
    Ok((all, findings))
}

fn tell(needed: &needs::Table, table: Option<&Table>) -> Finding {
    let name = needed.name;
    let Some(Table {
        engine: Some(engine),
        rows,
        bytes,
        indexes,
    }) = table
    else {
        return Finding::ok(Topic::Tables, name, "a view").with(json!({ "view": true }));
    };
    let named: Vec<String> = indexes.iter().map(|columns| index_name(columns)).collect();
    let indexed = if named.is_empty() {
        "no index".to_owned()
    } else {
        format!("indexed by {}", named.join(", "))
    };
    let rows = rows.unwrap_or(0);
    let what = format!(
        "{engine}, {} rows, {}; {indexed}",
        count(engine, rows),
        words::bytes(bytes.unwrap_or(0))
    );
    let found = Finding::ok(Topic::Tables, name, what).with(json!({
        "engine": engine,
        "rows": rows,
        "rows_are_exact": is_exact(engine),
        "bytes": bytes,
        "indexes": indexes,
    }));
    let table = Table {
        indexes: indexes.clone(),
        ..Table::default()
    };
    let missing = needed
        .keys
        .iter()
        .enumerate()
        .filter(|(_, key)| !table.is_indexed_by(key));
    let missing: Vec<String> = missing
        .map(|(place, key)| match place {
            0 => remedies::add_primary_key(name, key),
            _ => remedies::create_index(name, key),
        })
        .collect();
    if missing.is_empty() {
        found
    } else {
        found
            .advise("SLiMS makes these keys, and they are gone: reads that need a few rows go through the whole table.")
            .run(missing)
    }
}

/// What cannot be read: `about` is a table or one column of it.
fn tell_lack(
    config: &Config,
    account: &str,
    needed: &needs::Table,
    about: &str,
    columns: &[&'static str],
    is_denied: bool,
) -> Finding {
    let lost = needed.lost_without(columns);
    let figures = needs::words(&lost);
    let snapshots: Vec<String> = lost
        .iter()
        .flat_map(|figures| figures.snapshots())
        .map(|snapshot| snapshot.name())
        .collect();
    let (what, why) = if is_denied {
        (format!("{account} may not read it"), "denied")
    } else {
        ("not there".to_owned(), "missing")
    };
    let found = Finding::ok(Topic::Tables, about, what.clone()).with(json!({
        "lacking": why,
        "snapshots_lost": snapshots,
        "today_lost": lost.contains(&Figures::Today),
    }));
    let grant = || {
        [remedies::grant_select(
            &config.mysql.database,
            needed.name,
            account,
        )]
    };
    if lost.contains(&Figures::Today) {
        let advice = "There is nothing to count. Is MYSQL_DATABASE the name of the SLiMS database?";
        return if is_denied {
            found
                .broken("There is nothing to count without it:")
                .run(grant())
        } else {
            found.broken(advice)
        };
    }
    if lost.is_empty() {
        let without = "loans of deleted copies are in no ranking, deleted borrowers are named after their visits";
        let found = Finding {
            what: format!("{what}: {without}"),
            ..found
        };
        return if is_denied {
            found.advise("To have them:").run(grant())
        } else {
            found
        };
    }
    if is_denied {
        found
            .advise(format!("Without it {figures} cannot be made:"))
            .run(grant())
    } else {
        found.advise(format!(
            "Without it {figures} cannot be made, all others can. This version of SLiMS may be too old."
        ))
    }
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

/// `1,712,034`, or of an estimate `about 1,710,000`.
fn count(engine: &str, rows: u64) -> String {
    if is_exact(engine) {
        return words::number(rows);
    }
    let step = 10u64.pow(rows.checked_ilog10().unwrap_or(0).saturating_sub(2));
    format!("about {}", words::number((rows + step / 2) / step * step))
}
