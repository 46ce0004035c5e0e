//! The metrics of the process, served under `/metrics` in the text format of Prometheus.
//!
//! All names are defined in this file. Counting is one atomic addition. Values that other modules know are read when
//! `/metrics` is requested.

use crate::cache::state::CacheState;
use crate::http::resource::Resource;
use crate::http::response::{self, Body};
use crate::sse::permits::StreamPermits;
use hyper::{Response, StatusCode};
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use shared::catalog::Snapshot;
use shared::time::Timestamp;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64};
use std::time::Duration;

/// The statuses of all responses from [`crate::http::router`].
const STATUSES: [u16; 7] = [200, 202, 204, 304, 404, 405, 503];
/// One for each resource, and one for all other paths.
const ROUTES: usize = Resource::ALL.len() + 1;

/// All metrics of the process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    responses: Family<ResponseLabels, Counter>,
    /// The same counters, found without a lock after the first use.
    cached_responses: [[OnceLock<Counter>; STATUSES.len()]; ROUTES],
    streams: Gauge<u32, AtomicU32>,
    streams_limit: Gauge<u32, AtomicU32>,
    /// Streams that a hub has accepted.
    pub streams_opened: Counter,
    streams_closed: Family<ReasonLabels, Counter>,
    streams_refused: Family<ReasonLabels, Counter>,
    /// Events that were skipped because the client had not read the one before.
    pub frames_skipped: Counter,
    /// Valid counts that were received by message.
    pub counts_received: Counter,
    /// Messages and values from Redis that were invalid.
    pub messages_invalid: Counter,
    /// Refresh requests that were sent to the worker.
    pub refresh_requests: Counter,
    /// The time from receiving a count until a hub has written it to all its streams.
    pub fanout: Histogram,
    refusals: Family<ReasonLabels, Counter>,
    redis_connected: Gauge<u32, AtomicU32>,
    today: Gauge<f64, AtomicU64>,
    generated: Times,
    expires: Times,
}

/// A time for each cached snapshot, in seconds since 1970. An age would not grow while the gateway hangs.
type Times = Family<SnapshotLabels, Gauge<f64, AtomicU64>>;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResponseLabels {
    route: &'static str,
    code: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SnapshotLabels {
    snapshot: String,
}

/// Why a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The client disconnected.
    Client,
    /// The client read nothing for too long.
    Stalled,
    /// The gateway is stopping.
    Drained,
}

/// Why a connection was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalReason {
    /// The listener is at its limit of connections.
    Full,
    /// The client address is at its limit of `MAX_PER_ADDRESS` connections.
    Address,
    /// No file descriptors are left.
    Descriptors,
}

/// Why a request for the stream was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamRefused {
    /// `SSE_MAX_CLIENTS` streams are open.
    Full,
    /// The client address is at its limit of `MAX_PER_ADDRESS` streams.
    Address,
    /// The gateway is stopping.
    Stopping,
}

impl CloseReason {
    const ALL: [Self; 3] = [Self::Client, Self::Stalled, Self::Drained];

    const fn label(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Stalled => "stalled",
            Self::Drained => "drained",
        }
    }
}

impl RefusalReason {
    const ALL: [Self; 3] = [Self::Full, Self::Address, Self::Descriptors];

    const fn label(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Address => "address",
            Self::Descriptors => "descriptors",
        }
    }
}

impl StreamRefused {
    const ALL: [Self; 3] = [Self::Full, Self::Address, Self::Stopping];

    const fn label(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Address => "address",
            Self::Stopping => "stopping",
        }
    }

    /// Returns the reason as a text for people; it is sent to the client.
    pub const fn detail(self) -> &'static str {
        match self {
            Self::Full => "the gateway has too many open streams",
            Self::Address => "this address already has all the streams that one address may have",
            Self::Stopping => "this gateway is stopping; connect again to reach another one",
        }
    }
}

impl From<std::io::Error> for CloseReason {
    fn from(_: std::io::Error) -> Self {
        Self::Client
    }
}

