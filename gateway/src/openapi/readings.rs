//! Every resource as it can be read: what it means, and each of its answers.

use crate::cache::cached_count::{self, CountSource};
use crate::cache::representation::Representation;
use crate::cache::state::CacheState;
use crate::failures::Failures;
use crate::http::assets::Asset;
use crate::http::health::{self, Probe, Report};
use crate::http::response::{self, Problem, Warming};
use crate::http::router::Resource;
use crate::metrics::Metrics;
use crate::openapi::answers::Answer;
use crate::openapi::examples;
use crate::openapi::figures::{self, reference, whole};
use crate::openapi::operations::{ACCEPT, IF_MODIFIED, IF_NONE};
use crate::sse::permits::StreamPermits;
use bytes::Bytes;
use hyper::header::{HeaderMap, HeaderValue, IF_NONE_MATCH};
use shared::catalog::{Group, Snapshot};
use tokio::time::Instant;
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};

/// The tag of today's count.
pub const LIVE: &str = "live";
/// The tag of what is not a figure.
pub const OPERATIONS: &str = "operations";
const STREAM: &str = include_str!("../../docs/stream.md");

/// How a resource is read.
pub struct Reading {
    /// What its operations are called, behind `get`, `head` and `options`.
    pub id: String,
    /// What it belongs to.
    pub tag: &'static str,
    /// In a few words.
    pub summary: String,
    /// What it means.
    pub says: String,
    /// The headers of a request that matter.
    pub parameters: &'static [&'static str],
    /// Each that it gives.
    pub answers: Vec<Answer>,
}

/// The tag of a group's figures.
pub fn of_group(group: Group) -> &'static str {
    match group {
        Group::Visitors => "visitors",
        Group::Books => "books",
    }
}

/// A resource; one without an entry here does not compile.
pub fn reading(resource: Resource) -> Reading {
    match resource {
        Resource::Snapshot(snapshot) => of_snapshot(snapshot),
        Resource::Summary(group) => of_summary(group),
        Resource::Today => of_today(),
        Resource::Stream => of_stream(),
        Resource::Page(page) => of_page(page),
        Resource::Live => of_live(),
        Resource::Ready => of_ready(),
        Resource::Health => of_health(),
        Resource::Metrics => of_metrics(),
    }
}

fn of_snapshot(snapshot: Snapshot) -> Reading {
    let (state, clock) = (examples::state(), examples::clock());
    let entry = state.snapshot(snapshot).expect("the example has all");
    let mut answers = kept(
        |request| response::snapshot(entry, request, &clock),
        reference(whole(snapshot)),
    );
    answers.push(warming(&snapshot.warming()));
    Reading {
        id: figures::name(snapshot).to_owned(),
        tag: of_group(snapshot.group()),
        summary: snapshot.title(),
        says: snapshot.meaning().to_owned(),
        parameters: &[IF_NONE, IF_MODIFIED, ACCEPT],
        answers,
    }
}

fn of_summary(group: Group) -> Reading {
    let (state, clock) = (examples::state(), examples::clock());
    let entry = state.summary(group, Instant::now());
    let entry = entry.expect("the example has all");
    let mut answers = kept(
        |request| response::snapshot(entry, request, &clock),
        reference(figures::summary_name(group)),
    );
    let tag = of_group(group);
    let (message, more, parameters) = match group {
        Group::Visitors => (
            response::VISITORS_WARMING,
            " It changes with each count; `today` is null while the count is not known.",
            &[IF_NONE, ACCEPT][..],
        ),
        Group::Books => (
            response::BOOKS_WARMING,
            "",
            &[IF_NONE, IF_MODIFIED, ACCEPT][..],
        ),
    };
    answers.push(warming(message));
    Reading {
        id: figures::summary_name(group).to_owned(),
        tag,
        summary: format!("All figures of {tag}"),
        says: format!(
            "The `data` of each figure of {tag}, side by side, for a dashboard that starts.{more}"
        ),
        parameters,
        answers,
    }
}

fn of_today() -> Reading {
    let says = "How many have come today. It is kept in memory; when no count is known, the answer waits for a fresh one, a second at \
         most. To show it as it changes, use the stream.";
    Reading {
        id: "Today".to_owned(),
        tag: LIVE,
        summary: "Today's visitors".to_owned(),
        says: says.to_owned(),
        parameters: &[],
        answers: vec![
            Answer {
                real: response::today(&examples::today(), CountSource::Cache),
                says: "The count.",
                schema: Some(reference(cached_count::Answer::name())),
            },
            warming(response::TODAY_WARMING),
        ],
    }
}

