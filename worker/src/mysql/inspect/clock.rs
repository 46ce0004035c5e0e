//! The server's clock and zone, to be compared with ours. The one place that asks for them; nothing is counted by them.

use crate::mysql::connection::Session;
use anyhow::{Context, Result};
use chrono::NaiveDateTime;
use mysql_async::Params;

/// What the server takes the time for.
#[derive(Clone, Debug)]
pub struct ServerClock {
    /// Its time in UTC.
    pub utc: NaiveDateTime,
    /// How far its own zone is ahead of UTC, in minutes.
    pub ahead_minutes: i64,
    /// What it calls that zone: `SYSTEM`, `+07:00`, `Asia/Jakarta`.
    pub zone: String,
}

impl ServerClock {
    /// Asks.
    ///
    /// # Errors
    /// As the database says.
    pub async fn of(session: &mut Session) -> Result<Self> {
        let sql =
            "SELECT UTC_TIMESTAMP(6), TIMESTAMPDIFF(MINUTE, UTC_TIMESTAMP(), NOW()), time_zone";
        let clock = session.first("the server's clock", sql, Params::Empty, |cells| {
            Ok(Self {
                utc: cells
                    .time(0)?
                    .date_time()
                    .context("the server has no time")?,
                ahead_minutes: cells.integer(1)?.unwrap_or(0),
                zone: cells.owned_text(2).unwrap_or_default(),
            })
        });
        clock.await?.context("the server has no time")
    }
}