impl Metrics {
    /// Creates and registers all metrics, with the value zero.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("gateway");
        let responses = Family::default();
        let text = "Responses, by route and status";
        registry.register("http_responses", text, responses.clone());
        let streams = Gauge::default();
        let text = "Open streams";
        registry.register("streams", text, streams.clone());
        let streams_limit = Gauge::default();
        let text = "Maximum number of open streams (SSE_MAX_CLIENTS)";
        registry.register("streams_limit", text, streams_limit.clone());
        let streams_opened = Counter::default();
        let text = "Opened streams";
        registry.register("streams_opened", text, streams_opened.clone());
        let streams_closed = by_reason(CloseReason::ALL.map(CloseReason::label));
        let text =
            "Closed streams, by reason: client disconnected, client stalled, gateway drained";
        registry.register("streams_closed", text, streams_closed.clone());
        let streams_refused = by_reason(StreamRefused::ALL.map(StreamRefused::label));
        let text = "Refused requests for the stream, by reason: gateway full, address limit reached, gateway stopping";
        registry.register("streams_refused", text, streams_refused.clone());
        let frames_skipped = Counter::default();
        let text = "Events skipped because the client had not read the one before";
        registry.register("stream_frames_skipped", text, frames_skipped.clone());
        let counts_received = Counter::default();
        let text = "Counts of today received from Redis by message";
        registry.register("redis_counts_received", text, counts_received.clone());
        let messages_invalid = Counter::default();
        let text = "Invalid messages and values from Redis";
        registry.register("redis_messages_refused", text, messages_invalid.clone());
        let refresh_requests = Counter::default();
        let text = "Requests for a fresh count that were sent to the worker";
        registry.register("doorbell_rings", text, refresh_requests.clone());
        // From 50 µs, for a few streams, to 26 s, when the machine was suspended.
        let fanout = Histogram::new(exponential_buckets(0.000_05, 2.0, 20));
        let text = "Time from receiving a count until it was sent to all streams of a thread";
        registry.register_with_unit("fanout_duration", text, Unit::Seconds, fanout.clone());
        let refusals = by_reason(RefusalReason::ALL.map(RefusalReason::label));
        let text = "Refused connections, by reason: listener full, address limit reached, no file descriptors";
        registry.register("connections_refused", text, refusals.clone());
        let redis_connected = Gauge::default();
        let text = "1 if Redis responded to the last request, else 0";
        registry.register("redis_connected", text, redis_connected.clone());
        let today = Gauge::default();
        let text = "Unix time when the newest count of today was made; 0 before the first";
        registry.register("today_timestamp_seconds", text, today.clone());
        let generated = Times::default();
        let text = "Unix time when a snapshot was generated";
        registry.register("snapshot_timestamp_seconds", text, generated.clone());
        let expires = Times::default();
        let text = "Unix time until which a snapshot is fresh";
        registry.register("snapshot_expires_timestamp_seconds", text, expires.clone());
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "Version of this gateway", build);
        Self {
            registry,
            responses,
            cached_responses: Default::default(),
            streams,
            streams_limit,
            streams_opened,
            streams_closed,
            streams_refused,
            frames_skipped,
            counts_received,
            messages_invalid,
            refresh_requests,
            fanout,
            refusals,
            redis_connected,
            today,
            generated,
            expires,
        }
    }

    /// Counts a response. `resource` is `None` for a path without a resource.
    pub fn record_response(&self, resource: Option<Resource>, status: StatusCode) {
        let index = STATUSES.iter().position(|known| *known == status.as_u16());
        let route = resource.map_or(ROUTES - 1, Resource::index);
        let counter = || {
            let labels = ResponseLabels {
                route: resource.map_or("other", Resource::path),
                code: status.as_u16(),
            };
            self.responses.get_or_create_owned(&labels)
        };
        match index {
            Some(status) => self.cached_responses[route][status]
                .get_or_init(counter)
                .inc(),
            None => counter().inc(),
        };
    }

    /// Counts a closed stream.
    pub fn record_stream_closed(&self, reason: CloseReason) {
        let reason = reason.label();
        let counter = self.streams_closed.get_or_create(&ReasonLabels { reason });
        counter.inc();
    }

    /// Counts a refused request for the stream, whatever the status of its response.
    pub fn record_stream_refused(&self, reason: StreamRefused) {
        let reason = reason.label();
        let counter = self.streams_refused.get_or_create(&ReasonLabels { reason });
        counter.inc();
    }

    fn set_snapshot_times(&self, snapshot: Snapshot, generated_at: Timestamp, ttl: Duration) {
        let labels = SnapshotLabels {
            snapshot: snapshot.name(),
        };
        let generated = since_1970(generated_at);
        let gauge = self.generated.get_or_create(&labels);
        gauge.set(generated.as_secs_f64());
        let gauge = self.expires.get_or_create(&labels);
        gauge.set((generated + ttl).as_secs_f64());
    }

    /// Counts a refused connection.
    pub fn record_refusal(&self, reason: RefusalReason) {
        let reason = reason.label();
        let counter = self.refusals.get_or_create(&ReasonLabels { reason });
        counter.inc();
    }

    /// Returns the response to `/metrics`: all metrics as text. First updates those that come from `streams` and
    /// `state`.
    pub fn report(&self, streams: &StreamPermits, state: &CacheState) -> Response<Body> {
        self.streams.set(streams.in_use());
        self.streams_limit.set(streams.capacity());
        self.redis_connected.set(state.connected.into());
        if let Some(today) = state.newest_count() {
            self.today
                .set(since_1970(today.count.generated_at).as_secs_f64());
        }
        for snapshot in Snapshot::ALL {
            if let Some(entry) = state.snapshot(snapshot) {
                let ttl = Duration::from_secs(entry.ttl_seconds.into());
                self.set_snapshot_times(snapshot, entry.generated_at, ttl);
            }
        }
        let mut body = String::new();
        let result = text::encode(&mut body, &self.registry);
        result.expect("writing to a string does not fail");
        response::metrics(body)
    }
}

