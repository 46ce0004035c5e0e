//! Which way a pass goes through a table. Chosen here, so that whoever tells of it tells what is done.

use crate::source::chunks::Key;
use crate::source::database::Session;
use crate::source::plan::Plan;
use crate::source::visits;
use anyhow::Result;

/// Each with the hint by which to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// In short spans of time, by an index on the date.
    AlongDays(String),
    /// In short ranges of a key, through the whole table.
    AlongIds(String),
    /// In one statement.
    AtOnce,
}

impl Way {
    /// Through `visitor_count`.
    ///
    /// # Errors
    /// As the database says.
    pub async fn through_visits(session: &mut Session, plan: &Plan) -> Result<Self> {
        if let Some(hint) = plan.by("checkin_date") {
            return Ok(Self::AlongDays(hint));
        }
        if plan.grows_while_read(session).await? {
            return Ok(Self::AtOnce);
        }
        Ok(Self::through(plan, visits::KEY))
    }

    /// Through a table all of which is read.
    pub fn through(plan: &Plan, key: Key) -> Self {
        plan.by_key(key.column).map_or(Self::AtOnce, Self::AlongIds)
    }
}
