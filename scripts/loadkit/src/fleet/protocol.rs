//! What the benchmark and its client processes say to each other: one line of JSON each, over the pipes of the process.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use shared::catalog::Snapshot;
use std::net::SocketAddr;

/// An order to a client process.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Command {
    /// The gateways, which are named by their index from now on. None is ready yet.
    Gateways(Vec<SocketAddr>),
    /// The gateways that a balancer would use now.
    Ready(Vec<bool>),
    /// Keep this many streams open. Fewer than before: close the others.
    Hold(usize),
    /// Compare every stream with the truth, and answer with a [`Report`].
    Report(Truth),
}

/// What every stream should show.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Truth {
    /// Today's visitors.
    pub(super) total: u64,
    /// The library's day.
    pub(super) date: NaiveDate,
    /// The current copy of each snapshot, by its index.
    pub(super) figures: Vec<FigureVersion>,
}

/// The current copy of a snapshot.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct FigureVersion {
    /// From its `ETag`; see [`tag`].
    pub(super) tag: u32,
    /// When it was made, in milliseconds since 1970. A stream that opened later need not be told of it.
    pub(super) made_at: i64,
}

/// The state of one client process, and what has happened since its last report.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Report {
    /// Streams that are open and have received a count.
    pub(super) open: usize,
    /// Open streams whose number, date and figures are all right.
    pub(super) right: usize,
    /// Open streams that show another number or another date.
    pub(super) wrong_count: usize,
    /// What one of these shows.
    pub(super) wrong_example: Option<(u64, NaiveDate)>,
    /// Open streams that were not told of the current copy of a snapshot.
    pub(super) wrong_figures: usize,
    /// When a stream last received another number than it had, in milliseconds since 1970.
    pub(super) last_change: i64,
    /// Events `update` that were received.
    pub(super) updates: u64,
    /// Each count, in the order of their arrival.
    pub(super) counts: Vec<Arrival>,
    /// How streams have ended, and attempts failed.
    pub(super) ends: Ends,
    /// From the end of a stream to the first count on its successor, in milliseconds.
    pub(super) gaps: Vec<u32>,
}

/// How streams have ended, and attempts to open one have failed.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Ends {
    /// Streams that ended in the way that the contract describes.
    pub(super) clean: u64,
    /// Streams that ended in another way.
    pub(super) cuts: u64,
    /// Attempts that a gateway refused with a time to come again.
    pub(super) refusals: u64,
    /// Attempts that failed: no connection, or another response. The client tries again.
    pub(super) failures: u64,
}

/// How one count arrived at the streams of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Arrival {
    /// When the worker finished counting, in milliseconds since 1970: the `id` of its event.
    pub(super) made_at: i64,
    /// How many streams have received it.
    pub(super) streams: usize,
    /// When the last of them had read its last byte, in milliseconds since 1970.
    pub(super) last: i64,
}

/// The snapshot with this path.
pub(super) fn snapshot_index(path: &str) -> Option<usize> {
    Snapshot::ALL.iter().position(|known| known.path() == path)
}

/// The first digits of an `ETag` as a number, which is never 0. Two copies of a snapshot have the same once in four
/// billion times.
pub(super) fn tag(etag: &str) -> Option<u32> {
    let digits = etag.get(1..9)?;
    u32::from_str_radix(digits, 16).ok().map(|tag| tag.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_come_from_the_etag() {
        assert_eq!(tag("\"0000001f00000000-id\""), Some(31));
        assert_eq!(tag("\"0000000000000000-id\""), Some(1));
        assert_eq!(tag("\"\""), None);
        assert_eq!(
            snapshot_index(Snapshot::Weekly.path()),
            Some(Snapshot::Weekly.index())
        );
        assert_eq!(snapshot_index("/"), None);
    }
}
