//! What is counted, and under which names: `/metrics` in the text format that Prometheus reads.
//!
//! Every name stands in this file. Counting is one atomic addition; what is known elsewhere is asked when somebody reads.

use crate::cache::state::CacheState;
use crate::http::response::{self, Body};
use crate::http::router::Resource;
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

/// The statuses that [`crate::http::router`] gives.
const STATUSES: [u16; 7] = [200, 202, 204, 304, 404, 405, 503];
/// One more than there are resources: for the paths under which there is none.
const ROUTES: usize = Resource::ALL.len() + 1;

/// Every counter of the process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    answers: Family<AnswerLabels, Counter>,
    /// The same counters, each found without a lock once it has been needed.
    known_answers: [[OnceLock<Counter>; STATUSES.len()]; ROUTES],
    streams: Gauge<u32, AtomicU32>,
    streams_limit: Gauge<u32, AtomicU32>,
    /// Streams that a hub has taken over.
    pub streams_opened: Counter,
    streams_closed: Family<ReasonLabels, Counter>,
    streams_refused: Family<ReasonLabels, Counter>,
    /// Events that were not sent because the client had not taken the one before.
    pub frames_skipped: Counter,
    /// Counts that came by message and were valid.
    pub counts_received: Counter,
    /// Messages and values of Redis that were not valid.
    pub messages_invalid: Counter,
    /// How often the worker was asked for a count.
    pub refresh_requests: Counter,
    /// From the receipt of a count to the last write of a hub.
    pub fanout: Histogram,
    refusals: Family<ReasonLabels, Counter>,
    redis_connected: Gauge<u32, AtomicU32>,
    today: Gauge<f64, AtomicU64>,
    generated: Times,
    expires: Times,
}

/// Of each snapshot that is held, in seconds since 1970: a time rather than an age, which would stand still with its gateway.
type Times = Family<SnapshotLabels, Gauge<f64, AtomicU64>>;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnswerLabels {
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
    /// Its client has gone.
    Client,
    /// Its client took nothing for too long.
    Stalled,
    /// The gateway stops.
    Drained,
}

/// Why a connection found no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalReason {
    /// All places are taken.
    Full,
    /// All that one address may have are taken.
    Address,
    /// There were no file descriptors.
    Descriptors,
}

/// Why a request for the stream got none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamRefused {
    /// `SSE_MAX_CLIENTS` streams are open.
    Full,
    /// The client's address has `MAX_PER_ADDRESS` streams.
    Address,
    /// The gateway stops.
    Stopping,
}

impl CloseReason {
    const fn reason(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Stalled => "stalled",
            Self::Drained => "drained",
        }
    }
}

impl RefusalReason {
    const fn reason(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Address => "address",
            Self::Descriptors => "descriptors",
        }
    }
}

impl StreamRefused {
    const fn reason(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Address => "address",
            Self::Stopping => "stopping",
        }
    }

    /// The reason for people, sent to the client.
    pub const fn detail(self) -> &'static str {
        match self {
            Self::Full => "all places for streams are taken",
            Self::Address => "this address has all the streams that one address may have",
            Self::Stopping => "this gateway is stopping: another one has a place",
        }
    }
}

impl From<std::io::Error> for CloseReason {
    fn from(_: std::io::Error) -> Self {
        Self::Client
    }
}

