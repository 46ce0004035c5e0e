//! The passes of the daily figures: which way each goes, and a sample of what it meets there.

use crate::check::LIMIT;
use crate::check::tables::Tables;
use crate::mysql::connection::{Database, Session};
use crate::mysql::inspect::sample::{Sample, Subject};
use crate::mysql::scan::ScanKey;
use crate::mysql::scan_plan::ScanPlan;
use crate::mysql::schema::TableSchema;
use crate::mysql::{books, loans, visits};
use anyhow::Result;

/// One pass over one table.
pub(super) struct Pass {
    /// What is walked.
    pub(super) key: ScanKey,
    /// The column of its dates.
    pub(super) date: Option<&'static str>,
    /// Which way.
    pub(super) way: ScanPlan,
    /// Some of its rows.
    pub(super) sample: Sample,
    /// All of them, as far as the server knows.
    pub(super) rows: Option<u64>,
    /// Whether new rows are added while it is read.
    pub(super) grows: bool,
}

/// Those that can be made.
pub(super) struct Passes(Vec<Pass>);

impl Passes {
    /// The pass over a table.
    pub(super) fn over(&self, key: ScanKey) -> Option<&Pass> {
        self.0.iter().find(|pass| pass.key.table == key.table)
    }

    /// Those over tables with dates.
    pub(super) fn dated(&self) -> impl Iterator<Item = (&Pass, &'static str)> {
        self.0.iter().filter_map(|pass| Some((pass, pass.date?)))
    }
}

/// Looks at some rows of each table that is read as a whole.
pub(super) async fn look(database: &Database, tables: &Tables) -> Result<Passes> {
    let mut session = database.session(LIMIT).await?;
    let mut passes = Vec::new();
    for (key, date, columns) in [
        (visits::KEY, Some("checkin_date"), &["member_id"][..]),
        (books::COPIES, None, &["item_code", "biblio_id"]),
        (books::TITLES, None, &[]),
        (loans::KEY, Some("loan_date"), &["item_code", "member_id"]),
    ] {
        passes.extend(pass(&mut session, tables, key, date, columns).await?);
    }
    Ok(Passes(passes))
}

async fn pass(
    session: &mut Session,
    tables: &Tables,
    key: ScanKey,
    date: Option<&'static str>,
    columns: &[&str],
) -> Result<Option<Pass>> {
    let can_read = |column: &str| tables.can_read(key.table, &[column]);
    let plan = TableSchema::of(session, key.table).await?;
    let is_there = plan.require(key.column).is_ok() && can_read(key.column);
    if !is_there || date.is_some_and(|date| !can_read(date)) {
        return Ok(None);
    }
    let way = if key.table == visits::KEY.table {
        ScanPlan::through_visits(session, &plan).await?
    } else {
        ScanPlan::through(&plan, key)
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
        by_key: plan.by_key(key.column),
        date,
        columns: &columns,
        way: &way,
    };
    let sample = Sample::of(session, &subject).await?;
    let grows = plan.grows_while_read(session).await?;
    let rows = tables.get(key.table).and_then(|table| table.rows);
    Ok(Some(Pass {
        key,
        date,
        way,
        sample,
        rows,
        grows,
    }))
}
