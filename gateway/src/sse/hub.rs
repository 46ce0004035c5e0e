//! Serves many streams in one task: each message is one pass over all of them, a `write` each, as a bare loop would do.
//!
//! A stream costs its socket and a few words. What is slow is done in a pass that comes around all the time: noticing
//! who has gone, sending on where a client was slow, comments in a silence, the end.

use crate::Gateway;
use crate::cache::cached_count::{CachedCount, CountSource};
use crate::config::Emit;
use crate::limits::Limits;
use crate::metrics::CloseReason;
use crate::sse::change_notice::{SnapshotSet, SnapshotVersions};
use crate::sse::frame::Frame;
use crate::sse::permits::DrainPlan;
use crate::sse::stream::{SseStart, Stream};
use shared::today::TodayCount;
use std::mem;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// Between two passes that look after everybody: how long a client that was slow waits for what it missed.
const ROUND: Duration = Duration::from_millis(200);
/// Rounds in which each client is checked once, a second; the contract allows 3 s. A check costs more than all the rest.
const CHECK_EVERY: usize = 5;
/// The same while streams leave one by one.
const LEAVING_ROUND: Duration = Duration::from_millis(20);
/// Rounds over which the streams are told of a change, each in one that is drawn: 5 s, in which ten thousand clients that
/// come and read are two thousand a second.
const TELLING_ROUNDS: usize = 25;
/// Streams between two breaths, in which others may run: a write takes some 10 µs, so that nobody waits for a
/// millisecond.
const BREATH: usize = 64;
/// Streams between two looks whether a count may still be told: to ask the clock each time costs nearly a tenth of a write.
const LOOK_EVERY: usize = 16;
/// When a client comes back after a break: apart, so that they do not all come at once.
const RETRY_MS: std::ops::RangeInclusive<u64> = 1_000..=5_000;
const KEEPALIVE: &[u8] = b": keepalive\n\n";

/// The streams of one task.
pub struct Hub {
    gateway: Arc<Gateway>,
    streams: Vec<Stream>,
    keepalive: Frame,
    /// The newest count that was passed on. Not the cache's, which may be a moment ahead: who began with that one would be
    /// told it again.
    told: Option<Arc<CachedCount>>,
    news: SnapshotVersions,
    last_traffic: Instant,
    last_update: Option<(TodayCount, Instant)>,
    leaving: Option<DrainPlan>,
    rounds: usize,
    /// How many streams were admitted.
    admitted: usize,
}

impl Hub {
    /// Serves whoever arrives, for ever.
    pub async fn run(gateway: Arc<Gateway>, mut arrivals: mpsc::Receiver<SseStart>) {
        let mut counts = gateway.cache.subscribe_counts();
        let mut changes = gateway.cache.subscribe_changes();
        let mut leaving = gateway.streams.drain_plan();
        let mut hub = Self {
            streams: Vec::new(),
            keepalive: Frame::new(KEEPALIVE),
            told: counts.borrow_and_update().clone(),
            news: SnapshotVersions::default(),
            last_traffic: Instant::now(),
            last_update: None,
            leaving: None,
            rounds: 0,
            admitted: 0,
            gateway,
        };
        let mut round = interval(ROUND);
        round.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // What came before the hub did.
        changes.mark_changed();
        loop {
            tokio::select! {
                Ok(()) = counts.changed() => {
                    hub.told = counts.borrow_and_update().clone();
                    if let Some(today) = hub.told.clone() {
                        hub.tell(&today).await;
                    }
                }
                Ok(()) = changes.changed() => hub.learn().await,
                opening = arrivals.recv() => match opening {
                    Some(opening) => hub.admit(opening),
                    None => return,
                },
                _ = round.tick() => hub.look_after().await,
                Ok(()) = leaving.changed(), if hub.leaving.is_none() => {
                    hub.begin_drain(leaving.borrow_and_update().clone());
                    round = interval(LEAVING_ROUND);
                }
            }
        }
    }

    /// The present count is the first block; without one the next count will be.
    fn admit(&mut self, opening: SseStart) {
        let first = self
            .told
            .as_ref()
            .filter(|today| today.is_current(Instant::now()));
        let first = first.map(|today| init(today, CountSource::Cache));
        self.gateway.metrics.streams_opened.inc();
        // Fixed for the stream's life: its index changes whenever another stream ends.
        let check_class = self.admitted % CHECK_EVERY;
        self.admitted = self.admitted.wrapping_add(1);
        match Stream::open(opening, first, check_class) {
            Ok(mut stream) => {
                if let Some(leaving) = &self.leaving {
                    stream.set_turn(leaving.next_close_at());
                }
                stream.owe(self.news.recent(Instant::now()), drawn(self.rounds));
                self.streams.push(stream);
            }
            Err(e) => self.gateway.metrics.record_stream_closed(e.into()),
        }
    }

