//! Describes each resource: its meaning and all its responses.

use crate::cache::cached_count::{self, CountSource};
use crate::cache::representation::Representation;
use crate::cache::state::CacheState;
use crate::failures::Failures;
use crate::http::assets;
use crate::http::badge;
use crate::http::frame_ancestors::FrameAncestors;
use crate::http::health::{self, Health, Probe};
use crate::http::resource::{Asset, Resource};
use crate::http::response::{self, Problem, Warming};
use crate::library::content::encode_logo;
use crate::library::information::LibraryInformation;
use crate::library::logo::LogoFormat;
use crate::metrics::Metrics;
use crate::openapi::examples;
use crate::openapi::figures::{self, envelope_name, reference};
use crate::openapi::responses::ResponseSpec;
use crate::sse::permits::StreamPermits;
use bytes::Bytes;
use hyper::header::{HeaderMap, HeaderValue, IF_NONE_MATCH};
use shared::catalog::{Group, Snapshot};
use tokio::time::Instant;
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};

/// The header with the `ETag` of what the client has.
pub const IF_NONE: &str = "If-None-Match";
/// The header with the time of what the client has.
pub const IF_MODIFIED: &str = "If-Modified-Since";
/// The header with the encodings that the client accepts.
pub const ACCEPT: &str = "Accept-Encoding";
/// The tag of today's count.
pub const LIVE: &str = "live";
/// The tag of what the library says about itself.
pub const LIBRARY: &str = "library";
/// The tag of all other resources.
pub const OPERATIONS: &str = "operations";
const STREAM: &str = include_str!("../../docs/stream.md");

/// The description of a resource.
pub struct OperationSpec {
    /// The operation id without `get`.
    pub id: String,
    /// The tag of its operation.
    pub tag: &'static str,
    /// The summary in a few words.
    pub summary: String,
    /// The meaning of the resource.
    pub description: String,
    /// The names of the request headers that have an effect.
    pub parameters: &'static [&'static str],
    /// The responses that are specific to the resource.
    pub responses: Vec<ResponseSpec>,
}

/// Returns the tag of a group's figures.
pub fn group_tag(group: Group) -> &'static str {
    match group {
        Group::Visitors => "visitors",
        Group::Books => "books",
        Group::Members => "members",
    }
}

/// Returns the description of a resource; `None` for the files that a page loads, which are not part of the API, and for
/// CSVs, which [`crate::openapi::csv`] describes.
pub fn operation_spec(resource: Resource) -> Option<OperationSpec> {
    Some(match resource {
        Resource::Snapshot(snapshot) => snapshot_spec(snapshot),
        Resource::Csv(_) => return None,
        Resource::Summary(group) => summary_spec(group),
        Resource::Today => today_spec(),
        Resource::Stream => stream_spec(),
        Resource::Badge => badge_spec(),
        Resource::Library => library_spec(),
        Resource::Logo => logo_spec(),
        Resource::Page(asset) => asset_spec(asset)?,
        Resource::Live => live_spec(),
        Resource::Ready => ready_spec(),
        Resource::Health => health_spec(),
        Resource::Metrics => metrics_spec(),
    })
}

fn snapshot_spec(snapshot: Snapshot) -> OperationSpec {
    let (state, clock) = (examples::state(), examples::clock());
    let entry = state.snapshot(snapshot).expect("the example is complete");
    let mut responses = cacheable_responses(
        |request| response::snapshot(entry, &entry.representations, request, &clock),
        reference(envelope_name(snapshot)),
    );
    responses.push(warming(&snapshot.warming()));
    OperationSpec {
        id: figures::data_name(snapshot).to_owned(),
        tag: group_tag(snapshot.group()),
        summary: snapshot.title(),
        description: snapshot.meaning().to_owned(),
        parameters: &[IF_NONE, IF_MODIFIED, ACCEPT],
        responses,
    }
}