impl Metrics {
    /// All at zero.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("gateway");
        let answers = Family::default();
        let text = "Answers to requests, by route and status";
        registry.register("http_responses", text, answers.clone());
        let streams = Gauge::default();
        let text = "Streams that are open now";
        registry.register("streams", text, streams.clone());
        let streams_limit = Gauge::default();
        let text = "Streams that may be open at once";
        registry.register("streams_limit", text, streams_limit.clone());
        let streams_opened = Counter::default();
        let text = "Streams that were opened";
        registry.register("streams_opened", text, streams_opened.clone());
        let streams_closed = Family::default();
        let text = "Streams that have ended: the client went, it took nothing, the gateway stops";
        registry.register("streams_closed", text, streams_closed.clone());
        let streams_refused = Family::default();
        let text = "Requests for the stream that were refused: all places taken, all of one address taken, or stopping";
        registry.register("streams_refused", text, streams_refused.clone());
        let frames_skipped = Counter::default();
        let text = "Events not sent because the client had not taken the one before";
        registry.register("stream_frames_skipped", text, frames_skipped.clone());
        let counts_received = Counter::default();
        let text = "Counts of today that came from Redis by message";
        registry.register("redis_counts_received", text, counts_received.clone());
        let messages_invalid = Counter::default();
        let text = "Messages and values of Redis that were not valid";
        registry.register("redis_messages_refused", text, messages_invalid.clone());
        let refresh_requests = Counter::default();
        let text = "How often the worker was asked for a count, since somebody waited for one";
        registry.register("doorbell_rings", text, refresh_requests.clone());
        // From 50 µs, a stream or two, to 26 s, which is a machine that stood still.
        let fanout = Histogram::new(exponential_buckets(0.000_05, 2.0, 20));
        let text = "From the receipt of a count until all streams of a thread were sent it";
        registry.register_with_unit("fanout_duration", text, Unit::Seconds, fanout.clone());
        let refusals = Family::default();
        let text = "Connections that found no place";
        registry.register("connections_refused", text, refusals.clone());
        let redis_connected = Gauge::default();
        let text = "Whether Redis answered when it was last asked";
        registry.register("redis_connected", text, redis_connected.clone());
        let today = Gauge::default();
        let text = "When the newest count of today was made, as Unix time; 0 before the first";
        registry.register("today_timestamp_seconds", text, today.clone());
        let generated = Times::default();
        let text = "When the figures of a snapshot were read, as Unix time";
        registry.register("snapshot_timestamp_seconds", text, generated.clone());
        let expires = Times::default();
        let text = "Until when a snapshot counts as fresh, as Unix time";
        registry.register("snapshot_expires_timestamp_seconds", text, expires.clone());
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "Which gateway this is", build);
        Self {
            registry,
            answers,
            known_answers: Default::default(),
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

    /// Counts an answer.
    pub fn record_response(&self, resource: Option<Resource>, status: StatusCode) {
        let known = STATUSES.iter().position(|known| *known == status.as_u16());
        let route = resource.map_or(ROUTES - 1, Resource::index);
        let find = || {
            let labels = AnswerLabels {
                route: resource.map_or("other", Resource::path),
                code: status.as_u16(),
            };
            self.answers.get_or_create_owned(&labels)
        };
        match known {
            Some(status) => self.known_answers[route][status].get_or_init(find).inc(),
            None => find().inc(),
        };
    }

    /// Counts a stream that has ended.
    pub fn record_stream_closed(&self, reason: CloseReason) {
        let reason = reason.reason();
        let counter = self.streams_closed.get_or_create(&ReasonLabels { reason });
        counter.inc();
    }

    /// Counts a request for the stream that was refused, whatever it was answered.
    pub fn stream_refused(&self, reason: StreamRefused) {
        let reason = reason.reason();
        let counter = self.streams_refused.get_or_create(&ReasonLabels { reason });
        counter.inc();
    }

    fn note(&self, snapshot: Snapshot, generated_at: Timestamp, ttl: Duration) {
        let labels = SnapshotLabels {
            snapshot: snapshot.name(),
        };
        let generated = since_1970(generated_at);
        let gauge = self.generated.get_or_create(&labels);
        gauge.set(generated.as_secs_f64());
        let gauge = self.expires.get_or_create(&labels);
        gauge.set((generated + ttl).as_secs_f64());
    }

    /// Counts a connection that found no place.
    pub fn record_refusal(&self, reason: RefusalReason) {
        let reason = reason.reason();
        let counter = self.refusals.get_or_create(&ReasonLabels { reason });
        counter.inc();
    }

    /// All of it as text, with the streams that are open now and what is held.
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
                self.note(snapshot, entry.generated_at, ttl);
            }
        }
        let mut report = String::new();
        let written = text::encode(&mut report, &self.registry);
        written.expect("memory takes what is written to it");
        response::metrics(report)
    }
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
    fn names_and_labels_are_as_dashboards_know_them() {
        let metrics = Metrics::new();
        metrics.record_response(Resource::find("/api/visitors/weekly"), StatusCode::OK);
        metrics.record_response(Resource::find("/api/visitors/weekly"), StatusCode::OK);
        metrics.record_response(None, StatusCode::NOT_FOUND);
        metrics.record_stream_closed(CloseReason::Stalled);
        metrics.record_refusal(RefusalReason::Full);
        metrics.stream_refused(StreamRefused::Stopping);
        let mut text = String::new();
        text::encode(&mut text, &metrics.registry).unwrap();
        for line in [
            r#"gateway_http_responses_total{route="/api/visitors/weekly",code="200"} 2"#,
            r#"gateway_http_responses_total{route="other",code="404"} 1"#,
            "gateway_streams 0",
            "gateway_streams_opened_total 0",
            r#"gateway_streams_closed_total{reason="stalled"} 1"#,
            r#"gateway_streams_refused_total{reason="stopping"} 1"#,
            "gateway_stream_frames_skipped_total 0",
            "gateway_redis_messages_refused_total 0",
            r#"gateway_connections_refused_total{reason="full"} 1"#,
            "# EOF",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
