//! Long reads in short statements: a table is walked along a key, in ranges that take a millisecond each.
//!
//! On MyISAM and Aria whoever writes waits for the statement that reads, and on a small machine everybody waits for a core:
//! the shorter, the less is felt. Between two chunks the walk rests ([`Throttle`]).

use crate::mysql::connection::Session;
use crate::mysql::params;
use crate::mysql::round_trip::TimeSpent;
use crate::mysql::throttle::Throttle;
use anyhow::Result;
use mysql_async::Params;
use std::ops::RangeInclusive;
use std::time::Duration;
use tokio::time::Instant;
use tracing::info;

/// Between two lines about a walk that takes long.
const PROGRESS: Duration = Duration::from_secs(5);

/// A link is slow when a chunk takes no longer than so many of its round trips: above a quarter of a millisecond, and 5 ms at the start.
const FAR: u32 = 4;

/// How much one chunk reads. Fields, so that tests can have borders everywhere.
#[derive(Clone, Copy, Debug)]
pub struct ChunkSizes {
    /// To begin with.
    pub first: i64,
    /// At least; on a slow link more.
    pub least: i64,
    /// At most.
    pub most: i64,
}

/// How the daily figures are read.
#[derive(Clone, Copy, Debug)]
pub struct ScanSettings {
    /// What share of the time is read, in percent; the rest is rest.
    pub duty_percent: u32,
    /// How long the server is to work for a chunk. On MyISAM a check-in waits for its lock, on a small machine for its core.
    pub chunk: Duration,
    /// Ids of one chunk. There are no more rows than ids: some 25 ms on MyISAM even where a hole in the ids, which made
    /// the chunks grow, ends.
    pub ids: ChunkSizes,
    /// Seconds of visits of one chunk where they are counted within an index.
    pub counted: ChunkSizes,
    /// Seconds of visits of one chunk where each row is read.
    pub streamed: ChunkSizes,
    /// Loans that are held for their copy or their history, at 32 bytes each, before they are looked up together.
    pub held: usize,
}

impl ScanSettings {
    /// As measured; only the share is to be chosen. Whoever wants no rests wants the end soon.
    pub const fn with_duty(duty_percent: u32) -> Self {
        const HOUR: i64 = 3600;
        let gentle = Self {
            duty_percent,
            chunk: Duration::from_millis(1),
            ids: ChunkSizes {
                first: 1_000,
                least: 200,
                most: 20_000,
            },
            counted: ChunkSizes {
                first: 48 * HOUR,
                least: HOUR,
                most: 7 * 24 * HOUR,
            },
            streamed: ChunkSizes {
                first: 12 * HOUR,
                least: HOUR / 4,
                most: 48 * HOUR,
            },
            held: 250_000,
        };
        if duty_percent < 100 {
            gentle
        } else {
            gentle.hurried()
        }
    }

    /// The same in longer chunks: done sooner by a fifth or more, and felt more.
    pub const fn hurried(self) -> Self {
        Self {
            chunk: Duration::from_millis(20),
            ..self
        }
    }
}

/// A whole number that numbers the rows of a table.
#[derive(Clone, Copy, Debug)]
pub struct ScanKey {
    /// The table.
    pub table: &'static str,
    /// Its column.
    pub column: &'static str,
}

/// A walk along a whole number, from the first to the last, both included.
pub struct ChunkedScan {
    what: &'static str,
    range: RangeInclusive<i64>,
    next: Option<i64>,
    size: i64,
    sizes: ChunkSizes,
    chunk: Duration,
    /// Whether the last chunk took too long.
    was_slow: bool,
    /// What the session had spent before the chunk.
    before: TimeSpent,
    said: Instant,
}

impl ChunkedScan {
    /// Walks all of `key`, as it is now.
    ///
    /// # Errors
    /// As the database says.
    pub async fn over(
        what: &'static str,
        session: &mut Session,
        key: ScanKey,
        reading: &ScanSettings,
    ) -> Result<Self> {
        let ScanKey { table, column } = key;
        let sql = format!("SELECT MIN({column}), MAX({column}) FROM {table}");
        let ends = session.first("the range of the ids", &sql, Params::Empty, |cells| {
            Ok(cells.integer(0)?.zip(cells.integer(1)?))
        });
        // Of no rows: from 1 to 0 is nothing.
        let (first, last) = ends.await?.flatten().unwrap_or((1, 0));
        Ok(Self::new(what, first..=last, reading.ids, reading))
    }

    /// Walks `range`; `what` says what is read, for progress.
    pub fn new(
        what: &'static str,
        range: RangeInclusive<i64>,
        sizes: ChunkSizes,
        reading: &ScanSettings,
    ) -> Self {
        let now = Instant::now();
        Self {
            what,
            next: (!range.is_empty()).then_some(*range.start()),
            range,
            size: sizes.first,
            sizes,
            chunk: reading.chunk,
            was_slow: false,
            before: TimeSpent::default(),
            said: now,
        }
    }

    /// The next chunk, both ends included; `None` when all has been walked.
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

    /// After a chunk: fits the size of the next one and rests.
    ///
    /// # Errors
    /// As the database says.
    pub async fn rest(&mut self, session: &mut Session, rest: &mut Throttle) -> Result<()> {
        let spent = session.time_spent() - self.before;
        let took = session
            .server_time_since(self.before, self.chunk * 2)
            .await?;
        self.resize(took, session.round_trip());
        self.tell();
        if self.next.is_some() {
            rest.after(session, took, spent.elapsed.saturating_sub(took))
                .await?;
        } else {
            session.release_read_slot();
        }
        Ok(())
    }

