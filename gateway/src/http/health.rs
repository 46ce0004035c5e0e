//! Responses of `/livez`, `/readyz` and `/health`, for orchestrators, balancers and people.

use crate::cache::cached_count::CachedCount;
use crate::cache::cached_response::CachedResponse;
use crate::cache::state::CacheState;
use crate::failures::Failures;
use crate::http::response;
use crate::http::response::Body;
use crate::state::Gateway;
use hyper::Response;
use serde::Serialize;
use shared::catalog::Snapshot;
use shared::time::{Clock, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;
use utoipa::ToSchema;

/// The state of a gateway.
#[derive(Serialize, ToSchema)]
pub struct Health {
    #[schema(inline)]
    status: HealthStatus,
    /// The gateway's version.
    #[schema(examples("1.2.3"))]
    version: &'static str,
    #[schema(inline)]
    redis: RedisStatus,
    /// Null while the count is unknown.
    #[schema(required)]
    today: Option<TodayHealth>,
    /// Present failures, by part: `redis`, `subscription`, `messages`, `reads`, `today`, `refresh_requests`,
    /// `library_file`, or the name of a snapshot. Empty if there are none.
    errors: BTreeMap<String, String>,
    /// By name, such as `visitors:monthly:top` for `/api/visitors/monthly/top`.
    snapshots: BTreeMap<String, SnapshotHealth>,
}

/// The count that the gateway serves.
#[derive(Serialize, ToSchema)]
pub struct TodayHealth {
    /// Visits of the day so far.
    total: u64,
    /// When it was counted.
    generated_at: Timestamp,
    /// How long ago that was.
    #[schema(minimum = 0)]
    age_seconds: f64,
}

/// The state of a snapshot.
#[derive(Serialize, ToSchema)]
pub struct SnapshotHealth {
    #[schema(inline)]
    state: SnapshotState,
    /// When its figures were read; null when it is missing.
    #[schema(required)]
    generated_at: Option<Timestamp>,
    /// How long ago that was; null when it is missing.
    #[schema(required, minimum = 0)]
    age_seconds: Option<f64>,
    /// Why it cannot be computed until somebody changes the library's database.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reason: Option<String>,
}

/// `degraded` if `errors` is not empty, Redis is disconnected, a snapshot is stale or missing, or the count is unknown.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum HealthStatus {
    Ok,
    Degraded,
}

/// Whether Redis answered the latest command. One is sent every 2 s.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum RedisStatus {
    Connected,
    Disconnected,
}

/// `stale`: older than its `ttl_seconds`. `missing`: this gateway has none.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum SnapshotState {
    Fresh,
    Stale,
    Missing,
}

/// The response to a successful probe.
#[derive(Serialize, ToSchema)]
pub struct Probe {
    #[schema(inline)]
    status: ProbeStatus,
}

/// `alive` from `/livez`, `ready` from `/readyz`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum ProbeStatus {
    Alive,
    Ready,
}

/// Returns the response to `/livez`: the process runs.
pub fn live() -> Response<Body> {
    response::current(&Probe {
        status: ProbeStatus::Alive,
    })
}

/// Returns the response to `/readyz`: 200 if Redis has responded since the start and the gateway is not stopping, else
/// 503.
pub fn ready(gateway: &Gateway) -> Response<Body> {
    if gateway.is_stopping() {
        response::unavailable("this gateway is stopping")
    } else if gateway.cache.is_ready() {
        ready_response()
    } else {
        response::unavailable("Redis has not responded since this gateway started")
    }
}

/// Returns the response of a gateway that can serve.
pub fn ready_response() -> Response<Body> {
    response::current(&Probe {
        status: ProbeStatus::Ready,
    })
}

/// Returns the response to `/health`: the state of Redis, of today's count and of each snapshot, and all present
/// failures.
pub fn report(state: &CacheState, failures: &Failures, clock: &Clock) -> Response<Body> {
    let errors = failures.report();
    let today = state.today(Instant::now());
    let today = today.map(|today| TodayHealth::new(today, clock));
    let snapshots: BTreeMap<_, _> = Snapshot::ALL
        .into_iter()
        .map(|snapshot| {
            let entry = state.snapshot(snapshot).map(AsRef::as_ref);
            let reason = state.unavailable.get(&snapshot).cloned();
            (snapshot.name(), SnapshotHealth::new(entry, reason, clock))
        })
        .collect();
    let all_fresh = snapshots
        .values()
        .all(|report| report.state == SnapshotState::Fresh);
    response::current(&Health {
        status: if state.connected && errors.is_empty() && all_fresh && today.is_some() {
            HealthStatus::Ok
        } else {
            HealthStatus::Degraded
        },
        version: env!("CARGO_PKG_VERSION"),
        redis: if state.connected {
            RedisStatus::Connected
        } else {
            RedisStatus::Disconnected
        },
        today,
        errors,
        snapshots,
    })
}

impl TodayHealth {
    fn new(today: &CachedCount, clock: &Clock) -> Self {
        let generated_at = today.count.generated_at;
        Self {
            total: today.count.total,
            generated_at,
            age_seconds: seconds(clock.now().since(generated_at)),
        }
    }
}

impl SnapshotHealth {
    fn new(entry: Option<&CachedResponse>, reason: Option<String>, clock: &Clock) -> Self {
        // A reason that Redis still holds does not concern a figure that was computed since.
        let is_fresh = entry.is_some_and(|entry| !entry.is_stale(clock));
        Self {
            reason: reason.filter(|_| !is_fresh),
            state: match entry {
                None => SnapshotState::Missing,
                Some(entry) if entry.is_stale(clock) => SnapshotState::Stale,
                Some(_) => SnapshotState::Fresh,
            },
            generated_at: entry.map(|entry| entry.generated_at),
            age_seconds: entry.map(|entry| seconds(entry.age(clock))),
        }
    }
}

/// Rounds to tenths of a second, for people.
fn seconds(age: Duration) -> f64 {
    (age.as_secs_f64() * 10.0).round() / 10.0
}
