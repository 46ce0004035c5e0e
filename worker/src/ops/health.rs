//! Serves `/livez`, `/readyz`, `/health` and `/metrics` of the worker.

use crate::ops::state::State;
use crate::ops::status::Status;
use crate::publish::publisher::Publisher;
use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use shared::catalog::{Schedule, Snapshot};
use shared::listener;
use shared::time::Clock;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::warn;

/// The limit of open connections. Probes and a scraper or two need a few.
const MAX_CONNECTIONS: usize = 64;
/// The time-out for a request head. A probe sends it at once. The same limit closes an idle connection.
const HEAD_LIMIT: Duration = Duration::from_secs(10);
/// The pause after an error of `accept`, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

const JSON: &str = "application/json";
const METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Serves the health endpoints from the state of the worker.
pub struct Health {
    /// The state that the tasks of the worker record.
    pub status: Arc<Status>,
    /// The cached snapshots, the lease and the errors of Redis.
    pub publisher: Arc<Publisher>,
    /// The time of day.
    pub clock: Clock,
    /// How often the circulation is refreshed; `None` if only the daily pass makes it.
    pub circulation_interval: Option<Duration>,
}

impl Health {
    /// Serves requests for ever. At the connection limit, the oldest connection is closed for the new one, so that idle
    /// connections cannot lock out a probe.
    pub async fn serve(self, listener: TcpListener) {
        let health = Arc::new(self);
        let mut open: VecDeque<AbortOnDropHandle<()>> = VecDeque::new();
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    open.retain(|connection| !connection.is_finished());
                    if open.len() == MAX_CONNECTIONS {
                        open.pop_front();
                    }
                    let health = health.clone();
                    let connection = async move { health.serve_connection(stream).await };
                    open.push_back(AbortOnDropHandle::new(tokio::spawn(connection)));
                }
                Err(error) => {
                    warn!(%error, "cannot accept a connection on the health port");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    async fn serve_connection(&self, stream: TcpStream) {
        let service =
            service_fn(|request| std::future::ready(Ok::<_, Infallible>(self.respond(&request))));
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_LIMIT)
            .serve_connection(TokioIo::new(stream), service)
            .await;
        // An error of a client's connection is not worth a log line.
        drop(served);
    }

    fn respond(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        let (status, kind, body) = match request.uri().path() {
            "/livez" | "/readyz" | "/health" | "/metrics" if !is_read => {
                problem(StatusCode::METHOD_NOT_ALLOWED)
            }
            "/livez" | "/readyz" => (StatusCode::OK, JSON, json!({ "status": "ok" }).to_string()),
            "/health" => (StatusCode::OK, JSON, self.report().to_string()),
            "/metrics" => (StatusCode::OK, METRICS, {
                let now = self.status.now();
                self.status.metrics.render(&now, &self.publisher)
            }),
            _ => problem(StatusCode::NOT_FOUND),
        };
        let mut response = Response::new(Full::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        // A browser must not interpret the JSON as a script or a page.
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }

    /// The body of `/health`.
    fn report(&self) -> Value {
        let mut now = self.status.now();
        if self.publisher.lease().is_standby() {
            // These are tasks of the active worker, which reports on them.
            now.today_error = None;
            now.errors.clear();
            now.discarded.clear();
        }
        let redis_errors = self.publisher.errors().all();
        let snapshots: serde_json::Map<String, Value> = Snapshot::ALL
            .into_iter()
            .map(|snapshot| (snapshot.name(), self.snapshot(snapshot, &now)))
            .collect();
        let fresh = snapshots
            .values()
            .all(|snapshot| snapshot["state"] == "fresh");
        let redis = self.publisher.is_connected();
        let is_ok = fresh
            && redis
            && now.mysql == Some(true)
            && now.database_clock_off.is_none()
            && now.today_error.is_none()
            && now.errors.is_empty()
            && now.discarded.is_empty()
            && redis_errors.is_empty();
        // An expired count is not reported. A standby does not count, but must know the active worker.
        let current = now
            .today
            .filter(|today| today.expires_at > self.clock.now());
        let (active, holder) = (
            self.publisher.lease().is_active(),
            self.publisher.lease().holder(),
        );
        let is_ok = is_ok
            && if active {
                current.is_some()
            } else {
                holder.is_some()
            };
        let today = current.map(|today| {
            let age = self.clock.now().since(today.generated_at).as_secs_f64();
            json!({ "total": today.total, "generated_at": today.generated_at, "age_seconds": age })
        });
        json!({
            "status": if is_ok { "ok" } else { "degraded" },
            "version": env!("CARGO_PKG_VERSION"),
            "active": active,
            "active_worker": holder,
            "mysql": now.mysql.map_or("unknown", connected),
            "mysql_round_trip_ms": self.status.metrics.mysql.round_trip.get().map(|time| time.as_secs_f64() * 1e3),
            "database_clock_off_seconds": now.database_clock_off,
            "redis": connected(redis),
            "redis_errors": redis_errors,
            "today": today,
            "today_mode": now.mode.name(),
            "today_counted": now.counted_by.name(),
            "today_error": now.today_error,
            "today_drift": self.status.metrics.drifted_visits.get(),
            "snapshots": snapshots,
            "crons": { "visitors": self.cron(Schedule::Visitors), "books": self.cron(Schedule::Books) },
        })
    }

    fn snapshot(&self, snapshot: Snapshot, now: &State) -> Value {
        let cached = self.publisher.get(snapshot);
        let age = cached
            .as_ref()
            .map(|cached| self.clock.now().since(cached.generated_at));
        let state = match (&cached, age) {
            (Some(cached), Some(age)) if age.as_secs() < cached.ttl_seconds.into() => "fresh",
            (Some(_), _) => "stale",
            (None, _) => "missing",
        };
        let interval = self.circulation_interval;
        let interval = interval.filter(|_| snapshot == Snapshot::Circulation);
        let next_round = cached.as_ref().zip(interval);
        let next_round = next_round.map(|(cached, interval)| cached.generated_at.plus(interval));
        json!({
            "state": state,
            "generated_at": cached.map(|cached| cached.generated_at),
            "age_seconds": age.map(|age| age.as_secs_f64()),
            "last_error": now.errors.get(&snapshot).or(now.discarded.get(&snapshot)),
            "next_run": next_round.or(self.publisher.freshness().next_due(snapshot.schedule())),
        })
    }

    fn cron(&self, schedule: Schedule) -> Value {
        let freshness = self.publisher.freshness();
        json!({ "last_run": freshness.last_due(schedule), "next_run": freshness.next_due(schedule) })
    }
}

fn problem(status: StatusCode) -> (StatusCode, &'static str, String) {
    let title = status.canonical_reason();
    let body = json!({ "type": "about:blank", "title": title, "status": status.as_u16() });
    (status, "application/problem+json", body.to_string())
}

fn connected(is_connected: bool) -> &'static str {
    if is_connected {
        "connected"
    } else {
        "disconnected"
    }
}

/// Opens the health port. `stop` ends the attempts.
///
/// # Errors
/// If the port cannot be opened, with what an operator can do about it.
pub async fn listen(address: SocketAddr, stop: &CancellationToken) -> Result<TcpListener> {
    let listener = listener::bind(address, "WORKER_PORT", stop).await;
    listener.context(
        "opening the health port (two workers on one host need different ports; 0 turns it off)",
    )
}
