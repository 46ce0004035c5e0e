//! Reads a whole table in short statements: a scan goes along a key, in chunks that take the server a millisecond each.
//!
//! On MyISAM and Aria writers wait for the statement that reads, and on a small machine other clients wait for a core.
//! The shorter a statement, the less they notice. Between two chunks the scan pauses ([`Throttle`]).

use crate::mysql::connection::Session;
use crate::mysql::params;
use crate::mysql::round_trip::TimeSpent;
use crate::mysql::scan_settings::{ChunkSizes, ScanSettings};
use crate::mysql::throttle::Throttle;
use anyhow::Result;
use mysql_async::Params;
use std::ops::RangeInclusive;
use std::time::Duration;
use tokio::time::Instant;
use tracing::info;

/// Interval between progress logs of a long scan.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

/// A link is slow if this many round trips take at least as long as a chunk should. That is a round trip from 0.25 ms
/// on, and from 5 ms on for hurried scans.
const SLOW_LINK_ROUND_TRIPS: u32 = 4;

/// An integer column that identifies the rows of a table.
#[derive(Clone, Copy, Debug)]
pub struct ScanKey {
    /// The table.
    pub table: &'static str,
    /// The column.
    pub column: &'static str,
}

/// A scan along an integer, from the first value to the last, both included.
pub struct ChunkedScan {
    what: &'static str,
    range: RangeInclusive<i64>,
    next: Option<i64>,
    size: i64,
    sizes: ChunkSizes,
    chunk: Duration,
    /// Whether the last chunk took too long.
    was_slow: bool,
    /// The session's time spent before the current chunk.
    before: TimeSpent,
    last_report: Instant,
}

