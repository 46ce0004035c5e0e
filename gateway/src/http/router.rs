//! Routes a request to its resource and returns the response.

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

/// A resource that clients can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// A snapshot, such as `/api/visitors/weekly`.
    Snapshot(Snapshot),
    /// All snapshots of a group in one response.
    Summary(Group),
    /// Today's count.
    Today,
    /// Today's count as an event stream.
    Stream,
    /// `/livez`.
    Live,
    /// `/readyz`.
    Ready,
    /// `/health`.
    Health,
    /// `/metrics`.
    Metrics,
    /// A file of the dashboard or of the API documentation.
    Page(Asset),
}

/// The result of routing a request.
pub enum Dispatch {
    /// The response is ready.
    Ready(Response<Body>),
    /// The response needs a fresh count, or an asset that has not been encoded yet.
    Deferred(BoxFuture<'static, Response<Body>>),
    /// The head of a stream, and what follows it.
    Upgrade(Response<Body>, Start),
}

/// What follows the head of a stream.
#[derive(Debug)]
pub enum Start {
    /// The stream itself.
    Granted(StreamPermit),
    /// This block, and then the end.
    Refused(Frame),
}

impl Resource {
    /// Every resource.
    pub const ALL: [Self; FIRST_ASSET + Asset::ALL.len()] = {
        let mut all = [Self::Today; FIRST_ASSET + Asset::ALL.len()];
        let mut index = 0;
        while index < all.len() {
            all[index] = if index < OTHERS.len() {
                OTHERS[index]
            } else if index < FIRST_ASSET {
                Self::Snapshot(Snapshot::ALL[index - OTHERS.len()])
            } else {
                Self::Page(Asset::ALL[index - FIRST_ASSET])
            };
            index += 1;
        }
        all
    };

    /// Returns the resource under `path`. Paths are compared as raw bytes: nothing is decoded, and a trailing slash
    /// makes another path.
    pub fn find(path: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|resource| resource.path() == path)
    }

