//! The metrics of the process, served under `/metrics` in the text format of Prometheus.
//!
//! All names are defined in this file. Counting is one atomic addition. Values that other modules know are read when
//! `/metrics` is requested.

use crate::cache::state::CacheState;
use crate::http::resource::Resource;
use crate::http::response::{self, Body};
use crate::sse::permits::StreamPermits;
use hyper::{Response, StatusCode};
use prometheus_client::encoding::{EncodeLabelSet, EncodeMetric, MetricEncoder, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry, Unit};
use shared::catalog::Snapshot;
use shared::time::Timestamp;
use std::fmt;
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
    streams_closed: ReasonCounters<3>,
    streams_refused: ReasonCounters<3>,
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
    connections_refused: ReasonCounters<3>,
    redis_connected: Gauge<u32, AtomicU32>,
    today: Gauge<f64, AtomicU64>,
    generated: Times,
    expires: Times,
}

/// A time for each cached snapshot, in seconds since 1970. Prometheus computes the age, so that it grows even while the gateway hangs.
type Times = Family<SnapshotLabels, Gauge<f64, AtomicU64>>;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResponseLabels {
    route: &'static str,
    code: u16,
}

/// A counter for each reason. All start at zero, because `rate()` misses the first increment of a series that did not
/// exist before. Their order is fixed, unlike that of a [`Family`], because the API document shows them.
#[derive(Clone, Debug)]
struct ReasonCounters<const N: usize>([(&'static str, Counter); N]);

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
pub enum ConnectionRefusal {
    /// The listener is at its limit of connections.
    Full,
    /// The client address is at its limit of `MAX_PER_ADDRESS` connections.
    Address,
    /// No file descriptors are left.
    Descriptors,
}

/// Why a request for the stream was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamRefusal {
    /// `SSE_MAX_CLIENTS` streams are open.
    Full,
    /// The client address is at its limit of `MAX_PER_ADDRESS` streams.
    Address,
    /// The gateway is stopping.
    Stopping,
}

impl CloseReason {
    /// The labels, in the order of the variants.
    const LABELS: [&str; 3] = ["client", "stalled", "drained"];
}

impl ConnectionRefusal {
    /// The labels, in the order of the variants.
    const LABELS: [&str; 3] = ["full", "address", "descriptors"];
}

impl StreamRefusal {
    /// The labels, in the order of the variants.
    const LABELS: [&str; 3] = ["full", "address", "stopping"];

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

impl<const N: usize> ReasonCounters<N> {
    fn new(labels: [&'static str; N]) -> Self {
        Self(labels.map(|label| (label, Counter::default())))
    }

    /// Counts an event with the reason at `index` of the labels.
    fn increment(&self, index: usize) {
        self.0[index].1.inc();
    }
}

impl<const N: usize> EncodeMetric for ReasonCounters<N> {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for (reason, counter) in &self.0 {
            counter.encode(encoder.encode_family(&[("reason", *reason)])?)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Counter
    }
}

impl Metrics {
    /// Creates and registers all metrics, with the value zero.
    #[rustfmt::skip]
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("gateway");
        let r = &mut registry;
        let responses = register(r, "http_responses", "Responses, by route and status", Family::default());
        let streams = register(r, "streams", "Open streams", Gauge::default());
        let streams_limit = register(r, "streams_limit", "Maximum number of open streams (SSE_MAX_CLIENTS)", Gauge::default());
        let streams_opened = register(r, "streams_opened", "Opened streams", Counter::default());
        let streams_closed = register(r, "streams_closed",
            "Closed streams, by reason: client disconnected, client stalled, gateway drained",
            ReasonCounters::new(CloseReason::LABELS));
        let streams_refused = register(r, "streams_refused",
            "Refused requests for the stream, by reason: gateway full, address limit reached, gateway stopping",
            ReasonCounters::new(StreamRefusal::LABELS));
        let frames_skipped = register(r, "stream_frames_skipped", "Events skipped because the client had not read the one before", Counter::default());
        let counts_received = register(r, "redis_counts_received", "Counts of today received from Redis by message", Counter::default());
        // These two names are older than the terms of the code. Alerts and dashboards depend on them.
        let messages_invalid = register(r, "redis_messages_refused", "Invalid messages and values from Redis", Counter::default());
        let refresh_requests = register(r, "doorbell_rings", "Requests for a fresh count that were sent to the worker", Counter::default());
        // From 50 µs, for a few streams, to 26 s, when the machine was suspended.
        let fanout = Histogram::new(exponential_buckets(0.000_05, 2.0, 20));
        let help = "Time from receiving a count until it was sent to all streams of a thread";
        r.register_with_unit("fanout_duration", help, Unit::Seconds, fanout.clone());
        let connections_refused = register(r, "connections_refused",
            "Refused connections, by reason: listener full, address limit reached, no file descriptors",
            ReasonCounters::new(ConnectionRefusal::LABELS));
        let redis_connected = register(r, "redis_connected", "1 if Redis responded to the last request, else 0", Gauge::default());
        let today = register(r, "today_timestamp_seconds", "Unix time when the newest count of today was made; 0 before the first", Gauge::default());
        let generated = register(r, "snapshot_timestamp_seconds", "Unix time when a snapshot was generated", Times::default());
        let expires = register(r, "snapshot_expires_timestamp_seconds", "Unix time until which a snapshot is fresh", Times::default());
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        r.register("build", "Version of this gateway", build);
        Self {
            registry, responses, cached_responses: std::array::from_fn(|_| Default::default()), streams, streams_limit, streams_opened,
            streams_closed, streams_refused, frames_skipped, counts_received, messages_invalid, refresh_requests, fanout,
            connections_refused, redis_connected, today, generated, expires,
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
        self.streams_closed.increment(reason as usize);
    }

    /// Counts a refused request for the stream, whatever the status of its response.
    pub fn record_stream_refused(&self, reason: StreamRefusal) {
        self.streams_refused.increment(reason as usize);
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
    pub fn record_connection_refused(&self, reason: ConnectionRefusal) {
        self.connections_refused.increment(reason as usize);
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

/// Registers a metric and returns it.
fn register<M: Metric + Clone>(registry: &mut Registry, name: &str, help: &str, metric: M) -> M {
    registry.register(name, help, metric.clone());
    metric
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
        let render = || {
            let mut text = String::new();
            text::encode(&mut text, &metrics.registry).unwrap();
            text
        };
        let all_reasons = [
            (r#"gateway_streams_closed_total{reason="client"}"#, 1),
            (r#"gateway_streams_closed_total{reason="stalled"}"#, 2),
            (r#"gateway_streams_closed_total{reason="drained"}"#, 3),
            (r#"gateway_connections_refused_total{reason="full"}"#, 1),
            (r#"gateway_connections_refused_total{reason="address"}"#, 2),
            (
                r#"gateway_connections_refused_total{reason="descriptors"}"#,
                3,
            ),
            (r#"gateway_streams_refused_total{reason="full"}"#, 1),
            (r#"gateway_streams_refused_total{reason="address"}"#, 2),
            (r#"gateway_streams_refused_total{reason="stopping"}"#, 3),
        ];
        let text = render();
        for (series, _) in all_reasons {
            assert!(
                text.contains(&format!("\n{series} 0\n")),
                "{series}\n{text}"
            );
        }
        use {CloseReason as Close, ConnectionRefusal as Refusal, StreamRefusal as Stream};
        for (times, close, refusal, stream) in [
            (1, Close::Client, Refusal::Full, Stream::Full),
            (2, Close::Stalled, Refusal::Address, Stream::Address),
            (3, Close::Drained, Refusal::Descriptors, Stream::Stopping),
        ] {
            for _ in 0..times {
                metrics.record_stream_closed(close);
                metrics.record_connection_refused(refusal);
                metrics.record_stream_refused(stream);
            }
        }
        let text = render();
        for (series, count) in all_reasons {
            assert!(
                text.contains(&format!("\n{series} {count}\n")),
                "{series}\n{text}"
            );
        }
        for line in [
            r#"gateway_http_responses_total{route="/api/visitors/weekly",code="200"} 2"#,
            r#"gateway_http_responses_total{route="other",code="404"} 1"#,
            "gateway_streams 0",
            "gateway_streams_opened_total 0",
            "gateway_stream_frames_skipped_total 0",
            "gateway_redis_messages_refused_total 0",
            "# EOF",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
