//! Serves many streams in one task: each message is one pass over all of them, with one `write` each.
//!
//! A stream costs its socket and a few words. Slow work is done in a periodic pass: noticing closed clients, resuming
//! blocked writes, keepalive comments, change notices, and the drain.

use crate::cache::cached_count::{CachedCount, CountSource};
use crate::config::Emit;
use crate::limits::Limits;
use crate::metrics::CloseReason;
use crate::sse::change_notice::{SnapshotSet, SnapshotVersions};
use crate::sse::frame::Frame;
use crate::sse::permits::{DrainPlan, NewStream};
use crate::sse::stream::SseStream;
use crate::state::Gateway;
use shared::time::every;
use shared::today::TodayCount;
use std::io;
use std::mem;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio::time::Instant;

/// Between two periodic passes: how long a client whose socket was full waits for what it missed.
const ROUND: Duration = Duration::from_millis(200);
/// A client that has left is noticed in one of this many rounds, so within a second; the README promises 3 s. A check
/// costs more than everything else in a pass.
const CHECK_EVERY: usize = 5;
/// [`ROUND`] during the drain.
const DRAIN_ROUND: Duration = Duration::from_millis(20);
/// Each stream gets a change notice at once or in one of this many rounds (5 s), drawn at random. Ten thousand clients
/// that then read the figure make two thousand requests a second.
const NOTICE_ROUNDS: usize = 25;
/// Streams between two yields to other tasks. A write takes some 10 µs, so that no task waits for a millisecond.
const YIELD_EVERY: usize = 64;
/// Streams between two checks whether a count is still current: asking the clock each time costs nearly a tenth of a
/// write.
const EXPIRY_CHECK_EVERY: usize = 16;
/// When a client reconnects after a broken connection, in milliseconds: random, so that they do not all come at once.
const RETRY_MS: std::ops::RangeInclusive<u64> = 1_000..=5_000;
/// No blank line ends it, because some clients would dispatch an empty event.
const KEEPALIVE: &[u8] = b": keepalive\n";

/// The streams of one task.
pub struct Hub {
    gateway: Arc<Gateway>,
    streams: Vec<SseStream>,
    keepalive: Frame,
    /// The newest count that was broadcast. The cache may be a moment ahead: a stream that began with the cache's count
    /// would get it twice.
    latest: Option<Arc<CachedCount>>,
    versions: SnapshotVersions,
    last_traffic: Instant,
    last_update: Option<(TodayCount, Instant)>,
    drain_plan: Option<DrainPlan>,
    rounds: usize,
    /// How many streams were added since the start.
    streams_added: usize,
}

impl Hub {
    /// Serves every stream that arrives on `arrivals`, until that channel is closed.
    pub async fn run(gateway: Arc<Gateway>, mut arrivals: mpsc::Receiver<NewStream>) {
        let mut counts = gateway.cache.subscribe_counts();
        let mut changes = gateway.cache.subscribe_changes();
        let mut drain = gateway.streams.drain_plan();
        let mut hub = Self {
            streams: Vec::new(),
            keepalive: Frame::new(KEEPALIVE),
            latest: counts.borrow_and_update().clone(),
            versions: SnapshotVersions::default(),
            last_traffic: Instant::now(),
            last_update: None,
            drain_plan: None,
            rounds: 0,
            streams_added: 0,
            gateway,
        };
        let mut round = every(ROUND);
        // Snapshots may have arrived before the hub started.
        changes.mark_changed();
        loop {
            tokio::select! {
                Ok(()) = counts.changed() => {
                    hub.latest = counts.borrow_and_update().clone();
                    if let Some(today) = hub.latest.clone() {
                        hub.broadcast(&today).await;
                    }
                }
                Ok(()) = changes.changed() => hub.on_snapshots_changed().await,
                arrival = arrivals.recv() => match arrival {
                    Some(stream) => hub.add_stream(stream),
                    None => return,
                },
                _ = round.tick() => hub.on_tick().await,
                Ok(()) = drain.changed(), if hub.drain_plan.is_none() => {
                    hub.begin_drain(drain.borrow_and_update().clone());
                    round = every(DRAIN_ROUND);
                }
            }
        }
    }

    /// Opens a stream. Its first block is the current count; if there is none, the next count.
    fn add_stream(&mut self, new: NewStream) {
        let current = self
            .latest
            .as_ref()
            .filter(|today| today.is_current(Instant::now()));
        let first = current.map(|today| init_frame(today, CountSource::Cache));
        self.gateway.metrics.streams_opened.inc();
        // Fixed for the stream's life: its index changes whenever another stream ends.
        let check_class = self.streams_added % CHECK_EVERY;
        self.streams_added = self.streams_added.wrapping_add(1);
        match SseStream::open(new, first, check_class) {
            Ok(mut stream) => {
                if let Some(plan) = &self.drain_plan {
                    stream.set_close_at(plan.next_close_at());
                }
                let recent = self.versions.recently_changed(Instant::now());
                stream.queue_changes(recent, jittered_round(self.rounds));
                self.streams.push(stream);
            }
            Err(e) => self.gateway.metrics.record_stream_closed(e.into()),
        }
    }

    /// Queues change notices for every stream.
    async fn on_snapshots_changed(&mut self) {
        let state = self.gateway.cache.state().clone();
        let changed = self.versions.update(&state, Instant::now());
        let round = self.rounds;
        self.for_each_stream(|stream| {
            stream.queue_changes(changed, jittered_round(round));
            Ok(())
        })
        .await;
    }

