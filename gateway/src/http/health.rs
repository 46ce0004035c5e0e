//! `/livez`, `/readyz` and `/health`: for orchestrators, balancers and people.

use crate::Gateway;
use crate::cache::cached_count::CachedCount;
use crate::cache::cached_response::CachedResponse;
use crate::cache::state::CacheState;
use crate::failures::Failures;
use crate::http::response;
use crate::http::response::Body;
use hyper::Response;
use serde::Serialize;
use shared::catalog::Snapshot;
use shared::time::{Clock, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;
use utoipa::ToSchema;

/// How a gateway is.
#[derive(Serialize, ToSchema)]
#[schema(as = Health)]
pub struct Report {
    #[schema(inline)]
    status: Status,
    /// The gateway's version.
    #[schema(examples("0.1.0"))]
    version: &'static str,
    #[schema(inline)]
    redis: Connection,
    /// Null while no count is known.
    #[schema(required)]
    today: Option<TodayReport>,
    /// What fails at present, by part: `redis`, `subscription`, `messages`, `today`, `refresh_requests`, or the name of a snapshot.
    /// Empty when nothing does.
    errors: BTreeMap<String, String>,
    /// By name: `visitors:monthly:top` is that of `/api/visitors/monthly/top`.
    snapshots: BTreeMap<String, SnapshotReport>,
}

/// The count that is shown.
#[derive(Serialize, ToSchema)]
#[schema(as = TodayHealth)]
pub struct TodayReport {
    /// Visits of the day so far.
    total: u64,
    /// When it was counted.
    generated_at: Timestamp,
    /// How long ago that was.
    #[schema(minimum = 0)]
    age_seconds: f64,
}

/// How a snapshot is.
#[derive(Serialize, ToSchema)]
#[schema(as = SnapshotHealth)]
pub struct SnapshotReport {
    #[schema(inline)]
    state: State,
    /// When its figures were read; null when it is missing.
    #[schema(required)]
    generated_at: Option<Timestamp>,
    /// How long ago that was; null when it is missing.
    #[schema(required, minimum = 0)]
    age_seconds: Option<f64>,
}

/// `degraded` when anything is not as it should be: `errors` is not empty, Redis is away, a snapshot is stale or missing, the
/// count is unknown.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Status {
    Ok,
    Degraded,
}

/// Whether Redis answered when it was last asked, two seconds ago at most.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Connection {
    Connected,
    Disconnected,
}

/// `stale`: older than its `ttl_seconds`. `missing`: this gateway has none.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum State {
    Fresh,
    Stale,
    Missing,
}

/// What a probe is told when all is well.
#[derive(Serialize, ToSchema)]
pub struct Probe {
    #[schema(inline)]
    status: Well,
}

/// Which probe it answers: `/livez`, `/readyz`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Well {
    Alive,
    Ready,
}

/// The process turns.
pub fn live() -> Response<Body> {
    response::current(&Probe {
        status: Well::Alive,
    })
}

/// It can serve: it has heard from Redis, whence all that it holds comes, and has not been told to stop.
pub fn ready(gateway: &Gateway) -> Response<Body> {
    if gateway.is_stopping() {
        response::unavailable("this gateway is stopping")
    } else if gateway.cache.is_ready() {
        well()
    } else {
        response::unavailable("this gateway has not heard from Redis yet")
    }
}

/// The answer of a gateway that can serve.
pub fn well() -> Response<Body> {
    response::current(&Probe {
        status: Well::Ready,
    })
}

/// Everything that one wants to know at a glance. `degraded` when anything is not as it should be.
pub fn report(state: &CacheState, failures: &Failures, clock: &Clock) -> Response<Body> {
    let errors = failures.report();
    let today = state.today(Instant::now());
    let today = today.map(|today| TodayReport::of(today, clock));
    let snapshots: BTreeMap<_, _> = Snapshot::ALL
        .into_iter()
        .map(|snapshot| {
            let entry = state.snapshot(snapshot).map(AsRef::as_ref);
            (snapshot.name(), SnapshotReport::of(entry, clock))
        })
        .collect();
    let fresh = snapshots
        .values()
        .all(|report| report.state == State::Fresh);
    response::current(&Report {
        status: if state.connected && errors.is_empty() && fresh && today.is_some() {
            Status::Ok
        } else {
            Status::Degraded
        },
        version: env!("CARGO_PKG_VERSION"),
        redis: if state.connected {
            Connection::Connected
        } else {
            Connection::Disconnected
        },
        today,
        errors,
        snapshots,
    })
}

impl TodayReport {
    fn of(today: &CachedCount, clock: &Clock) -> Self {
        let generated_at = today.count.generated_at;
        Self {
            total: today.count.total,
            generated_at,
            age_seconds: seconds(clock.now().since(generated_at)),
        }
    }
}

impl SnapshotReport {
    fn of(entry: Option<&CachedResponse>, clock: &Clock) -> Self {
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
