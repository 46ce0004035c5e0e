//! `/livez`, `/readyz` and `/health`: for orchestrators, balancers and people.

use crate::Gateway;
use crate::entry::Entry;
use crate::reply;
use crate::reply::Body;
use crate::today::Today;
use hyper::Response;
use serde::Serialize;
use serde_json::json;
use shared::catalog::Snapshot;
use shared::time::{Clock, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

#[derive(Serialize)]
struct Report {
    status: &'static str,
    version: &'static str,
    redis: &'static str,
    today: Option<TodayReport>,
    snapshots: BTreeMap<String, SnapshotReport>,
}

#[derive(Serialize)]
struct TodayReport {
    total: u64,
    generated_at: Timestamp,
    age_seconds: f64,
}

#[derive(Serialize)]
struct SnapshotReport {
    state: State,
    generated_at: Option<Timestamp>,
    age_seconds: Option<f64>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Fresh,
    Stale,
    Missing,
}

/// The process turns.
pub fn live() -> Response<Body> {
    reply::current(&json!({ "status": "alive" }))
}

/// It can serve: it has heard from Redis, whence all that it holds comes, and has not been told to stop.
pub fn ready(gateway: &Gateway) -> Response<Body> {
    if gateway.is_stopping() {
        reply::unavailable("this gateway is stopping")
    } else if gateway.mirror.holdings().heard {
        reply::current(&json!({ "status": "ready" }))
    } else {
        reply::unavailable("this gateway has not heard from Redis yet")
    }
}

/// Everything that one wants to know at a glance. `degraded` when anything is not as it should be.
pub fn report(gateway: &Gateway) -> Response<Body> {
    let holdings = gateway.mirror.holdings();
    let clock = &gateway.clock;
    let today = holdings.today(Instant::now());
    let today = today.map(|today| TodayReport::of(today, clock));
    let snapshots: BTreeMap<_, _> = Snapshot::ALL
        .into_iter()
        .map(|snapshot| {
            let entry = holdings.snapshot(snapshot).map(AsRef::as_ref);
            (snapshot.name(), SnapshotReport::of(entry, clock))
        })
        .collect();
    let fresh = snapshots
        .values()
        .all(|report| report.state == State::Fresh);
    reply::current(&Report {
        status: if holdings.connected && fresh && today.is_some() {
            "ok"
        } else {
            "degraded"
        },
        version: env!("CARGO_PKG_VERSION"),
        redis: if holdings.connected {
            "connected"
        } else {
            "disconnected"
        },
        today,
        snapshots,
    })
}

impl TodayReport {
    fn of(today: &Today, clock: &Clock) -> Self {
        let generated_at = today.count.generated_at;
        Self {
            total: today.count.total,
            generated_at,
            age_seconds: seconds(clock.now().since(generated_at)),
        }
    }
}

impl SnapshotReport {
    fn of(entry: Option<&Entry>, clock: &Clock) -> Self {
        Self {
            state: match entry {
                None => State::Missing,
                Some(entry) if entry.is_stale(clock) => State::Stale,
                Some(_) => State::Fresh,
            },
            generated_at: entry.map(|entry| entry.generated_at),
            age_seconds: entry.map(|entry| seconds(entry.age(clock))),
        }
    }
}

/// To the tenth, as people read it.
fn seconds(age: Duration) -> f64 {
    (age.as_secs_f64() * 10.0).round() / 10.0
}
