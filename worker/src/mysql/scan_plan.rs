//! Which way a pass goes through a table. Chosen here, so that whoever tells of it tells what is done.

use crate::mysql::connection::Session;
use crate::mysql::scan::ScanKey;
use crate::mysql::schema::TableSchema;
use crate::mysql::visits;
use anyhow::Result;

/// Each with the hint by which to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScanPlan {
    /// In short spans of time, by an index on the date.
    ByDate(String),
    /// In short ranges of a key, through the whole table.
    ByKey(String),
    /// In one statement.
    FullScan,
}

impl ScanPlan {
    /// Through `visitor_count`.
    ///
    /// # Errors
    /// As the database says.
    pub async fn through_visits(session: &mut Session, plan: &TableSchema) -> Result<Self> {
        if let Some(hint) = plan.by("checkin_date") {
            return Ok(Self::ByDate(hint));
        }
        if plan.grows_while_read(session).await? {
            return Ok(Self::FullScan);
        }
        Ok(Self::through(plan, visits::KEY))
    }

    /// Through a table all of which is read.
    pub fn through(plan: &TableSchema, key: ScanKey) -> Self {
        plan.by_key(key.column).map_or(Self::FullScan, Self::ByKey)
    }
}
