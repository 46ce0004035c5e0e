//! One stream of events: `init`, then each count that comes, comments in between, and an orderly end.

use crate::Gateway;
use crate::config::Emit;
use crate::streams::{Leaving, Place};
use crate::today::{Origin, Today};
use bytes::Bytes;
use futures_util::Stream;
use futures_util::stream::unfold;
use shared::today::TodayCount;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// When a client comes back after a break: apart, so that they do not all come at once.
const RETRY_MS: std::ops::RangeInclusive<u64> = 1_000..=5_000;
const KEEPALIVE: Bytes = Bytes::from_static(b": keepalive\n\n");

/// The blocks of one stream.
pub type Events = Pin<Box<dyn Stream<Item = Bytes> + Send>>;

/// A stream for one client, which holds `place` until it is dropped.
pub fn events(gateway: &Gateway, place: Place) -> Events {
    let mut counts = gateway.mirror.counts();
    // The present count is news to this client.
    counts.mark_changed();
    let client = Client {
        counts,
        leaving: gateway.streams.leaving(),
        emit: gateway.config.emit,
        keepalive: gateway.config.limits.keepalive,
        last_block: Instant::now(),
        last_count: None,
        waited: false,
        end: None,
        over: false,
        _place: place,
    };
    Box::pin(unfold(client, Client::next))
}

struct Client {
    counts: watch::Receiver<Option<Arc<Today>>>,
    leaving: watch::Receiver<Option<Leaving>>,
    emit: Emit,
    keepalive: Duration,
    last_block: Instant,
    last_count: Option<(TodayCount, Instant)>,
    /// The first count was not known when the client came.
    waited: bool,
    /// When its turn to leave comes.
    end: Option<Instant>,
    over: bool,
    _place: Place,
}

impl Client {
    async fn next(mut self) -> Option<(Bytes, Self)> {
        if self.over {
            return None;
        }
        let block = loop {
            let end = self.end;
            tokio::select! {
                biased;
                () = sleep_until(end.unwrap_or(self.last_block)), if end.is_some() => {
                    self.over = true;
                    break Bytes::from(retry_line() + "\n");
                }
                turn = turn_to_leave(&mut self.leaving), if end.is_none() => self.end = Some(turn),
                // The sender lives as long as the gateway, of which this is a part.
                _ = self.counts.changed() => {
                    let newest = self.counts.borrow_and_update().clone();
                    let block = newest.and_then(|today| self.block(&today));
                    self.waited = true;
                    if let Some(block) = block {
                        break block;
                    }
                }
                () = sleep_until(self.last_block + self.keepalive) => break KEEPALIVE,
            }
        };
        self.last_block = Instant::now();
        Some((block, self))
    }

    /// What this client is to be sent of a count.
    fn block(&mut self, today: &Today) -> Option<Bytes> {
        let now = Instant::now();
        // A client that was slow to take the last one may find that this one's time is over.
        if !today.is_shown(now) {
            return None;
        }
        let block = match (&self.last_count, self.emit) {
            (None, _) => {
                let source = if self.waited {
                    Origin::Db
                } else {
                    Origin::Cache
                };
                let init = today.init(source);
                Bytes::from([retry_line().as_bytes(), &init].concat())
            }
            (Some(_), Emit::Always) => today.update.clone(),
            (Some((last, sent)), Emit::Change) => {
                let differs = (last.total, last.date) != (today.count.total, today.count.date);
                let silent = now.duration_since(*sent) >= self.keepalive;
                if !differs && !silent {
                    return None;
                }
                today.update.clone()
            }
        };
        self.last_count = Some((today.count, now));
        Some(block)
    }
}

/// Returns this stream's turn, once there are turns.
async fn turn_to_leave(leaving: &mut watch::Receiver<Option<Leaving>>) -> Instant {
    let turn = leaving.wait_for(Option::is_some).await;
    let turn = turn
        .ok()
        .and_then(|turns| turns.as_ref().map(Leaving::next_turn));
    turn.unwrap_or_else(Instant::now)
}

fn retry_line() -> String {
    format!("retry: {}\n", rand::random_range(RETRY_MS))
}