fn summary_spec(group: Group) -> OperationSpec {
    let (state, clock) = (examples::state(), examples::clock());
    let entry = state.summary(group, Instant::now());
    let entry = entry.expect("the example is complete");
    let mut responses = cacheable_responses(
        |request| response::snapshot(entry, &entry.representations, request, &clock),
        reference(figures::summary_name(group)),
    );
    let tag = group_tag(group);
    let (message, more, parameters) = match group {
        Group::Visitors => (
            response::VISITORS_WARMING,
            " It changes with each count; `today` is null while the count is unknown.",
            &[IF_NONE, ACCEPT][..],
        ),
        Group::Books => (
            response::BOOKS_WARMING,
            "",
            &[IF_NONE, IF_MODIFIED, ACCEPT][..],
        ),
        Group::Members => (
            response::MEMBERS_WARMING,
            "",
            &[IF_NONE, IF_MODIFIED, ACCEPT][..],
        ),
    };
    responses.push(warming(message));
    OperationSpec {
        id: figures::summary_name(group).to_owned(),
        tag,
        summary: format!("All figures of {tag}"),
        description: format!(
            "The `data` of each figure of {tag} in one response, for a dashboard that starts.{more}"
        ),
        parameters,
        responses,
    }
}

fn today_spec() -> OperationSpec {
    let description = "The visits of today so far, from memory. If no count is known, the response waits for a fresh one, at most a \
         second. Use the stream to show the count as it changes.";
    OperationSpec {
        id: "Today".to_owned(),
        tag: LIVE,
        summary: "Today's visitors".to_owned(),
        description: description.to_owned(),
        parameters: &[],
        responses: vec![
            ResponseSpec {
                response: response::today(&examples::today(), CountSource::Cache),
                description: "The count.",
                schema: Some(reference(cached_count::TodayResponse::name())),
            },
            warming(response::TODAY_WARMING),
        ],
    }
}

fn stream_spec() -> OperationSpec {
    OperationSpec {
        id: "TodayStream".to_owned(),
        tag: LIVE,
        summary: "Today's visitors, live, and notices of changed figures".to_owned(),
        description: STREAM.to_owned(),
        parameters: &[],
        responses: vec![ResponseSpec {
            response: response::event_stream().map(|_| examples::events().into()),
            description: "Events, until one side closes the connection. If the stream is refused and the request's `Accept` names \
                   `text/event-stream`: a `retry`, a comment with the reason, and the end.",
            schema: Some(text("text/event-stream")),
        }],
    }
}

fn badge_spec() -> OperationSpec {
    let picture = badge::encode(Some(examples::today().count.total));
    OperationSpec {
        id: "Badge".to_owned(),
        tag: LIVE,
        summary: "Today's visitors as a picture".to_owned(),
        description: "A small SVG for other web pages: `<img src=\"…/badge.svg\" alt=\"\">`. While the count is unknown, it \
             shows a dash. A browser asks for it when the page is loaded."
            .to_owned(),
        parameters: &[IF_NONE, ACCEPT],
        responses: cacheable_responses(
            |request| response::asset(&picture, request),
            text("image/svg+xml"),
        ),
    }
}

fn library_spec() -> OperationSpec {
    let library = examples::library();
    OperationSpec {
        id: "Library".to_owned(),
        tag: LIBRARY,
        summary: "Name, opening hours and notices".to_owned(),
        description: "The content of the operator's `LIBRARY_FILE`; `{}` if there is none. It is read again within 5 s of a \
             change. Clients leave out the notices of other days."
            .to_owned(),
        parameters: &[IF_NONE, ACCEPT],
        responses: cacheable_responses(
            |request| response::asset(&library.information, request),
            reference(LibraryInformation::name()),
        ),
    }
}

fn logo_spec() -> OperationSpec {
    let logo = |format: LogoFormat| {
        let encoded = encode_logo(format, &Bytes::new());
        let respond = |request: &HeaderMap| response::asset(&encoded, request);
        cacheable_responses(respond, text(format.content_type()))
    };
    let mut responses = logo(LogoFormat::Svg);
    responses.extend(logo(LogoFormat::Png));
    responses.push(ResponseSpec {
        response: response::not_found(),
        description: "The library has no logo.",
        schema: Some(reference(Problem::name())),
    });
    OperationSpec {
        id: "Logo".to_owned(),
        tag: LIBRARY,
        summary: "Logo".to_owned(),
        description: "The logo that `LIBRARY_FILE` names.".to_owned(),
        parameters: &[IF_NONE, ACCEPT],
        responses,
    }
}

