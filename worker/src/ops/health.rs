//! `/livez`, `/readyz`, `/health` and `/metrics` of the worker, for people, probes and alerts.

use crate::ops::status::{CronStatus, Inner, Status};
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
use shared::catalog::{Group, Snapshot};
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

/// Connections at once; probes and a scraper or two need a few.
const CONNECTIONS: usize = 64;
/// A probe sends its head at once; this also ends an idle connection.
const HEAD_LIMIT: Duration = Duration::from_secs(10);
/// After an error of `accept`, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

const JSON: &str = "application/json";
const METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What health is told from.
pub struct Health {
    /// What the loops say.
    pub status: Arc<Status>,
    /// What stands.
    pub store: Arc<Publisher>,
    /// The time.
    pub clock: Clock,
}

impl Health {
    /// Answers for ever. When there are too many connections, the oldest one is closed for the new one, so that idle
    /// connections cannot lock out a probe.
    pub async fn serve(self, listener: TcpListener) {
        let health = Arc::new(self);
        let mut open: VecDeque<AbortOnDropHandle<()>> = VecDeque::new();
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    open.retain(|connection| !connection.is_finished());
                    if open.len() == CONNECTIONS {
                        open.pop_front();
                    }
                    let health = health.clone();
                    let connection = async move { health.connection(stream).await };
                    open.push_back(AbortOnDropHandle::new(tokio::spawn(connection)));
                }
                Err(error) => {
                    warn!(%error, "a connection to the health port was not accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    async fn connection(&self, stream: TcpStream) {
        let answer =
            service_fn(|request| std::future::ready(Ok::<_, Infallible>(self.answer(&request))));
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_LIMIT)
            .serve_connection(TokioIo::new(stream), answer)
            .await;
        // What a client does to its connection is no news.
        drop(served);
    }

    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        let (status, kind, body) = match request.uri().path() {
            "/livez" | "/readyz" | "/health" | "/metrics" if !reads => {
                problem(StatusCode::METHOD_NOT_ALLOWED)
            }
            "/livez" | "/readyz" => (StatusCode::OK, JSON, json!({ "status": "ok" }).to_string()),
            "/health" => (StatusCode::OK, JSON, self.report().to_string()),
            "/metrics" => (StatusCode::OK, METRICS, {
                let now = self.status.now();
                self.status.metrics.report(&now, &self.store)
            }),
            _ => problem(StatusCode::NOT_FOUND),
        };
        let mut response = Response::new(Full::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        // JSON is no script and no page, however a browser is made to embed it.
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }

    /// The whole state as JSON.
    fn report(&self) -> Value {
        let mut now = self.status.now();
        if self.store.lease().is_standby() {
            // The active worker does this now, and tells how it goes.
            now.today_error = None;
            now.errors.clear();
            now.repeated.clear();
        }
        let redis_errors = self.store.errors().all();
        let snapshots: serde_json::Map<String, Value> = Snapshot::ALL
            .into_iter()
            .map(|snapshot| (snapshot.name(), self.snapshot(snapshot, &now)))
            .collect();
        let fresh = snapshots
            .values()
            .all(|snapshot| snapshot["state"] == "fresh");
        let redis = self.store.is_connected();
        let ok = fresh
            && redis
            && now.mysql == Some(true)
            && now.database_clock_off.is_none()
            && now.today_error.is_none()
            && now.errors.is_empty()
            && now.repeated.is_empty()
            && redis_errors.is_empty();
        // What may not be shown any more is not known. A standby counts nothing, but knows who does.
        let known = now
            .today
            .filter(|today| today.expires_at > self.clock.now());
        let (active, holder) = (self.store.lease().is_active(), self.store.lease().holder());
        let ok = ok
            && if active {
                known.is_some()
            } else {
                holder.is_some()
            };
        let today = known.map(|today| {
            let age = self.clock.now().since(today.generated_at).as_secs_f64();
            json!({ "total": today.total, "generated_at": today.generated_at, "age_seconds": age })
        });
        json!({
            "status": if ok { "ok" } else { "degraded" },
            "version": env!("CARGO_PKG_VERSION"),
            "active": active,
            "active_worker": holder,
            "mysql": now.mysql.map_or("unknown", connected),
            "mysql_round_trip_ms": self.status.metrics.traffic.round_trip.get().map(|time| time.as_secs_f64() * 1e3),
            "database_clock_off_seconds": now.database_clock_off,
            "redis": connected(redis),
            "redis_errors": redis_errors,
            "today": today,
            "today_mode": now.mode.name(),
            "today_counted": now.way.name(),
            "today_error": now.today_error,
            "today_drift": self.status.metrics.drifted_visits.get(),
            "snapshots": snapshots,
            "crons": { "visitors": cron(now.visitors), "books": cron(now.books) },
        })
    }

    fn snapshot(&self, snapshot: Snapshot, now: &Inner) -> Value {
        let held = self.store.held(snapshot);
        let age = held
            .as_ref()
            .map(|held| self.clock.now().since(held.generated_at));
        let state = match (&held, age) {
            (Some(held), Some(age)) if age.as_secs() < held.ttl_seconds.into() => "fresh",
            (Some(_), _) => "stale",
            (None, _) => "missing",
        };
        let next = match snapshot.group() {
            Group::Visitors => now.visitors.next,
            Group::Books => now.books.next,
        };
        json!({
            "state": state,
            "generated_at": held.map(|held| held.generated_at),
            "age_seconds": age.map(|age| age.as_secs_f64()),
            "last_error": now.errors.get(&snapshot).or(now.repeated.get(&snapshot)),
            "next_run": next.map(shared::time::Timestamp::from),
        })
    }
}

fn problem(status: StatusCode) -> (StatusCode, &'static str, String) {
    let title = status.canonical_reason();
    let body = json!({ "type": "about:blank", "title": title, "status": status.as_u16() });
    (status, "application/problem+json", body.to_string())
}

fn connected(is: bool) -> &'static str {
    if is { "connected" } else { "disconnected" }
}

fn cron(cron: CronStatus) -> Value {
    json!({ "last_run": cron.last, "next_run": cron.next.map(shared::time::Timestamp::from) })
}

/// Opens the health port.
///
/// # Errors
/// What an operator can do when it cannot be opened.
pub async fn listen(address: SocketAddr, stop: &CancellationToken) -> Result<TcpListener> {
    let listener = listener::bind(address, "WORKER_PORT", stop).await;
    listener.context("opening the health port (two workers on one host need two; 0 turns it off)")
}
