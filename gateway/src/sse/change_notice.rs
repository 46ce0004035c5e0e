//! Change notices: the stream's event `snapshot`, which names a figure that has changed, so that clients need not poll.
//!
//! Each stream gets its notices at a random moment, because each client then reads the figure. The changes of a stream
//! are a set, not a queue: a figure that changes twice before the notice is sent once, and a slow client loses nothing.

use crate::cache::cached_response::CachedResponse;
use crate::cache::state::CacheState;
use crate::sse::frame::Frame;
use serde::Serialize;
use shared::catalog::Snapshot;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use utoipa::ToSchema;

/// A stream that opens within this time after a change gets the notice too: its client may have read the older copy
/// from another gateway, which gets the change up to 2 s later.
const RECENT: Duration = Duration::from_secs(10);

/// A set of snapshots, with one bit for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SnapshotSet(u64);

const _: () = assert!(
    Snapshot::ALL.len() <= u64::BITS as usize,
    "one bit for each snapshot"
);

/// The versions of the snapshots that have been announced to streams, or queued for them.
#[derive(Debug, Default)]
pub struct SnapshotVersions([Option<Version>; Snapshot::ALL.len()]);

#[derive(Debug)]
struct Version {
    response: Arc<CachedResponse>,
    changed_at: Instant,
    event: String,
}

/// The event `snapshot` of a stream: a figure has changed, and with it the summary that contains it.
#[derive(Serialize, ToSchema)]
pub struct SnapshotEvent<'a> {
    /// The path of the figure.
    #[schema(examples("/api/visitors/weekly"))]
    path: &'static str,
    /// The `ETag` of its response without a content coding. With `gzip` or `br` the part after the last `-` differs.
    #[schema(pattern = "^\"[0-9a-f]{32}-id\"$")]
    etag: &'a str,
}

impl SnapshotSet {
    /// Whether the set is empty.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The snapshots in the set.
    pub fn snapshots(self) -> impl Iterator<Item = Snapshot> {
        let all = Snapshot::ALL.into_iter();
        all.filter(move |snapshot| self.0 & bit(*snapshot) != 0)
    }

    /// Adds all of `other`.
    pub fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Removes all of `other`.
    pub fn remove(&mut self, other: Self) {
        self.0 &= !other.0;
    }
}

impl FromIterator<Snapshot> for SnapshotSet {
    fn from_iter<I: IntoIterator<Item = Snapshot>>(snapshots: I) -> Self {
        Self(snapshots.into_iter().fold(0, |set, one| set | bit(one)))
    }
}

fn bit(snapshot: Snapshot) -> u64 {
    1 << snapshot.index()
}

impl SnapshotVersions {
    /// Takes over the versions in `state`; returns the snapshots that have changed since the last call.
    pub fn update(&mut self, state: &CacheState, now: Instant) -> SnapshotSet {
        let mut changed = SnapshotSet::default();
        for snapshot in Snapshot::ALL {
            let version = &mut self.0[snapshot.index()];
            let Some(response) = state.snapshot(snapshot) else {
                continue;
            };
            if !matches!(version, Some(known) if Arc::ptr_eq(&known.response, response)) {
                changed.add([snapshot].into_iter().collect());
                *version = Some(Version {
                    response: response.clone(),
                    changed_at: now,
                    event: encode_event(snapshot, response),
                });
            }
        }
        changed
    }

    /// The snapshots that have changed within the last 10 s.
    pub fn recently_changed(&self, now: Instant) -> SnapshotSet {
        let is_recent = |version: &Version| now.duration_since(version.changed_at) < RECENT;
        let all = Snapshot::ALL.into_iter();
        all.filter(|snapshot| self.0[snapshot.index()].as_ref().is_some_and(is_recent))
            .collect()
    }

    /// Encodes the notices for all snapshots in `changed` as one frame, so that eleven notices cost one write.
    pub fn encode_events(&self, changed: SnapshotSet) -> Frame {
        let versions = changed.snapshots();
        let versions = versions.filter_map(|snapshot| self.0[snapshot.index()].as_ref());
        let events: String = versions.map(|version| version.event.as_str()).collect();
        Frame::new(events.as_bytes())
    }
}

