//! Which figures have changed: what streams are told, so that no client needs to ask again and again.
//!
//! Told late on purpose: each stream at a moment of its own, since each client comes and reads. What a stream is owed is a
//! set, not a queue: a figure that changes again before it is told is told once, and a slow client loses nothing.

use crate::cache::cached_response::CachedResponse;
use crate::cache::state::CacheState;
use crate::sse::frame::Frame;
use serde::Serialize;
use shared::catalog::Snapshot;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use utoipa::ToSchema;

/// Who opens a stream so soon after a change is told of it: what its client read before may have been the older copy of
/// another gateway, which has it 2 s later at most.
const RECENT: Duration = Duration::from_secs(10);

/// A set of snapshots, a bit for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SnapshotSet(u16);

const _: () = assert!(Snapshot::ALL.len() <= u16::BITS as usize, "a bit for each");

/// The copies that streams know of, or are owed.
#[derive(Debug, Default)]
pub struct SnapshotVersions([Option<Version>; Snapshot::ALL.len()]);

#[derive(Debug)]
struct Version {
    entry: Arc<CachedResponse>,
    since: Instant,
    event: String,
}

/// In a stream, the event `snapshot`: a figure has changed, and with it the summary that it is in.
#[derive(Serialize, ToSchema)]
#[schema(as = SnapshotEvent)]
pub struct Event<'a> {
    /// Where to read it.
    #[schema(examples("/api/visitors/weekly"))]
    path: &'static str,
    /// The `ETag` of its answer without a content coding; those in `gzip` and `br` differ behind the last `-`.
    #[schema(pattern = "^\"[0-9a-f]{32}-id\"$")]
    etag: &'a str,
}

impl SnapshotSet {
    /// Whether nothing is in it.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// What is in it.
    pub fn snapshots(self) -> impl Iterator<Item = Snapshot> {
        let all = Snapshot::ALL.into_iter();
        all.filter(move |snapshot| self.0 & bit(*snapshot) != 0)
    }

    /// Adds all of `other`.
    pub fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Takes all of `other` out.
    pub fn remove(&mut self, other: Self) {
        self.0 &= !other.0;
    }
}

impl FromIterator<Snapshot> for SnapshotSet {
    fn from_iter<I: IntoIterator<Item = Snapshot>>(snapshots: I) -> Self {
        Self(snapshots.into_iter().fold(0, |set, one| set | bit(one)))
    }
}

fn bit(snapshot: Snapshot) -> u16 {
    1 << snapshot.index()
}

impl SnapshotVersions {
    /// Learns what is held now; gives what has changed since the last time.
    pub fn learn(&mut self, state: &CacheState, now: Instant) -> SnapshotSet {
        let mut changed = SnapshotSet::default();
        for snapshot in Snapshot::ALL {
            let (known, held) = (&mut self.0[snapshot.index()], state.snapshot(snapshot));
            let Some(held) = held else { continue };
            if !matches!(known, Some(known) if Arc::ptr_eq(&known.entry, held)) {
                changed.add([snapshot].into_iter().collect());
                *known = Some(Version {
                    entry: held.clone(),
                    since: now,
                    event: event(snapshot, held),
                });
            }
        }
        changed
    }

    /// What has changed a moment ago.
    pub fn recent(&self, now: Instant) -> SnapshotSet {
        let is_recent = |known: &Version| now.duration_since(known.since) < RECENT;
        let all = Snapshot::ALL.into_iter();
        all.filter(|snapshot| self.0[snapshot.index()].as_ref().is_some_and(is_recent))
            .collect()
    }

    /// The events that tell of all that is in `changed`, as one block: eleven cost one write.
    pub fn block(&self, changed: SnapshotSet) -> Frame {
        let known = changed.snapshots();
        let known = known.filter_map(|snapshot| self.0[snapshot.index()].as_ref());
        let events: String = known.map(|known| known.event.as_str()).collect();
        Frame::new(events.as_bytes())
    }
}

