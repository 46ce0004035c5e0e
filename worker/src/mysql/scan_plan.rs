//! Chooses how a scan reads a table. `worker check` uses the same choice, so that it reports what the worker does.

use crate::mysql::scan::ScanKey;
use crate::mysql::schema::TableSchema;
use crate::mysql::visits;

/// How a scan reads a table; the texts are index hints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScanPlan {
    /// In short time spans, by an index on the date.
    ByDate(String),
    /// In short ranges of a key, over the whole table.
    ByKey(String),
    /// In one statement, because no index leads the key, as in broken copies.
    FullScan,
}

impl ScanPlan {
    /// Chooses the plan for `visitor_count`.
    pub fn through_visits(schema: &TableSchema) -> Self {
        match schema.by("checkin_date") {
            Some(hint) => Self::ByDate(hint),
            None => Self::through(schema, visits::key(schema)),
        }
    }

    /// Chooses the plan for a table of which every row is read.
    pub fn through(schema: &TableSchema, key: ScanKey) -> Self {
        schema
            .by_key(key.column)
            .map_or(Self::FullScan, Self::ByKey)
    }
}