impl ChunkedScan {
    /// Starts a scan over all present values of `key`. `what` names what is read, in progress logs.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn over(
        what: &'static str,
        session: &mut Session,
        key: ScanKey,
        settings: &ScanSettings,
    ) -> Result<Self> {
        let ScanKey { table, column } = key;
        let sql = format!("SELECT MIN({column}), MAX({column}) FROM {table}");
        let bounds = session.first("the range of the ids", &sql, Params::Empty, |row| {
            Ok(row.integer(0)?.zip(row.integer(1)?))
        });
        // An empty table: the range from 1 to 0 is empty.
        let (first, last) = bounds.await?.flatten().unwrap_or((1, 0));
        Ok(Self::new(what, first..=last, settings.ids, settings))
    }

    /// Starts a scan over `range`. `what` names what is read, in progress logs.
    pub fn new(
        what: &'static str,
        range: RangeInclusive<i64>,
        sizes: ChunkSizes,
        settings: &ScanSettings,
    ) -> Self {
        Self {
            what,
            next: (!range.is_empty()).then_some(*range.start()),
            range,
            size: sizes.first,
            sizes,
            chunk: settings.chunk,
            was_slow: false,
            before: TimeSpent::default(),
            last_report: Instant::now(),
        }
    }

    /// The next chunk, both ends included; `None` at the end.
    pub fn next_chunk(&mut self, session: &Session) -> Option<RangeInclusive<i64>> {
        self.before = session.time_spent();
        self.next_range()
    }

    fn next_range(&mut self) -> Option<RangeInclusive<i64>> {
        let first = self.next?;
        let last = first.saturating_add(self.size - 1).min(*self.range.end());
        self.next = last
            .checked_add(1)
            .filter(|next| *next <= *self.range.end());
        Some(first..=last)
    }

    /// Call after each chunk: adapts the size of the next one and pauses.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn pause(&mut self, session: &mut Session, throttle: &mut Throttle) -> Result<()> {
        let spent = session.time_spent() - self.before;
        let worked = session
            .server_time_since(self.before, self.chunk * 2)
            .await?;
        self.resize(worked, session.round_trip());
        self.report_progress();
        if self.next.is_some() {
            throttle
                .pause_after(session, worked, spent.elapsed.saturating_sub(worked))
                .await?;
        } else {
            session.release_read_slot();
        }
        Ok(())
    }

    /// Call after a chunk of `key` without rows: continues at the next existing id, so that a gap of billions costs one
    /// index lookup.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn skip_gap(&mut self, session: &mut Session, key: ScanKey) -> Result<()> {
        let Some(next) = self.next else { return Ok(()) };
        let ScanKey { table, column } = key;
        let sql = format!("SELECT MIN({column}) FROM {table} WHERE {column} >= ?");
        let next = session.first("the next id", &sql, params([next]), |row| row.integer(0));
        self.continue_at(next.await?.flatten());
        Ok(())
    }

    fn continue_at(&mut self, next: Option<i64>) {
        self.next = next.filter(|next| *next <= *self.range.end());
    }

    /// Scales the size so that the server works for the target time, by a factor of 0.5 to 2. On a slow link, where the
    /// round trip is not far below the target time, a single slow chunk is taken for a network hiccup; two in a row are
    /// slow.
    fn resize(&mut self, worked: Duration, round_trip: Duration) {
        let is_slow_link = round_trip * SLOW_LINK_ROUND_TRIPS >= self.chunk;
        let was_slow = std::mem::replace(&mut self.was_slow, worked > self.chunk);
        if is_slow_link && self.was_slow && !was_slow {
            return;
        }
        let factor = self.chunk.as_secs_f64() / worked.as_secs_f64().max(1e-6);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            reason = "sizes are far below 2^52"
        )]
        let size = (self.size as f64 * factor.clamp(0.5, 2.0)) as i64;
        let least = if is_slow_link {
            self.least_on_slow_link()
        } else {
            self.sizes.least
        };
        self.size = size.clamp(least, self.sizes.most);
    }

    /// The smallest chunk on a slow link. There the time of a chunk is only as exact as the round trip is steady, and
    /// small chunks would be nothing but round trips. Most servers do the first size in a millisecond; a quarter of the
    /// target time suits a server that is four times as slow.
    fn least_on_slow_link(&self) -> i64 {
        let ChunkSizes { first, most, .. } = self.sizes;
        let millis = i64::try_from(self.chunk.as_millis()).unwrap_or(i64::MAX);
        first.saturating_mul(millis / 4).clamp(first, most)
    }

    fn report_progress(&mut self) {
        let is_time = self.last_report.elapsed() >= PROGRESS_INTERVAL;
        let Some(next) = self.next.filter(|_| is_time) else {
            return;
        };
        self.last_report = Instant::now();
        let first = i128::from(*self.range.start());
        let (done, all) = (
            i128::from(next) - first,
            i128::from(*self.range.end()) - first + 1,
        );
        let percent = 100 * done / all;
        info!(%percent, "reading {}: {percent} % so far", self.what);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(range: RangeInclusive<i64>) -> ChunkedScan {
        let sizes = ChunkSizes {
            first: 4,
            least: 2,
            most: 16,
        };
        ChunkedScan::new("tests", range, sizes, &ScanSettings::with_duty(100))
    }

    #[test]
    fn every_key_is_in_exactly_one_chunk() {
        let mut scan = scan(-3..=9);
        let chunks: Vec<_> = std::iter::from_fn(|| scan.next_range()).collect();
        assert_eq!(chunks, [-3..=0, 1..=4, 5..=8, 9..=9]);
    }

    #[test]
    fn scan_covers_the_whole_range_of_i64() {
        let mut last = scan(i64::MAX - 5..=i64::MAX);
        assert_eq!(last.next_range(), Some(i64::MAX - 5..=i64::MAX - 2));
        assert_eq!(last.next_range(), Some(i64::MAX - 1..=i64::MAX));
        assert_eq!(last.next_range(), None);
        assert_eq!(
            scan(i64::MIN..=i64::MAX).next_range(),
            Some(i64::MIN..=i64::MIN + 3)
        );
        #[expect(clippy::reversed_empty_ranges, reason = "an empty table")]
        let mut empty = scan(1..=0);
        assert_eq!(empty.next_range(), None);
    }

    #[test]
    fn a_gap_is_skipped() {
        let mut scan = scan(1..=i64::MAX);
        assert_eq!(scan.next_range(), Some(1..=4));
        scan.continue_at(Some(1_000_000_000_000));
        assert_eq!(
            scan.next_range(),
            Some(1_000_000_000_000..=1_000_000_000_003)
        );
        scan.continue_at(None);
        assert_eq!(scan.next_range(), None);
    }

    #[test]
    fn chunk_size_follows_the_time_of_the_last_chunk() {
        let mut scan = scan(1..=1_000);
        let target = scan.chunk;
        for (worked, size) in [
            (target, 4),
            (target / 100, 8),
            (target * 3 / 4, 10),
            (target / 2, 16),
            (target * 9, 8),
            (target * 9, 4),
            (target * 9, 2),
            (target * 9, 2),
        ] {
            scan.resize(worked, Duration::ZERO);
            assert_eq!(scan.size, size);
        }
    }

    #[test]
    fn chunks_are_never_small_on_a_slow_link() {
        for (millis, least) in [(1, 4), (8, 8), (20, 16)] {
            let mut scan = scan(1..=1_000);
            scan.chunk = Duration::from_millis(millis);
            let (slow, round_trip) = (scan.chunk * 9, scan.chunk / 4);
            scan.resize(scan.chunk / 9, round_trip);
            scan.resize(scan.chunk / 9, round_trip);
            assert_eq!(scan.size, 16);
            scan.resize(slow, round_trip);
            assert_eq!(scan.size, 16, "one slow chunk");
            for _ in 0..5 {
                scan.resize(slow, round_trip);
            }
            assert_eq!(scan.size, least, "{millis} ms");
        }
    }
}