    /// New snapshots, of which everybody is to be told.
    async fn learn(&mut self) {
        let state = self.gateway.cache.state().clone();
        let changed = self.news.learn(&state, Instant::now());
        let rounds = self.rounds;
        self.pass(|stream| {
            stream.owe(changed, drawn(rounds));
            Ok(())
        })
        .await;
    }

    /// A new count, to everybody.
    async fn tell(&mut self, today: &CachedCount) {
        let now = Instant::now();
        if !today.is_current(now) {
            return;
        }
        let update = match (self.gateway.config.emit, &self.last_update) {
            (Emit::Always, _) | (Emit::Change, None) => true,
            (Emit::Change, Some((last, sent))) => {
                let differs = (last.total, last.date) != (today.count.total, today.count.date);
                differs || now.duration_since(*sent) >= self.gateway.config.limits.keepalive
            }
        };
        if update {
            self.last_update = Some((today.count, now));
            self.last_traffic = now;
        }
        let (mut index, mut shown, mut skipped) = (0, true, 0);
        self.pass(|stream| {
            if index % LOOK_EVERY == 0 {
                // This process may have stood still in the midst of the pass.
                shown = today.is_current(Instant::now());
            }
            index += 1;
            if !shown {
                return Ok(());
            }
            let taken = match (stream.started(), update) {
                (false, _) => stream.start(&init(today, CountSource::Db))?,
                (true, true) => stream.offer(&today.update)?,
                (true, false) => true,
            };
            skipped += u64::from(!taken);
            Ok(())
        })
        .await;
        let metrics = &self.gateway.metrics;
        metrics.frames_skipped.inc_by(skipped);
        if !self.streams.is_empty() {
            metrics.fanout.observe(today.since.elapsed().as_secs_f64());
        }
    }

    /// What is due without a new count.
    async fn look_after(&mut self) {
        let now = Instant::now();
        let Limits {
            keepalive, stalled, ..
        } = self.gateway.config.limits;
        let silent = now.duration_since(self.last_traffic) >= keepalive;
        let comment = silent.then(|| self.keepalive.clone());
        if silent {
            self.last_traffic = now;
        }
        let newest = self.told.clone();
        let round = self.rounds;
        let checked_class = round % CHECK_EVERY;
        self.rounds += 1;
        let news = mem::take(&mut self.news);
        let mut told = (SnapshotSet::default(), Frame::new(b""));
        self.pass(|stream| {
            if stream.check_class() == checked_class {
                stream.check_client()?;
            }
            if !stream.is_quiet() {
                stream.flush()?;
                if stream.has_ended() {
                    return Err(CloseReason::Drained);
                }
                if stream.stuck().is_some_and(|since| now - since >= stalled) {
                    return Err(CloseReason::Stalled);
                }
                if stream.turn().is_some_and(|turn| turn <= now) {
                    // Without a blank line after it: some clients would dispatch an empty event.
                    stream.end(&Frame::new(retry_line().as_bytes()))?;
                }
                let newest = newest
                    .as_ref()
                    .filter(|today| today.is_current(Instant::now()));
                if let (Some(today), true) = (newest, stream.is_behind()) {
                    match stream.started() {
                        true => stream.offer(&today.update)?,
                        false => stream.start(&init(today, CountSource::Db))?,
                    };
                }
                let due = stream.due(round);
                if !due.is_empty() {
                    // Nearly always the same for all.
                    if due != told.0 {
                        told = (due, news.block(due));
                    }
                    stream.tell(due, &told.1)?;
                }
            }
            if let Some(comment) = &comment {
                stream.add(comment)?;
            }
            Ok(())
        })
        .await;
        self.news = news;
    }

    fn begin_drain(&mut self, leaving: Option<DrainPlan>) {
        if let Some(leaving) = &leaving {
            for stream in &mut self.streams {
                stream.set_turn(leaving.next_close_at());
            }
        }
        self.leaving = leaving;
    }

    /// Does something for each stream; those for which it fails are over.
    async fn pass(&mut self, mut each: impl FnMut(&mut Stream) -> Result<(), CloseReason>) {
        let mut index = 0;
        while let Some(stream) = self.streams.get_mut(index) {
            match each(stream) {
                Ok(()) => index += 1,
                Err(reason) => {
                    self.gateway.metrics.record_stream_closed(reason);
                    drop(self.streams.swap_remove(index));
                }
            }
            if index % BREATH == BREATH - 1 {
                yield_now().await;
            }
        }
    }
}

/// The round in which one stream is told of what changes in this one.
fn drawn(round: usize) -> usize {
    round + rand::random_range(0..=TELLING_ROUNDS)
}

/// The first block of a stream, with the time after which its client comes back.
fn init(today: &CachedCount, source: CountSource) -> Frame {
    Frame::new(&[retry_line().as_bytes(), &today.init(source)].concat())
}

fn retry_line() -> String {
    format!("retry: {}\n", rand::random_range(RETRY_MS))
}