/// Creates a counter for each reason, at zero. A counter that appeared with its first event would have no `rate()` for
/// that event.
fn by_reason<const N: usize>(reasons: [&'static str; N]) -> Family<ReasonLabels, Counter> {
    let family = Family::default();
    for reason in reasons {
        drop(family.get_or_create(&ReasonLabels { reason }));
    }
    family
}

fn since_1970(time: Timestamp) -> Duration {
    Duration::from_millis(u64::try_from(time.millis()).unwrap_or(0))
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_labels_match_the_dashboards() {
        let metrics = Metrics::new();
        metrics.record_response(Resource::find("/api/visitors/weekly"), StatusCode::OK);
        metrics.record_response(Resource::find("/api/visitors/weekly"), StatusCode::OK);
        metrics.record_response(None, StatusCode::NOT_FOUND);
        metrics.record_stream_closed(CloseReason::Stalled);
        metrics.record_refusal(RefusalReason::Full);
        metrics.record_stream_refused(StreamRefused::Stopping);
        let mut text = String::new();
        text::encode(&mut text, &metrics.registry).unwrap();
        for line in [
            r#"gateway_http_responses_total{route="/api/visitors/weekly",code="200"} 2"#,
            r#"gateway_http_responses_total{route="other",code="404"} 1"#,
            "gateway_streams 0",
            "gateway_streams_opened_total 0",
            r#"gateway_streams_closed_total{reason="client"} 0"#,
            r#"gateway_streams_closed_total{reason="stalled"} 1"#,
            r#"gateway_streams_closed_total{reason="drained"} 0"#,
            r#"gateway_streams_refused_total{reason="full"} 0"#,
            r#"gateway_streams_refused_total{reason="address"} 0"#,
            r#"gateway_streams_refused_total{reason="stopping"} 1"#,
            "gateway_stream_frames_skipped_total 0",
            "gateway_redis_messages_refused_total 0",
            r#"gateway_connections_refused_total{reason="full"} 1"#,
            r#"gateway_connections_refused_total{reason="address"} 0"#,
            r#"gateway_connections_refused_total{reason="descriptors"} 0"#,
            "# EOF",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