    /// After a chunk of `key` that gave no row: goes on at the next id that there is, so that a hole of billions is one
    /// look into the index.
    ///
    /// # Errors
    /// As the database says.
    pub async fn skip_gap(&mut self, session: &mut Session, key: ScanKey) -> Result<()> {
        let Some(next) = self.next else { return Ok(()) };
        let ScanKey { table, column } = key;
        let sql = format!("SELECT MIN({column}) FROM {table} WHERE {column} >= ?");
        let least = session.first("the next id", &sql, params([next]), |cells| {
            cells.integer(0)
        });
        self.go_on(least.await?.flatten());
        Ok(())
    }

    fn go_on(&mut self, next: Option<i64>) {
        self.next = next.filter(|next| *next <= *self.range.end());
    }

    /// Half to twice the size, as the server's time `took` is to what it should be. On a slow link, whose round trip is not
    /// far below that time, one slow chunk is a hiccup of the network; two are slow.
    fn resize(&mut self, took: Duration, round_trip: Duration) {
        let is_far = round_trip * FAR >= self.chunk;
        let was_slow = std::mem::replace(&mut self.was_slow, took > self.chunk);
        if is_far && self.was_slow && !was_slow {
            return;
        }
        let factor = self.chunk.as_secs_f64() / took.as_secs_f64().max(1e-6);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            reason = "sizes are far below 2^52"
        )]
        let size = (self.size as f64 * factor.clamp(0.5, 2.0)) as i64;
        let least = if is_far {
            self.least_from_afar()
        } else {
            self.sizes.least
        };
        self.size = size.clamp(least, self.sizes.most);
    }

    /// On a slow link the time of a chunk is known only as well as the round trip is steady, and small chunks would be round
    /// trips alone. The first size is a millisecond's work for most servers: a quarter of what is aimed at is right for one
    /// that is four times as slow.
    fn least_from_afar(&self) -> i64 {
        let ChunkSizes { first, most, .. } = self.sizes;
        let millis = i64::try_from(self.chunk.as_millis()).unwrap_or(i64::MAX);
        first.saturating_mul(millis / 4).clamp(first, most)
    }

    fn tell(&mut self) {
        let Some(next) = self.next.filter(|_| self.said.elapsed() >= PROGRESS) else {
            return;
        };
        self.said = Instant::now();
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

    fn walk(range: RangeInclusive<i64>) -> ChunkedScan {
        let sizes = ChunkSizes {
            first: 4,
            least: 2,
            most: 16,
        };
        ChunkedScan::new("tests", range, sizes, &ScanSettings::with_duty(100))
    }

    #[test]
    fn every_key_is_in_one_chunk() {
        let mut walk = walk(-3..=9);
        let chunks: Vec<_> = std::iter::from_fn(|| walk.next_range()).collect();
        assert_eq!(chunks, [-3..=0, 1..=4, 5..=8, 9..=9]);
    }

    #[test]
    fn the_ends_of_the_numbers_are_walked() {
        let mut last = walk(i64::MAX - 5..=i64::MAX);
        assert_eq!(last.next_range(), Some(i64::MAX - 5..=i64::MAX - 2));
        assert_eq!(last.next_range(), Some(i64::MAX - 1..=i64::MAX));
        assert_eq!(last.next_range(), None);
        assert_eq!(
            walk(i64::MIN..=i64::MAX).next_range(),
            Some(i64::MIN..=i64::MIN + 3)
        );
        #[expect(clippy::reversed_empty_ranges, reason = "an empty table")]
        let mut none = walk(1..=0);
        assert_eq!(none.next_range(), None);
    }

    #[test]
    fn a_hole_is_jumped() {
        let mut walk = walk(1..=i64::MAX);
        assert_eq!(walk.next_range(), Some(1..=4));
        walk.go_on(Some(1_000_000_000_000));
        assert_eq!(
            walk.next_range(),
            Some(1_000_000_000_000..=1_000_000_000_003)
        );
        walk.go_on(None);
        assert_eq!(walk.next_range(), None);
    }

    #[test]
    fn a_chunk_that_took_long_makes_the_next_one_smaller() {
        let mut walk = walk(1..=1_000);
        let target = walk.chunk;
        for (took, size) in [
            (target, 4),
            (target / 100, 8),
            (target * 3 / 4, 10),
            (target / 2, 16),
            (target * 9, 8),
            (target * 9, 4),
            (target * 9, 2),
            (target * 9, 2),
        ] {
            walk.resize(took, Duration::ZERO);
            assert_eq!(walk.size, size);
        }
    }

    #[test]
    fn on_a_slow_link_a_chunk_is_never_small() {
        for (millis, least) in [(1, 4), (8, 8), (20, 16)] {
            let mut walk = walk(1..=1_000);
            walk.chunk = Duration::from_millis(millis);
            let (slow, round_trip) = (walk.chunk * 9, walk.chunk / 4);
            walk.resize(walk.chunk / 9, round_trip);
            walk.resize(walk.chunk / 9, round_trip);
            assert_eq!(walk.size, 16);
            walk.resize(slow, round_trip);
            assert_eq!(walk.size, 16, "a hiccup");
            for _ in 0..5 {
                walk.resize(slow, round_trip);
            }
            assert_eq!(walk.size, least, "{millis} ms");
        }
    }
}
