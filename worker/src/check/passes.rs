//! The scans of the daily figures: the plan of each, and a sample of its rows.

use crate::check::STATEMENT_LIMIT;
use crate::check::tables::Tables;
use crate::mysql::connection::{Database, Session};
use crate::mysql::inspect::sample::{Sample, Subject};
use crate::mysql::scan::ScanKey;
use crate::mysql::scan_plan::ScanPlan;
use crate::mysql::schema::TableSchema;
use crate::mysql::{books, loans, visits};
use anyhow::Result;

/// One scan of one table.
pub(super) struct Pass {
    /// The table and the key by which it is scanned.
    pub(super) key: ScanKey,
    /// The column with the date of a row, if the table has one.
    pub(super) date: Option<&'static str>,
    /// How the worker scans it.
    pub(super) plan: ScanPlan,
    /// Some of the rows.
    pub(super) sample: Sample,
    /// The number of all rows as the server reports it; of InnoDB an estimate.
    pub(super) rows: Option<u64>,
}

/// The scans that are possible.
pub(super) struct Passes(Vec<Pass>);

impl Passes {
    /// The scan of a table.
    pub(super) fn over(&self, table: &str) -> Option<&Pass> {
        self.0.iter().find(|pass| pass.key.table == table)
    }

    /// The scans of tables with dates, each with its date column.
    pub(super) fn dated(&self) -> impl Iterator<Item = (&Pass, &'static str)> {
        self.0.iter().filter_map(|pass| Some((pass, pass.date?)))
    }
}

/// Reads some rows of each table that the worker scans.
///
/// # Errors
/// If a statement fails.
pub(super) async fn sample(database: &Database, tables: &Tables) -> Result<Passes> {
    let mut session = database.session(STATEMENT_LIMIT).await?;
    let mut passes = Vec::new();
    let visits = visits::load_key(&mut session).await?;
    for (key, date, columns) in [
        (visits, Some("checkin_date"), &["member_id"][..]),
        (books::COPIES, None, &["item_code", "biblio_id"]),
        (books::TITLES, None, &[]),
        (loans::KEY, Some("loan_date"), &["item_code", "member_id"]),
    ] {
        passes.extend(sample_table(&mut session, tables, key, date, columns).await?);
    }
    Ok(Passes(passes))
}

/// Returns `None` when a column without which there is no scan cannot be read.
async fn sample_table(
    session: &mut Session,
    tables: &Tables,
    key: ScanKey,
    date: Option<&'static str>,
    columns: &[&str],
) -> Result<Option<Pass>> {
    let can_read = |column: &str| tables.can_read(key.table, &[column]);
    let schema = TableSchema::of(session, key.table).await?;
    let has_key = schema.require(key.column).is_ok() && can_read(key.column);
    if !has_key || date.is_some_and(|date| !can_read(date)) {
        return Ok(None);
    }
    let plan = if key.table == visits::TABLE {
        ScanPlan::through_visits(&schema)
    } else {
        ScanPlan::through(&schema, key)
    };
    let columns: Vec<&str> = columns
        .iter()
        .copied()
        .filter(|column| can_read(column))
        .collect();
    let columns = if columns.is_empty() {
        "NULL".to_owned()
    } else {
        columns.join(", ")
    };
    let subject = Subject {
        key,
        by_key: schema.by_key(key.column),
        date,
        columns: &columns,
        plan: &plan,
    };
    let sample = Sample::of(session, &subject).await?;
    let rows = tables.get(key.table).and_then(|table| table.rows);
    Ok(Some(Pass {
        key,
        date,
        plan,
        sample,
        rows,
    }))
}