/// Uses the tag of the identity representation, which is the last one.
fn encode_event(snapshot: Snapshot, response: &CachedResponse) -> String {
    let identity = response
        .representations
        .last()
        .expect("there is always an identity representation");
    let event = SnapshotEvent {
        path: snapshot.path(),
        etag: identity.etag.to_str().unwrap_or_default(),
    };
    let data = serde_json::to_string(&event).expect("strings can be serialized");
    format!("event: snapshot\ndata: {data}\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state_with(snapshots: &[(Snapshot, u32)]) -> CacheState {
        let mut state = CacheState::default();
        for (snapshot, ttl) in snapshots {
            let text = format!(
                r#"{{"generated_at":"2025-09-23T00:05:12.345Z","ttl_seconds":{ttl},"data":[]}}"#
            );
            state.insert_and_compose(
                *snapshot,
                CachedResponse::parse(*snapshot, text.as_bytes()).unwrap(),
            );
        }
        state
    }

    #[test]
    fn change_is_reported_once_and_recent_for_a_while() {
        let (mut versions, start) = (SnapshotVersions::default(), Instant::now());
        assert!(versions.update(&CacheState::default(), start).is_empty());
        let both = [Snapshot::Weekly, Snapshot::TopBorrowersYear];
        let mut state = state_with(&both.map(|snapshot| (snapshot, 9)));
        assert_eq!(versions.update(&state, start), both.into_iter().collect());
        assert!(versions.update(&state, start).is_empty());
        let later = start + RECENT;
        let weekly = state_with(&[(Snapshot::Weekly, 10)])
            .snapshot(Snapshot::Weekly)
            .cloned();
        let text = weekly.unwrap().body.clone();
        state.insert_and_compose(
            Snapshot::Weekly,
            CachedResponse::parse(Snapshot::Weekly, &text).unwrap(),
        );
        let changed = versions.update(&state, later);
        assert_eq!(changed.snapshots().collect::<Vec<_>>(), [Snapshot::Weekly]);
        assert_eq!(versions.recently_changed(later), changed);
        assert_eq!(
            versions.recently_changed(later - Duration::from_millis(1)),
            both.into_iter().collect()
        );
    }

    #[test]
    fn event_names_the_path_and_the_etag_of_the_snapshot() {
        let (mut versions, state) = (
            SnapshotVersions::default(),
            state_with(&[(Snapshot::Weekly, 9)]),
        );
        versions.update(&state, Instant::now());
        let both = SnapshotSet::from_iter([Snapshot::Weekly, Snapshot::Monthly]);
        let block = versions.encode_events(both);
        let block = std::str::from_utf8(block.bytes(false)).unwrap();
        let data = block.strip_prefix("event: snapshot\ndata: ").unwrap();
        let data: serde_json::Value = serde_json::from_str(data).unwrap();
        assert_eq!(data["path"], "/api/visitors/weekly");
        let response = state.snapshot(Snapshot::Weekly).unwrap();
        assert_eq!(
            data["etag"].as_str().unwrap(),
            response.representations[0].etag
        );
        assert!(block.ends_with("}\n\n"));
        versions.update(&state_with(&[(Snapshot::Monthly, 9)]), Instant::now());
        let block = versions.encode_events(both);
        let block = std::str::from_utf8(block.bytes(false)).unwrap();
        let events: Vec<_> = block.split_terminator("\n\n").collect();
        assert!(events[0].contains("/weekly") && events[1].contains("/monthly"));
        assert_eq!(events.len(), 2);
    }

    #[test]
    fn set_returns_every_snapshot_that_was_added() {
        let all: SnapshotSet = Snapshot::ALL.into_iter().collect();
        assert_eq!(all.snapshots().collect::<Vec<_>>(), Snapshot::ALL);
        let mut remaining = all;
        for snapshot in Snapshot::ALL {
            assert!(!remaining.is_empty());
            remaining.remove([snapshot].into_iter().collect());
        }
        assert!(remaining.is_empty());
    }
}
