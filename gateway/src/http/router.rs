//! From a request to its answer.

use crate::Gateway;
use crate::cache::cached_count::CountSource;
use crate::cache::cached_response::CachedResponse;
use crate::config::Config;
use crate::http::assets::{self, Asset};
use crate::http::listener_role::ListenerRole;
use crate::http::response::Body;
use crate::http::{access_log, health, response};
use crate::metrics::StreamRefused;
use crate::redis::refresh_request::wait_for_count;
use crate::sse::frame::Frame;
use crate::sse::permits::StreamPermit;
use futures_util::future::BoxFuture;
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::header::{ACCEPT, CONNECTION, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response};
use shared::catalog::{Group, Snapshot};
use std::net::IpAddr;
use std::sync::Arc;
use tokio::time::Instant;

/// What can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// One figure.
    Snapshot(Snapshot),
    /// All of a group.
    Summary(Group),
    /// Today's count.
    Today,
    /// Today's count as it changes.
    Stream,
    /// `/livez`.
    Live,
    /// `/readyz`.
    Ready,
    /// `/health`.
    Health,
    /// `/metrics`.
    Metrics,
    /// What people look at.
    Page(Asset),
}

/// What a request gets.
pub enum Dispatch {
    /// All of it, at once.
    Ready(Response<Body>),
    /// All of it, when a count has come or has not, or once a page that nobody has asked for yet has been encoded.
    Deferred(BoxFuture<'static, Response<Body>>),
    /// The head of a stream, and how it goes on.
    Upgrade(Response<Body>, Start),
}

/// How a stream goes on after its head.
#[derive(Debug)]
pub enum Start {
    /// It is served.
    Granted(StreamPermit),
    /// It ends after this block.
    RefusalReason(Frame),
}

impl Resource {
    /// Everything that can be read.
    pub const ALL: [Self; PAGES + Asset::ALL.len()] = {
        let mut all = [Self::Today; PAGES + Asset::ALL.len()];
        let mut index = 0;
        while index < all.len() {
            all[index] = if index < OTHERS.len() {
                OTHERS[index]
            } else if index < PAGES {
                Self::Snapshot(Snapshot::ALL[index - OTHERS.len()])
            } else {
                Self::Page(Asset::ALL[index - PAGES])
            };
            index += 1;
        }
        all
    };

    /// What is under a path. Paths are compared as they came: nothing is decoded, and a slash at the end is another path.
    pub fn find(path: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|resource| resource.path() == path)
    }

    /// Where it is.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Snapshot(snapshot) => snapshot.path(),
            Self::Summary(group) => group.summary_path(),
            Self::Today => "/api/visitors/today",
            Self::Stream => "/api/visitors/today/stream",
            Self::Live => "/livez",
            Self::Ready => "/readyz",
            Self::Health => "/health",
            Self::Metrics => "/metrics",
            Self::Page(page) => page.path(),
        }
    }

    /// Whether it is wanted.
    pub fn is_enabled(self, config: &Config) -> bool {
        match self {
            Self::Stream => config.streams_enabled,
            Self::Page(page) => page.is_enabled(config),
            _ => true,
        }
    }

    /// Its place in [`Self::ALL`].
    pub fn index(self) -> usize {
        match self {
            Self::Snapshot(snapshot) => OTHERS.len() + snapshot.index(),
            Self::Page(page) => PAGES + page.index(),
            other => OTHERS
                .iter()
                .position(|resource| *resource == other)
                .unwrap_or(0),
        }
    }
}

const OTHERS: [Resource; 8] = [
    Resource::Today,
    Resource::Summary(Group::Visitors),
    Resource::Summary(Group::Books),
    Resource::Stream,
    Resource::Live,
    Resource::Ready,
    Resource::Health,
    Resource::Metrics,
];
/// Where pages begin: last, since they are asked for least.
const PAGES: usize = OTHERS.len() + Snapshot::ALL.len();

/// Answers any request that came on a connection of `peer` to a port with this `role`, and counts the answer.
pub fn dispatch(
    gateway: &Arc<Gateway>,
    role: ListenerRole,
    peer: IpAddr,
    request: Request<Incoming>,
) -> Dispatch {
    let enabled =
        |resource: &Resource| role.serves(*resource) && resource.is_enabled(&gateway.config);
    let resource = Resource::find(request.uri().path()).filter(enabled);
    let answer = match (request.method(), resource) {
        (_, None) => response::not_found(),
        (&Method::GET, Some(Resource::Stream)) => {
            match start_stream(gateway, peer, request.headers()) {
                Ok(start) => {
                    let head = finish(gateway, &request, resource, response::event_stream());
                    return Dispatch::Upgrade(head, start);
                }
                Err(refused) => response::too_busy(refused.detail()),
            }
        }
        (&Method::GET | &Method::HEAD, Some(found)) => {
            match read(gateway, found, request.headers()) {
                Some(answer) => answer,
                None => {
                    return Dispatch::Deferred(Box::pin(awaited(gateway.clone(), found, request)));
                }
            }
        }
        (&Method::OPTIONS, Some(_)) => response::preflight(),
        (_, Some(_)) => response::method_not_allowed(),
    };
    Dispatch::Ready(finish(gateway, &request, resource, answer))
}

