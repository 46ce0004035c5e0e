//! What becomes of the messages and readings of Redis: taken into the mirror, or passed over, or complained about.

use crate::awake::Awake;
use crate::entry::Entry;
use crate::metrics::Metrics;
use crate::mirror::Mirror;
use crate::source::{Reading, Value};
use crate::today::Today;
use fred::error::Error;
use fred::types::config::Server;
use prometheus_client::metrics::counter::Counter;
use shared::catalog::Snapshot;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;
use tracing::{debug, warn};
use xxhash_rust::xxh3::xxh3_64;

/// Between two lines about messages that are not valid, however many come.
const QUIET: Duration = Duration::from_secs(60);

/// What the following task remembers between two steps.
pub struct Follower<'a> {
    mirror: &'a Mirror,
    patience: Duration,
    received: &'a Counter,
    refused: &'a Counter,
    /// Whether it stood still, so that a message may be older than it seems.
    pub awake: Awake,
    /// Which server the last valid count came from, and when.
    speaker: Option<(Server, Instant)>,
    /// A valid count came by message since the reading began, and is at least as new as what will be read.
    pub crossed: bool,
    /// Why the last reading failed, once it has been said.
    trouble: String,
    /// When a bad message was last spoken of.
    warned: Option<Instant>,
    /// Since when what stands in Redis is older than what is shown.
    older: HashMap<Snapshot, Instant>,
    /// The last value of each key that was complained about, so that each is complained about once.
    bad: HashMap<Option<Snapshot>, u64>,
}

impl<'a> Follower<'a> {
    /// Nothing has been heard yet. A snapshot that is older than the one that is shown is passed over for `patience`.
    pub fn new(mirror: &'a Mirror, metrics: &'a Metrics, patience: Duration) -> Self {
        Self {
            mirror,
            patience,
            received: &metrics.counts_received,
            refused: &metrics.messages_refused,
            awake: Awake::new(Instant::now()),
            speaker: None,
            crossed: false,
            trouble: String::new(),
            warned: None,
            older: HashMap::new(),
            bad: HashMap::new(),
        }
    }

    /// Says why Redis cannot be read, when it is another reason than before. What stood there before means nothing after it.
    pub fn say_once(&mut self, error: &Error) {
        self.older.clear();
        let text = error.to_string();
        if self.trouble != text {
            warn!(error = text, "Redis cannot be read: {text}");
            self.trouble = text;
        }
    }

    /// The next trouble is worth a line.
    pub fn all_is_well(&mut self) {
        self.trouble.clear();
    }

    /// Takes in what came on the channel of counts, from `server`.
    pub fn take_message(&mut self, bytes: &[u8], server: &Server) {
        match Today::received(bytes, self.awake.received()) {
            Ok(today) => {
                self.received.inc();
                // When a cluster has moved the slot, we listen at two servers, and one of them may be late.
                if self.is_another_voice(server) && self.mirror.shows_newer(&today) {
                    return;
                }
                self.speaker = Some((server.clone(), Instant::now()));
                self.crossed = true;
                self.take_today(today);
            }
            Err(e) => {
                self.refused.inc();
                let now = Instant::now();
                if self.warned.is_none_or(|warned| now - warned >= QUIET) {
                    self.warned = Some(now);
                    let refused = self.refused.get();
                    warn!(error = %e, refused, "messages that are not counts are not passed on, {refused} so far");
                }
            }
        }
    }

    /// Whether another server than this one has spoken a moment ago.
    fn is_another_voice(&self, server: &Server) -> bool {
        let speaker = self.speaker.as_ref();
        speaker.is_some_and(|(speaker, at)| speaker != server && at.elapsed() < self.patience)
    }

    /// Takes in what was read.
    pub fn take_reading(&mut self, reading: Reading) {
        for (snapshot, value) in reading.snapshots {
            match value {
                Value::None => drop(self.older.remove(&snapshot)),
                Value::Unusable(why) => self.complain(Some(snapshot), why.as_bytes(), &why),
                Value::Bytes(bytes) => {
                    self.take_snapshot(snapshot, &bytes, reading.named.contains(&snapshot));
                }
            }
        }
        match reading.today {
            Some((Value::Unusable(why), _)) => self.complain(None, why.as_bytes(), &why),
            Some((Value::Bytes(bytes), remaining)) if !self.crossed => {
                match Today::stored(&bytes, reading.asked, remaining) {
                    // Of a replica, promoted a moment ago, that has missed the newest.
                    Ok(today) if self.mirror.shows_newer(&today) => {}
                    Ok(today) => self.take_today(today),
                    Err(e) => self.complain(None, &bytes, &e),
                }
            }
            _ => {}
        }
    }