    /// Sends a new count to every stream.
    async fn broadcast(&mut self, today: &CachedCount) {
        let now = Instant::now();
        if !today.is_current(now) {
            return;
        }
        let send_update = match (self.gateway.config.emit, &self.last_update) {
            (Emit::Always, _) | (Emit::Change, None) => true,
            (Emit::Change, Some((last, sent))) => {
                let differs = (last.total, last.date) != (today.count.total, today.count.date);
                differs || now.duration_since(*sent) >= self.gateway.config.limits.keepalive
            }
        };
        if send_update {
            self.last_update = Some((today.count, now));
            self.last_traffic = now;
        }
        let (mut index, mut is_current, mut skipped) = (0, true, 0);
        self.for_each_stream(|stream| {
            if index % EXPIRY_CHECK_EVERY == 0 {
                // The process may have been stopped in the middle of the pass.
                is_current = today.is_current(Instant::now());
            }
            index += 1;
            if !is_current {
                return Ok(());
            }
            let sent = match (stream.started(), send_update) {
                (false, _) => stream.send_init(&init_frame(today, CountSource::Db))?,
                (true, true) => stream.send_latest(&today.update)?,
                (true, false) => true,
            };
            skipped += u64::from(!sent);
            Ok(())
        })
        .await;
        let metrics = &self.gateway.metrics;
        metrics.frames_skipped.inc_by(skipped);
        if !self.streams.is_empty() {
            metrics.fanout.observe(today.since.elapsed().as_secs_f64());
        }
    }

    /// The periodic pass: everything that does not wait for a new count.
    async fn on_tick(&mut self) {
        let now = Instant::now();
        let Limits {
            keepalive, stalled, ..
        } = self.gateway.config.limits;
        let is_silent = now.duration_since(self.last_traffic) >= keepalive;
        let comment = is_silent.then(|| self.keepalive.clone());
        if is_silent {
            self.last_traffic = now;
        }
        let latest = self.latest.clone();
        let round = self.rounds;
        let checked_class = round % CHECK_EVERY;
        self.rounds += 1;
        let versions = mem::take(&mut self.versions);
        let mut encoded = (SnapshotSet::default(), Frame::new(b""));
        self.for_each_stream(|stream| {
            if stream.check_class() == checked_class {
                stream.check_peer_closed()?;
            }
            if !stream.is_idle() {
                advance(stream, now, stalled)?;
                if stream.needs_latest()
                    && let Some(today) = &latest
                {
                    send_count(stream, today)?;
                }
                let due = stream.due_changes(round);
                if !due.is_empty() {
                    // Most streams have the same changes due.
                    if due != encoded.0 {
                        encoded = (due, versions.encode_events(due));
                    }
                    stream.send_changes(due, &encoded.1)?;
                }
            }
            if let Some(comment) = &comment {
                stream.try_send(comment)?;
            }
            Ok(())
        })
        .await;
        self.versions = versions;
    }

    fn begin_drain(&mut self, plan: Option<DrainPlan>) {
        if let Some(plan) = &plan {
            for stream in &mut self.streams {
                stream.set_close_at(plan.next_close_at());
            }
        }
        self.drain_plan = plan;
    }

    /// Calls `action` for each stream, and drops the streams for which it fails.
    async fn for_each_stream(
        &mut self,
        mut action: impl FnMut(&mut SseStream) -> Result<(), CloseReason>,
    ) {
        let mut index = 0;
        while let Some(stream) = self.streams.get_mut(index) {
            match action(stream) {
                Ok(()) => index += 1,
                Err(reason) => {
                    self.gateway.metrics.record_stream_closed(reason);
                    drop(self.streams.swap_remove(index));
                }
            }
            if index % YIELD_EVERY == YIELD_EVERY - 1 {
                yield_now().await;
            }
        }
    }
}

/// Flushes pending bytes, and starts to close the stream when the drain says so. Fails with `Drained` when the stream is
/// closed, and with `Stalled` when its client has read nothing for `stalled`.
fn advance(stream: &mut SseStream, now: Instant, stalled: Duration) -> Result<(), CloseReason> {
    stream.flush()?;
    if stream.has_ended() {
        return Err(CloseReason::Drained);
    }
    let blocked_since = stream.blocked_since();
    if blocked_since.is_some_and(|since| now - since >= stalled) {
        return Err(CloseReason::Stalled);
    }
    if stream.close_at().is_some_and(|at| at <= now) {
        // Without a blank line after it: some clients would dispatch an empty event.
        stream.close(&Frame::new(retry_line().as_bytes()))?;
    }
    Ok(())
}

/// Sends the count that a stream has missed, unless the count has expired.
fn send_count(stream: &mut SseStream, today: &CachedCount) -> io::Result<()> {
    if today.is_current(Instant::now()) {
        match stream.started() {
            true => stream.send_latest(&today.update)?,
            false => stream.send_init(&init_frame(today, CountSource::Db))?,
        };
    }
    Ok(())
}

/// The round in which one stream gets the notice of a change that happened in `round`.
fn jittered_round(round: usize) -> usize {
    round + rand::random_range(0..=NOTICE_ROUNDS)
}

/// The first block of a stream, with the time after which its client reconnects.
fn init_frame(today: &CachedCount, source: CountSource) -> Frame {
    Frame::new(&[retry_line().as_bytes(), &today.init(source)].concat())
}

fn retry_line() -> String {
    format!("retry: {}\n", rand::random_range(RETRY_MS))
}
