//! Reads the server's clock and time zone, to compare them with ours. Nothing else reads them, and no number depends on
//! them.

use crate::mysql::connection::Session;
use anyhow::{Context, Result};
use chrono::NaiveDateTime;
use mysql_async::Params;

/// The server's clock and time zone.
#[derive(Clone, Debug)]
pub struct ServerClock {
    /// The server's time in UTC.
    pub utc: NaiveDateTime,
    /// The offset of the server's zone from UTC, in minutes.
    pub ahead_minutes: i64,
    /// The name of that zone: `SYSTEM`, `+07:00`, `Asia/Jakarta`.
    pub zone: String,
}

impl ServerClock {
    /// Reads the clock.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn of(session: &mut Session) -> Result<Self> {
        let sql =
            "SELECT UTC_TIMESTAMP(6), TIMESTAMPDIFF(MINUTE, UTC_TIMESTAMP(), NOW()), @@time_zone";
        let clock = session.first("the server's clock", sql, Params::Empty, |row| {
            Ok(Self {
                utc: row
                    .time(0)?
                    .date_time()
                    .context("the server returned no time")?,
                ahead_minutes: row.integer(1)?.unwrap_or(0),
                zone: row.owned_text(2).unwrap_or_default(),
            })
        });
        clock.await?.context("the server returned no time")
    }
}
