//! Names all Redis keys and channels. No other file contains such a name.

use crate::catalog::Snapshot;
use crate::environment::Environment;
use crate::redis::RedisUrl;
use crate::variable::Variable;
use chrono::NaiveDate;
use tracing::info;

/// The names of the keys and channels of one library, each with the library's prefix.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    prefix: String,
    /// The number of the Redis database.
    database: u8,
}

impl Keys {
    /// Creates the names for database 0. `prefix` is `REDIS_KEY_PREFIX` and includes its separator.
    pub fn new(prefix: impl Into<String>) -> Self {
        Self {
            prefix: prefix.into(),
            database: 0,
        }
    }

    /// The same names for another database number.
    ///
    /// All databases of a Redis server share their channels, so two libraries on `/0` and `/1` would receive each
    /// other's messages. In every database but 0 the channels include the number after the prefix:
    /// `db1:visitors:today`.
    #[must_use]
    pub fn in_database(self, database: u8) -> Self {
        Self { database, ..self }
    }

    /// Reads `REDIS_KEY_PREFIX`, and takes the database number from `redis`.
    pub fn read(environment: &mut Environment<'_>, redis: &RedisUrl) -> Self {
        let prefix = environment.text(Variable::optional(
            "REDIS_KEY_PREFIX",
            "",
            "prefix of every key and channel, so that several libraries can share a Redis server",
        ));
        Self::new(prefix).in_database(redis.database())
    }

    /// Logs how channels are named if they include a database number.
    pub fn log_channels(&self) {
        if self.database != 0 {
            let (database, today) = (self.database, self.today_channel());
            info!(
                database,
                "the names of Redis channels include the database number {database}, such as {today}"
            );
        }
    }

    /// Whether a cluster keeps all keys in one slot, because the prefix has a part in braces.
    pub fn share_a_slot(&self) -> bool {
        let tag = self
            .prefix
            .split_once('{')
            .and_then(|(_, rest)| rest.split_once('}'));
        tag.is_some_and(|(tag, _)| !tag.is_empty())
    }

    /// The key of a snapshot; its value is a [`crate::snapshot::Envelope`].
    pub fn snapshot(&self, snapshot: Snapshot) -> String {
        self.with_prefix(&snapshot.name())
    }

    /// The channel on which the worker publishes the key of each snapshot that it has written.
    pub fn snapshots_channel(&self) -> String {
        self.channel("snapshots")
    }

    /// The key of today's count; its value is a [`crate::today::TodayCount`].
    pub fn today_count(&self) -> String {
        self.with_prefix("visitors:today:count")
    }

    /// The channel on which the worker publishes the value of [`Self::today_count`].
    pub fn today_channel(&self) -> String {
        self.channel("visitors:today")
    }

    /// The channel of refresh requests from gateways. The content of a message does not matter.
    pub fn refresh_channel(&self) -> String {
        self.channel("visitors:today:refresh")
    }

    /// The counter that the check-in software increments in `incremental` mode. The worker never deletes it.
    pub fn today_increments(&self, day: NaiveDate) -> String {
        self.with_prefix(&format!("visitors:today:incr:{day}"))
    }

    /// What [`crate::unavailable`] describes.
    pub fn unavailable(&self) -> String {
        self.with_prefix("worker:unavailable")
    }

    /// The lease of the active worker: its epoch, a space, its name.
    pub fn lease(&self) -> String {
        self.with_prefix("worker:lease")
    }

    /// The epoch of the last lease.
    pub fn epoch(&self) -> String {
        self.with_prefix("worker:epoch")
    }

    /// The name of a standby that saw another worker hold the lease within the last seconds.
    pub fn standby(&self) -> String {
        self.with_prefix("worker:standby")
    }

    /// A hash from the name of each snapshot to the settings under which it was made.
    pub fn made(&self) -> String {
        self.with_prefix("worker:made")
    }

    fn channel(&self, name: &str) -> String {
        match self.database {
            0 => self.with_prefix(name),
            database => self.with_prefix(&format!("db{database}:{name}")),
        }
    }

    fn with_prefix(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_include_the_database_number_and_keys_do_not() {
        for (prefix, database, channel) in [
            ("", 0, "visitors:today"),
            ("", 1, "db1:visitors:today"),
            ("{lib1}:", 0, "{lib1}:visitors:today"),
            ("{lib1}:", 12, "{lib1}:db12:visitors:today"),
        ] {
            let keys = Keys::new(prefix).in_database(database);
            let same = Keys::new(prefix);
            assert_eq!(keys.today_channel(), channel);
            assert_eq!(keys.refresh_channel(), format!("{channel}:refresh"));
            let snapshots = channel.replace("visitors:today", "snapshots");
            assert_eq!(keys.snapshots_channel(), snapshots);
            assert_eq!(keys.today_count(), same.today_count());
            assert_eq!(keys.made(), same.made());
        }
    }

    #[test]
    fn every_name_has_the_prefix() {
        let keys = Keys::new("{lib1}:");
        let day = NaiveDate::from_ymd_opt(2025, 9, 3).unwrap_or_default();
        assert_eq!(keys.snapshot(Snapshot::Weekly), "{lib1}:visitors:weekly");
        assert_eq!(keys.snapshots_channel(), "{lib1}:snapshots");
        assert_eq!(keys.today_count(), "{lib1}:visitors:today:count");
        assert_eq!(keys.today_channel(), "{lib1}:visitors:today");
        assert_eq!(keys.refresh_channel(), "{lib1}:visitors:today:refresh");
        assert_eq!(keys.lease(), "{lib1}:worker:lease");
        assert_eq!(keys.epoch(), "{lib1}:worker:epoch");
        assert_eq!(keys.standby(), "{lib1}:worker:standby");
        assert_eq!(keys.made(), "{lib1}:worker:made");
        assert_eq!(
            keys.today_increments(day),
            "{lib1}:visitors:today:incr:2025-09-03"
        );
        assert_eq!(Keys::default().today_count(), "visitors:today:count");
        assert!(keys.share_a_slot());
        assert!(
            !["", "lib1:", "{}:", "lib1}{"]
                .iter()
                .any(|prefix| Keys::new(*prefix).share_a_slot())
        );
    }
}