    fn take_snapshot(&mut self, snapshot: Snapshot, bytes: &[u8], is_named: bool) {
        let holdings = self.mirror.holdings();
        let present = holdings.snapshot(snapshot);
        if present.is_some_and(|entry| entry.body == bytes) {
            self.older.remove(&snapshot);
            return;
        }
        match Entry::stored(snapshot, bytes) {
            Ok(entry) => {
                let is_older = present.is_some_and(|shown| shown.generated_at > entry.generated_at);
                if is_older && !is_named && self.passes_over(snapshot) {
                    return;
                }
                self.older.remove(&snapshot);
                debug!(%snapshot, generated_at = %entry.generated_at, "a new {snapshot}");
                self.mirror.put(snapshot, entry);
            }
            Err(e) => self.complain(Some(snapshot), bytes, &e),
        }
    }

    /// Whether an older one than the one that is shown is of a replica, promoted a moment ago, that has missed the newest: the
    /// worker stores that again. Otherwise its clock was set back.
    fn passes_over(&mut self, snapshot: Snapshot) -> bool {
        let since = *self.older.entry(snapshot).or_insert_with(Instant::now);
        since.elapsed() < self.patience
    }

    /// The same bytes again are the same count: neither relayed again nor shown for longer. What is over is none: the same
    /// bytes may follow by a reading that knows how long they live.
    fn take_today(&self, today: Today) {
        let is_new = !self.mirror.holdings().has_count(&today.message);
        if is_new && today.is_shown(Instant::now()) {
            self.mirror.put_today(today);
        }
    }

    fn complain(&mut self, key: Option<Snapshot>, bytes: &[u8], error: &dyn std::fmt::Display) {
        let hash = xxh3_64(bytes);
        if self.bad.insert(key, hash) != Some(hash) {
            self.refused.inc();
            let name = key.map_or("today's count".to_owned(), Snapshot::name);
            warn!(key = name, %error, "the value under a key is not valid: {name}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// The count of one second of the morning, which lives long.
    fn count(second: u32) -> String {
        format!(
            r#"{{"total":{second},"generated_at":"2025-09-23T09:10:{second}.000Z","date":"2025-09-23","expires_at":"2025-09-23T19:10:00.000Z"}}"#
        )
    }

    fn reading(second: u32, named: bool) -> Reading {
        let text = format!(
            r#"{{"generated_at":"2025-09-23T00:05:{second}.000Z","ttl_seconds":90000,"data":[]}}"#
        );
        Reading {
            asked: Instant::now(),
            snapshots: vec![(Snapshot::Weekly, Value::Bytes(text.into()))],
            named: BTreeSet::from_iter(named.then_some(Snapshot::Weekly)),
            today: None,
        }
    }

    #[test]
    fn of_two_servers_the_one_that_is_late_is_not_heard() {
        let (mirror, metrics) = (Mirror::default(), Metrics::new());
        let mut follower = Follower::new(&mirror, &metrics, Duration::from_secs(3600));
        let servers = ["old", "new"].map(|host| Server::new(host, 6379));
        let mut shown = |second, server: &Server| {
            follower.take_message(count(second).as_bytes(), server);
            let holdings = mirror.holdings();
            holdings
                .today(Instant::now())
                .map(|today| today.count.total)
        };
        assert_eq!(shown(20, &servers[0]), Some(20));
        assert_eq!(shown(30, &servers[1]), Some(30));
        assert_eq!(shown(21, &servers[0]), Some(30), "it came late");
        // The clock of the library was set back.
        assert_eq!(shown(25, &servers[1]), Some(25));
        assert_eq!(shown(26, &servers[0]), Some(26));
        let mut impatient = Follower::new(&mirror, &metrics, Duration::ZERO);
        impatient.take_message(count(30).as_bytes(), &servers[0]);
        impatient.take_message(count(28).as_bytes(), &servers[1]);
        let holdings = mirror.holdings();
        let today = holdings.today(Instant::now());
        assert_eq!(
            today.map(|today| today.count.total),
            Some(28),
            "the old server is gone"
        );
    }

    #[test]
    fn an_older_snapshot_is_taken_when_it_is_meant() {
        let (mirror, metrics) = (Mirror::default(), Metrics::new());
        let shown = |follower: &mut Follower<'_>, second, named| {
            follower.take_reading(reading(second, named));
            let holdings = mirror.holdings();
            let entry = holdings.snapshot(Snapshot::Weekly).unwrap();
            entry.generated_at.to_string()
        };
        let hour = Duration::from_secs(3600);
        let mut patient = Follower::new(&mirror, &metrics, hour);
        assert_eq!(shown(&mut patient, 30, false), "2025-09-23T00:05:30.000Z");
        assert_eq!(shown(&mut patient, 20, false), "2025-09-23T00:05:30.000Z");
        // A message says that it was stored.
        assert_eq!(shown(&mut patient, 21, true), "2025-09-23T00:05:21.000Z");
        let mut impatient = Follower::new(&mirror, &metrics, Duration::ZERO);
        assert_eq!(shown(&mut impatient, 20, false), "2025-09-23T00:05:20.000Z");
    }
}