fn of_stream() -> Reading {
    Reading {
        id: "TodayStream".to_owned(),
        tag: LIVE,
        summary: "Today's visitors as they come, and which figures have changed".to_owned(),
        says: STREAM.to_owned(),
        parameters: &[],
        answers: vec![Answer {
            real: response::event_stream().map(|_| examples::events().into()),
            says: "Events, until one side ends it. To a client whose `Accept` names `text/event-stream` also when there is no place: then \
                   a `retry` and a comment with the reason, and the end.",
            schema: Some(text("text/event-stream")),
        }],
    }
}

fn of_page(page: Asset) -> Reading {
    let (id, summary, says) = match page {
        Asset::Dashboard => (
            "Dashboard",
            "The dashboard",
            "A page that shows all figures.",
        ),
        Asset::SharedStream => (
            "SharedStream",
            "A script of the dashboard",
            "Its shared worker: one stream for all tabs of a browser.",
        ),
        Asset::Docs => ("Docs", "This document, to read", "Swagger UI."),
        Asset::Document => (
            "Document",
            "This document, for machines",
            "OpenAPI 3.1, of what this very gateway serves.",
        ),
        Asset::DocsScript => ("DocsScript", "The script of `/docs`", "Swagger UI."),
        Asset::DocsStyle => ("DocsStyle", "The style of `/docs`", "Swagger UI."),
    };
    let schema = match page {
        Asset::Document => ObjectBuilder::new().schema_type(Type::Object).into(),
        page => text(page.content_type()),
    };
    let encoded = Representation::encode_all(&Bytes::new(), &page.headers());
    Reading {
        id: id.to_owned(),
        tag: OPERATIONS,
        summary: summary.to_owned(),
        says: says.to_owned(),
        parameters: &[IF_NONE, ACCEPT],
        answers: kept(|request| response::asset(&encoded, request), schema),
    }
}

fn of_live() -> Reading {
    Reading {
        id: "Liveness".to_owned(),
        tag: OPERATIONS,
        summary: "Whether the process turns".to_owned(),
        says: "Asks nobody.".to_owned(),
        parameters: &[],
        answers: vec![Answer {
            real: health::live(),
            says: "It does.",
            schema: Some(reference(Probe::name())),
        }],
    }
}

fn of_ready() -> Reading {
    let unready = response::unavailable("this gateway has not heard from Redis yet");
    Reading {
        id: "Readiness".to_owned(),
        tag: OPERATIONS,
        summary: "Whether it can serve".to_owned(),
        says: "For balancers. A missing figure is no reason to be unready.".to_owned(),
        parameters: &[],
        answers: vec![
            Answer {
                real: health::ready_response(),
                says: "It has heard from Redis.",
                schema: Some(reference(Probe::name())),
            },
            Answer {
                real: unready,
                says: "It has not heard from Redis since it started, or it has been told to stop.",
                schema: Some(reference(Problem::name())),
            },
        ],
    }
}

fn of_health() -> Reading {
    Reading {
        id: "Health".to_owned(),
        tag: OPERATIONS,
        summary: "How it is".to_owned(),
        says: "For people and alerts: what is held, and how old it is.".to_owned(),
        parameters: &[],
        answers: vec![Answer {
            real: health::report(&examples::state(), &Failures::default(), &examples::clock()),
            says: "Always, whatever it tells.",
            schema: Some(reference(Report::name())),
        }],
    }
}

fn of_metrics() -> Reading {
    Reading {
        id: "Metrics".to_owned(),
        tag: OPERATIONS,
        summary: "What is counted".to_owned(),
        says: "For Prometheus. Times, not ages, so that what no longer comes is seen to age."
            .to_owned(),
        parameters: &[],
        answers: vec![Answer {
            real: Metrics::new().report(&StreamPermits::new(1, 0).0, &CacheState::default()),
            says: "OpenMetrics text.",
            schema: Some(text("application/openmetrics-text")),
        }],
    }
}

/// The answers of what a client may keep: all of it, and that it is the same.
fn kept(
    answer: impl Fn(&HeaderMap) -> hyper::Response<response::Body>,
    schema: RefOr<Schema>,
) -> Vec<Answer> {
    let nothing = HeaderMap::new();
    let any = [(IF_NONE_MATCH, HeaderValue::from_static("*"))];
    vec![
        Answer {
            real: answer(&nothing),
            says: "All of it.",
            schema: Some(schema),
        },
        Answer {
            real: answer(&any.into_iter().collect()),
            says: "It is what you have.",
            schema: None,
        },
    ]
}

fn warming(message: &str) -> Answer {
    Answer {
        real: response::warming(message, None),
        says: "It is being made for the first time: ask again after the time that `Retry-After` tells.",
        schema: Some(reference(Warming::name())),
    }
}

fn text(media_type: &str) -> RefOr<Schema> {
    let text = ObjectBuilder::new().schema_type(Type::String);
    text.content_media_type(media_type).into()
}
