//! Chooses how a scan reads a table. `worker check` uses the same choice, so that it reports what the worker does.

use crate::mysql::connection::Session;
use crate::mysql::scan::ScanKey;
use crate::mysql::schema::TableSchema;
use crate::mysql::visits;
use anyhow::Result;

/// How a scan reads a table; the texts are index hints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScanPlan {
    /// In short time spans, by an index on the date.
    ByDate(String),
    /// In short ranges of a key, over the whole table.
    ByKey(String),
    /// In one statement.
    FullScan,
}

impl ScanPlan {
    /// Chooses the plan for `visitor_count`.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn through_visits(session: &mut Session, schema: &TableSchema) -> Result<Self> {
        if let Some(hint) = schema.by("checkin_date") {
            return Ok(Self::ByDate(hint));
        }
        if schema.grows_while_read(session).await? {
            return Ok(Self::FullScan);
        }
        Ok(Self::through(schema, visits::KEY))
    }

    /// Chooses the plan for a table of which every row is read.
    pub fn through(schema: &TableSchema, key: ScanKey) -> Self {
        schema
            .by_key(key.column)
            .map_or(Self::FullScan, Self::ByKey)
    }
}