fn asset_spec(asset: Asset) -> Option<OperationSpec> {
    let (id, summary, description) = match asset {
        Asset::Dashboard(_) if asset.path() == "/" => (
            "Dashboard",
            "The dashboard",
            "A page that shows all figures.",
        ),
        Asset::Docs => ("Docs", "This document, for people", "Swagger UI."),
        Asset::Document => (
            "Document",
            "This document, for machines",
            "OpenAPI 3.1. It describes what this gateway serves.",
        ),
        Asset::Dashboard(_) | Asset::DocsScript | Asset::DocsStyle => return None,
    };
    let schema = match asset {
        Asset::Document => ObjectBuilder::new().schema_type(Type::Object).into(),
        asset => text(asset.content_type()),
    };
    let encoded = Representation::encode_all(
        &Bytes::new(),
        &assets::headers(asset, &FrameAncestors::default()),
    );
    Some(OperationSpec {
        id: id.to_owned(),
        tag: OPERATIONS,
        summary: summary.to_owned(),
        description: description.to_owned(),
        parameters: &[IF_NONE, ACCEPT],
        responses: cacheable_responses(|request| response::asset(&encoded, request), schema),
    })
}

fn live_spec() -> OperationSpec {
    OperationSpec {
        id: "Liveness".to_owned(),
        tag: OPERATIONS,
        summary: "Liveness probe".to_owned(),
        description: "Checks only that the process responds; it does not depend on Redis."
            .to_owned(),
        parameters: &[],
        responses: vec![ResponseSpec {
            response: health::live(),
            description: "The process responds.",
            schema: Some(reference(Probe::name())),
        }],
    }
}

fn ready_spec() -> OperationSpec {
    let unready = response::unavailable("Redis has not responded since this gateway started");
    OperationSpec {
        id: "Readiness".to_owned(),
        tag: OPERATIONS,
        summary: "Readiness probe".to_owned(),
        description: "For load balancers. Missing figures do not make a gateway unready."
            .to_owned(),
        parameters: &[],
        responses: vec![
            ResponseSpec {
                response: health::ready_response(),
                description: "The gateway can serve.",
                schema: Some(reference(Probe::name())),
            },
            ResponseSpec {
                response: unready,
                description: "Redis has not responded since the gateway started, or the gateway is stopping.",
                schema: Some(reference(Problem::name())),
            },
        ],
    }
}

fn health_spec() -> OperationSpec {
    OperationSpec {
        id: "Health".to_owned(),
        tag: OPERATIONS,
        summary: "Health report".to_owned(),
        description: "For people and alerts: what the gateway has in its cache, how old it is, and what fails at present.".to_owned(),
        parameters: &[],
        responses: vec![ResponseSpec {
            response: health::report(&examples::state(), &Failures::default(), &examples::clock()),
            description: "Always 200, whatever the report says.",
            schema: Some(reference(Health::name())),
        }],
    }
}

fn metrics_spec() -> OperationSpec {
    OperationSpec {
        id: "Metrics".to_owned(),
        tag: OPERATIONS,
        summary: "Metrics".to_owned(),
        description: "For Prometheus. Times instead of ages, so that missing updates are visible."
            .to_owned(),
        parameters: &[],
        responses: vec![ResponseSpec {
            response: Metrics::new().report(&StreamPermits::new(1, 0).0, &CacheState::default()),
            description: "OpenMetrics text.",
            schema: Some(text("application/openmetrics-text")),
        }],
    }
}

/// Returns the responses of a resource with an `ETag`: 200 and 304.
pub fn cacheable_responses(
    respond: impl Fn(&HeaderMap) -> hyper::Response<response::Body>,
    schema: RefOr<Schema>,
) -> Vec<ResponseSpec> {
    let no_headers = HeaderMap::new();
    let any_tag = [(IF_NONE_MATCH, HeaderValue::from_static("*"))];
    vec![
        ResponseSpec {
            response: respond(&no_headers),
            description: "The complete body.",
            schema: Some(schema),
        },
        ResponseSpec {
            response: respond(&any_tag.into_iter().collect()),
            description: "Not modified: your copy is current.",
            schema: None,
        },
    ]
}

/// Returns the 202 of a figure.
pub fn warming(message: &str) -> ResponseSpec {
    ResponseSpec {
        response: response::warming(message, None),
        description: "There is no figure yet; `message` says why. Retry after the time in `Retry-After`.",
        schema: Some(reference(Warming::name())),
    }
}

/// Returns the schema of a text.
pub fn text(media_type: &str) -> RefOr<Schema> {
    let text = ObjectBuilder::new().schema_type(Type::String);
    text.content_media_type(media_type).into()
}