/// With the tag of the bytes as they are, which comes last of all codings.
fn event(snapshot: Snapshot, entry: &CachedResponse) -> String {
    let plain = entry
        .representations
        .last()
        .expect("every value is there as it is");
    let event = Event {
        path: snapshot.path(),
        etag: plain.etag.to_str().unwrap_or_default(),
    };
    let data = serde_json::to_string(&event).expect("texts can be written");
    format!("event: snapshot\ndata: {data}\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holding(parts: &[(Snapshot, u32)]) -> CacheState {
        let mut state = CacheState::default();
        for (snapshot, ttl) in parts {
            let text = format!(
                r#"{{"generated_at":"2025-09-23T00:05:12.345Z","ttl_seconds":{ttl},"data":[]}}"#
            );
            state.put(
                *snapshot,
                CachedResponse::parse(*snapshot, text.as_bytes()).unwrap(),
            );
        }
        state
    }

    #[test]
    fn a_change_is_news_once_and_recent_for_a_while() {
        let (mut news, start) = (SnapshotVersions::default(), Instant::now());
        assert!(news.learn(&CacheState::default(), start).is_empty());
        let both = [Snapshot::Weekly, Snapshot::TopBorrowersYear];
        let mut held = holding(&both.map(|snapshot| (snapshot, 9)));
        assert_eq!(news.learn(&held, start), both.into_iter().collect());
        assert!(news.learn(&held, start).is_empty());
        let later = start + RECENT;
        let weekly = holding(&[(Snapshot::Weekly, 10)])
            .snapshot(Snapshot::Weekly)
            .cloned();
        let text = weekly.unwrap().body.clone();
        held.put(
            Snapshot::Weekly,
            CachedResponse::parse(Snapshot::Weekly, &text).unwrap(),
        );
        let changed = news.learn(&held, later);
        assert_eq!(changed.snapshots().collect::<Vec<_>>(), [Snapshot::Weekly]);
        assert_eq!(news.recent(later), changed);
        assert_eq!(
            news.recent(later - Duration::from_millis(1)),
            both.into_iter().collect()
        );
    }

    #[test]
    fn an_event_tells_where_to_read_and_the_tag_of_what_is_there() {
        let (mut news, held) = (
            SnapshotVersions::default(),
            holding(&[(Snapshot::Weekly, 9)]),
        );
        news.learn(&held, Instant::now());
        let both = SnapshotSet::from_iter([Snapshot::Weekly, Snapshot::Monthly]);
        let block = news.block(both);
        let block = std::str::from_utf8(block.bytes(false)).unwrap();
        let data = block.strip_prefix("event: snapshot\ndata: ").unwrap();
        let data: serde_json::Value = serde_json::from_str(data).unwrap();
        assert_eq!(data["path"], "/api/visitors/weekly");
        let entry = held.snapshot(Snapshot::Weekly).unwrap();
        assert_eq!(
            data["etag"].as_str().unwrap(),
            entry.representations[0].etag
        );
        assert!(block.ends_with("}\n\n"));
        news.learn(&holding(&[(Snapshot::Monthly, 9)]), Instant::now());
        let block = news.block(both);
        let block = std::str::from_utf8(block.bytes(false)).unwrap();
        let events: Vec<_> = block.split_terminator("\n\n").collect();
        assert!(events[0].contains("/weekly") && events[1].contains("/monthly"));
        assert_eq!(events.len(), 2);
    }

    #[test]
    fn a_set_gives_back_what_was_put_in() {
        let all: SnapshotSet = Snapshot::ALL.into_iter().collect();
        assert_eq!(all.snapshots().collect::<Vec<_>>(), Snapshot::ALL);
        let mut rest = all;
        for snapshot in Snapshot::ALL {
            assert!(!rest.is_empty());
            rest.remove([snapshot].into_iter().collect());
        }
        assert!(rest.is_empty());
    }
}