    /// Returns the URL path.
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
            Self::Page(asset) => asset.path(),
        }
    }

    /// Returns whether the configuration enables the resource.
    pub fn is_enabled(self, config: &Config) -> bool {
        match self {
            Self::Stream => config.streams_enabled,
            Self::Page(asset) => asset.is_enabled(config),
            _ => true,
        }
    }

    /// Returns the index in [`Self::ALL`].
    pub fn index(self) -> usize {
        match self {
            Self::Snapshot(snapshot) => OTHERS.len() + snapshot.index(),
            Self::Page(asset) => FIRST_ASSET + asset.index(),
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
/// The index of the first asset. Assets come last because they are requested least.
const FIRST_ASSET: usize = OTHERS.len() + Snapshot::ALL.len();

/// Routes a request from `peer` on a listener with this `role`. Counts and logs the response.
pub fn dispatch(
    gateway: &Arc<Gateway>,
    role: ListenerRole,
    peer: IpAddr,
    request: Request<Incoming>,
) -> Dispatch {
    let is_served =
        |resource: &Resource| role.serves(*resource) && resource.is_enabled(&gateway.config);
    let resource = Resource::find(request.uri().path()).filter(is_served);
    let response = match (request.method(), resource) {
        (_, None) => response::not_found(),
        (&Method::GET, Some(Resource::Stream)) => {
            match start_stream(gateway, peer, request.headers()) {
                Ok(start) => {
                    let head = finish(gateway, &request, resource, response::event_stream());
                    return Dispatch::Upgrade(head, start);
                }
                Err(reason) => response::too_busy(reason.detail()),
            }
        }
        (&Method::GET | &Method::HEAD, Some(found)) => {
            match respond_now(gateway, found, request.headers()) {
                Some(response) => response,
                None => {
                    return Dispatch::Deferred(Box::pin(respond_later(
                        gateway.clone(),
                        found,
                        request,
                    )));
                }
            }
        }
        (&Method::OPTIONS, Some(_)) => response::preflight(),
        (_, Some(_)) => response::method_not_allowed(),
    };
    Dispatch::Ready(finish(gateway, &request, resource, response))
}

/// Completes a response: counts it, logs it, and adds the headers that depend on the request.
fn finish(
    gateway: &Gateway,
    request: &Request<Incoming>,
    resource: Option<Resource>,
    mut response: Response<Body>,
) -> Response<Body> {
    gateway.metrics.record_response(resource, response.status());
    if gateway.config.access_log {
        access_log::log(request, resource, &mut response);
    }
    let headers = response.headers_mut();
    gateway.config.origins.allow(request.headers(), headers);
    // The gateway does not read request bodies, so a body would be taken for the next request. And a client that keeps
    // its connection to a stopping gateway would lose its next request.
    if !request.body().is_end_stream() || gateway.is_stopping() {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Returns the response, or `None` if it must wait for today's count or for the encoding of an asset.
fn respond_now(
    gateway: &Gateway,
    resource: Resource,
    request: &HeaderMap,
) -> Option<Response<Body>> {
    Some(match resource {
        Resource::Snapshot(snapshot) => snapshot_response(gateway, snapshot, request),
        Resource::Summary(group) => summary_response(gateway, group, request),
        Resource::Today => {
            let state = gateway.cache.state();
            response::today(state.today(Instant::now())?, CountSource::Cache)
        }
        // Only HEAD arrives here; it needs no permit.
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
        Resource::Page(asset) => response::asset(gateway.assets.get(asset)?, request),
    })
}

/// Waits for what [`respond_now`] lacked, and returns the response.
async fn respond_later(
    gateway: Arc<Gateway>,
    resource: Resource,
    request: Request<Incoming>,
) -> Response<Body> {
    let response = match resource {
        Resource::Page(asset) => {
            let encoded = assets::encode(gateway.clone(), asset).await;
            response::asset(&encoded, request.headers())
        }
        _ => match wait_for_count(&gateway).await {
            Some(today) => response::today(&today, CountSource::Db),
            None => response::warming(response::TODAY_WARMING, None),
        },
    };
    finish(&gateway, &request, Some(resource), response)
}

fn snapshot_response(gateway: &Gateway, snapshot: Snapshot, request: &HeaderMap) -> Response<Body> {
    match gateway.cache.state().snapshot(snapshot) {
        Some(entry) if is_served(gateway, entry) => {
            response::snapshot(entry, request, &gateway.clock)
        }
        _ => response::warming(&snapshot.warming(), None),
    }
}

/// Returns whether a cached snapshot may be served: always if it is fresh, else only with `SERVE_STALE`.
fn is_served(gateway: &Gateway, entry: &CachedResponse) -> bool {
    gateway.config.serve_stale || !entry.is_stale(&gateway.clock)
}

fn summary_response(gateway: &Gateway, group: Group, request: &HeaderMap) -> Response<Body> {
    let state = gateway.cache.state();
    let now = Instant::now();
    let is_part_served = |part| {
        let entry = state.snapshot(part);
        entry.is_some_and(|entry| is_served(gateway, entry))
    };
    if let Some(entry) = state.summary(group, now)
        && group.snapshots().all(is_part_served)
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

/// Grants or refuses a stream. An `EventSource` does not reconnect after any status but 200, so its refusal is a
/// [`Start::Refused`].
///
/// # Errors
/// The reason of a refusal, for any other client.
fn start_stream(
    gateway: &Gateway,
    peer: IpAddr,
    request: &HeaderMap,
) -> Result<Start, StreamRefused> {
    match acquire_permit(gateway, peer, request) {
        Ok(permit) => Ok(Start::Granted(permit)),
        Err(reason) => {
            gateway.metrics.record_stream_refused(reason);
            match accepts_events(request) {
                true => Ok(Start::Refused(response::refused_stream(reason.detail()))),
                false => Err(reason),
            }
        }
    }
}

fn acquire_permit(
    gateway: &Gateway,
    peer: IpAddr,
    request: &HeaderMap,
) -> Result<StreamPermit, StreamRefused> {
    if gateway.is_stopping() {
        return Err(StreamRefused::Stopping);
    }
    let client_permit = gateway.client_limiter.try_acquire_stream(peer, request);
    let permit = gateway
        .streams
        .try_acquire(client_permit.ok_or(StreamRefused::Address)?);
    permit.ok_or(StreamRefused::Full)
}

/// Returns whether `Accept` names `text/event-stream`, as every `EventSource` does.
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
    fn each_resource_is_found_only_under_its_own_path() {
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
    fn only_an_accept_header_that_names_the_type_accepts_events() {
        for (accept, expected) in [
            ("text/event-stream", true),
            ("text/html, Text/Event-Stream;q=0.5", true),
            ("*/*", false),
            ("text/*", false),
            ("text/event-streams", false),
            ("", false),
        ] {
            let accept = HeaderValue::from_static(accept);
            let request = HeaderMap::from_iter([(ACCEPT, accept.clone())]);
            assert_eq!(accepts_events(&request), expected, "{accept:?}");
        }
        assert!(!accepts_events(&HeaderMap::new()));
    }
}