/// What all answers have in common.
fn finish(
    gateway: &Gateway,
    request: &Request<Incoming>,
    resource: Option<Resource>,
    mut answer: Response<Body>,
) -> Response<Body> {
    gateway.metrics.record_response(resource, answer.status());
    if gateway.config.access_log {
        access_log::log(request, resource, &mut answer);
    }
    let headers = answer.headers_mut();
    gateway.config.origins.allow(request.headers(), headers);
    // A body is not read, so that what follows on this connection would be taken for a request; and who keeps its
    // connection to a gateway that stops would lose its next request.
    if !request.body().is_end_stream() || gateway.is_stopping() {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

/// `None` for what is to be waited for: today's count when there is none, a page that nobody has asked for yet.
fn read(gateway: &Gateway, resource: Resource, request: &HeaderMap) -> Option<Response<Body>> {
    Some(match resource {
        Resource::Snapshot(snapshot) => snapshot_answer(gateway, snapshot, request),
        Resource::Summary(group) => summary_answer(gateway, group, request),
        Resource::Today => {
            let state = gateway.cache.state();
            response::today(state.today(Instant::now())?, CountSource::Cache)
        }
        // To HEAD, which takes no place.
        Resource::Stream => response::event_stream(),
        Resource::Live => health::live(),
        Resource::Ready => health::ready(gateway),
        Resource::Health => {
            health::report(&gateway.cache.state(), &gateway.failures, &gateway.clock)
        }
        Resource::Metrics => {
            let state = gateway.cache.state();
            gateway.metrics.report(&gateway.streams, &state)
        }
        Resource::Page(page) => response::asset(gateway.assets.ready(page)?, request),
    })
}

async fn awaited(
    gateway: Arc<Gateway>,
    resource: Resource,
    request: Request<Incoming>,
) -> Response<Body> {
    let answer = match resource {
        Resource::Page(page) => {
            let encoded = assets::encode(gateway.clone(), page).await;
            response::asset(&encoded, request.headers())
        }
        _ => match wait_for_count(&gateway).await {
            Some(today) => response::today(&today, CountSource::Db),
            None => response::warming(response::TODAY_WARMING, None),
        },
    };
    finish(&gateway, &request, Some(resource), answer)
}

fn snapshot_answer(gateway: &Gateway, snapshot: Snapshot, request: &HeaderMap) -> Response<Body> {
    match gateway.cache.state().snapshot(snapshot) {
        Some(entry) if is_served(gateway, entry) => {
            response::snapshot(entry, request, &gateway.clock)
        }
        _ => response::warming(&snapshot.warming(), None),
    }
}

/// Whether a copy may be shown: past its time only where that is wanted.
fn is_served(gateway: &Gateway, entry: &CachedResponse) -> bool {
    gateway.config.serve_stale || !entry.is_stale(&gateway.clock)
}

fn summary_answer(gateway: &Gateway, group: Group, request: &HeaderMap) -> Response<Body> {
    let state = gateway.cache.state();
    let now = Instant::now();
    let is_served = |part| {
        let entry = state.snapshot(part);
        entry.is_some_and(|entry| is_served(gateway, entry))
    };
    if let Some(entry) = state.summary(group, now)
        && group.snapshots().all(is_served)
    {
        return response::snapshot(entry, request, &gateway.clock);
    }
    match group {
        Group::Visitors => {
            let today = state.today(now).map(AsRef::as_ref);
            response::warming(response::VISITORS_WARMING, today)
        }
        Group::Books => response::warming(response::BOOKS_WARMING, None),
    }
}

/// Grants a stream, or refuses it in the way that its client understands: an `EventSource` never comes back after any status
/// but 200. The error is for other clients.
fn start_stream(
    gateway: &Gateway,
    peer: IpAddr,
    request: &HeaderMap,
) -> Result<Start, StreamRefused> {
    match stream_place(gateway, peer, request) {
        Ok(place) => Ok(Start::Granted(place)),
        Err(refused) => {
            gateway.metrics.stream_refused(refused);
            match accepts_events(request) {
                true => Ok(Start::RefusalReason(response::refused_stream(
                    refused.detail(),
                ))),
                false => Err(refused),
            }
        }
    }
}

fn stream_place(
    gateway: &Gateway,
    peer: IpAddr,
    request: &HeaderMap,
) -> Result<StreamPermit, StreamRefused> {
    if gateway.is_stopping() {
        return Err(StreamRefused::Stopping);
    }
    let of_address = gateway.client_limiter.try_acquire_stream(peer, request);
    let place = gateway
        .streams
        .try_acquire(of_address.ok_or(StreamRefused::Address)?);
    place.ok_or(StreamRefused::Full)
}

/// Whether `Accept` names `text/event-stream`, as that of every `EventSource` does.
fn accepts_events(request: &HeaderMap) -> bool {
    let lines = request.get_all(ACCEPT).into_iter();
    let ranges = lines.flat_map(|line| line.to_str().unwrap_or_default().split(','));
    ranges
        .filter_map(|range| range.split(';').next())
        .any(|range| range.trim().eq_ignore_ascii_case("text/event-stream"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_resource_is_found_under_its_path_alone() {
        for (index, resource) in Resource::ALL.into_iter().enumerate() {
            assert_eq!(Resource::find(resource.path()), Some(resource));
            assert_eq!(resource.index(), index);
        }
        for path in [
            "",
            "//",
            "*",
            "/api/visitors/weekly/",
            "//api/visitors/weekly",
            "/api/visitors/Weekly",
            "/api/visitors/week%6cy",
            "/api",
            "/health/",
        ] {
            assert_eq!(Resource::find(path), None, "{path}");
        }
    }

    #[test]
    fn only_an_accept_that_names_the_type_is_an_event_source() {
        for (accept, names) in [
            ("text/event-stream", true),
            ("text/html, Text/Event-Stream;q=0.5", true),
            ("*/*", false),
            ("text/*", false),
            ("text/event-streams", false),
            ("", false),
        ] {
            let accept = HeaderValue::from_static(accept);
            let request = HeaderMap::from_iter([(ACCEPT, accept.clone())]);
            assert_eq!(accepts_events(&request), names, "{accept:?}");
        }
        assert!(!accepts_events(&HeaderMap::new()));
    }
}
