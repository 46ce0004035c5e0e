//! Routes a request to its resource and returns the response.

use crate::cache::cached_count::{CachedCount, CountSource};
use crate::cache::cached_response::CachedResponse;
use crate::cache::representation::Representation;
use crate::http::listener_role::{ListenerRole, is_enabled};
use crate::http::resource::{Asset, Resource};
use crate::http::response::Body;
use crate::http::{access_log, badge, health, response};
use crate::metrics::StreamRefusal;
use crate::sse::frame::Frame;
use crate::sse::permits::StreamPermit;
use crate::state::Gateway;
use futures_util::future::BoxFuture;
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::header::{ACCEPT, CONNECTION, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response};
use shared::catalog::{Group, Snapshot};
use std::net::IpAddr;
use std::sync::Arc;
use tokio::task::spawn_blocking;
use tokio::time::Instant;

/// The result of routing a request.
pub enum Dispatch {
    /// The response is ready.
    Ready(Response<Body>),
    /// The response needs a fresh count, or an asset that has not been encoded yet.
    Deferred(BoxFuture<'static, Response<Body>>),
    /// The head of a stream, and whether the stream follows it.
    Upgrade(Response<Body>, Admission),
}

/// Whether a stream is granted.
#[derive(Debug)]
pub enum Admission {
    /// The stream follows the head.
    Granted(StreamPermit),
    /// This block follows the head, and then the end.
    Refused(Frame),
}

/// Routes a request from `peer` on a listener with this `role`. Counts and logs the response.
pub fn dispatch(
    gateway: &Arc<Gateway>,
    role: ListenerRole,
    peer: IpAddr,
    request: Request<Incoming>,
) -> Dispatch {
    let is_served =
        |resource: &Resource| role.serves(*resource) && is_enabled(&gateway.config, *resource);
    let resource = Resource::find(request.uri().path()).filter(is_served);
    let response = match (request.method(), resource) {
        (_, None) => response::not_found(),
        (&Method::GET, Some(Resource::Stream)) => {
            match admit_stream(gateway, peer, request.headers()) {
                Ok(admission) => {
                    let head = finish(gateway, &request, resource, response::event_stream());
                    return Dispatch::Upgrade(head, admission);
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
        (&Method::OPTIONS, Some(_)) => response::preflight(request.headers()),
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
        Resource::Snapshot(snapshot) => {
            snapshot_response(gateway, snapshot, |entry| &entry.representations, request)
        }
        Resource::Csv(snapshot) => {
            snapshot_response(gateway, snapshot, |entry| &entry.csv, request)
        }
        Resource::Summary(group) => summary_response(gateway, group, request),
        Resource::Today => {
            let state = gateway.cache.state();
            response::today(state.today(Instant::now())?, CountSource::Cache)
        }
        Resource::Badge => {
            let state = gateway.cache.state();
            let today = state.today(Instant::now());
            if today.is_none() {
                gateway.refresh_requests.request(&gateway.cache);
            }
            let total = today.map(|today| today.count.total);
            response::asset(&badge::encode(total), request)
        }
        Resource::Library => response::asset(&gateway.library.content().information, request),
        Resource::Logo => match &gateway.library.content().logo {
            Some(logo) => response::asset(logo, request),
            None => response::not_found(),
        },
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
            let encoded = encode(gateway.clone(), asset).await;
            response::asset(&encoded, request.headers())
        }
        _ => match wait_for_count(&gateway).await {
            Some(today) => response::today(&today, CountSource::Db),
            None => response::warming(response::TODAY_WARMING, None),
        },
    };
    finish(&gateway, &request, Some(resource), response)
}

/// Returns a snapshot in one `format`, or a 202 if there is none that may be served.
fn snapshot_response(
    gateway: &Gateway,
    snapshot: Snapshot,
    format: fn(&CachedResponse) -> &[Representation],
    request: &HeaderMap,
) -> Response<Body> {
    match gateway.cache.state().snapshot(snapshot) {
        Some(entry) if is_served(gateway, entry) && !format(entry).is_empty() => {
            response::snapshot(entry, format(entry), request, &gateway.clock)
        }
        _ => response::warming(&why_missing(gateway, snapshot), None),
    }
}

/// Returns why a snapshot is not there: it is being prepared, or it cannot be computed.
fn why_missing(gateway: &Gateway, snapshot: Snapshot) -> String {
    let state = gateway.cache.state();
    match state.unavailable.get(&snapshot) {
        Some(reason) => format!("{} cannot be computed: {reason}", snapshot.title()),
        None => snapshot.warming(),
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
        && group.summary().all(is_part_served)
    {
        return response::snapshot(entry, &entry.representations, request, &gateway.clock);
    }
    let (being_prepared, today) = match group {
        Group::Visitors => (response::VISITORS_WARMING, state.today(now)),
        Group::Books => (response::BOOKS_WARMING, None),
        Group::Members => (response::MEMBERS_WARMING, None),
    };
    let is_unavailable = |part: &Snapshot| state.unavailable.contains_key(part);
    let unavailable = group.summary().find(is_unavailable);
    let message = unavailable.map(|part| why_missing(gateway, part));
    let message = message.as_deref().unwrap_or(being_prepared);
    response::warming(message, today.map(AsRef::as_ref))
}

/// Grants or refuses a stream. An `EventSource` does not reconnect after any status but 200, so its refusal is a
/// [`Admission::Refused`].
///
/// # Errors
/// The reason of a refusal, for any other client.
fn admit_stream(
    gateway: &Gateway,
    peer: IpAddr,
    request: &HeaderMap,
) -> Result<Admission, StreamRefusal> {
    match acquire_permit(gateway, peer) {
        Ok(permit) => Ok(Admission::Granted(permit)),
        Err(reason) => {
            gateway.metrics.record_stream_refused(reason);
            match accepts_events(request) {
                true => Ok(Admission::Refused(response::refused_stream(
                    reason.detail(),
                ))),
                false => Err(reason),
            }
        }
    }
}

fn acquire_permit(gateway: &Gateway, peer: IpAddr) -> Result<StreamPermit, StreamRefusal> {
    if gateway.is_stopping() {
        return Err(StreamRefusal::Stopping);
    }
    let client_permit = gateway.client_limiter.try_acquire_stream(peer);
    let permit = gateway
        .streams
        .try_acquire(client_permit.ok_or(StreamRefusal::Address)?);
    permit.ok_or(StreamRefusal::Full)
}

/// Returns whether `Accept` names `text/event-stream`, as every `EventSource` does.
fn accepts_events(request: &HeaderMap) -> bool {
    let lines = request.get_all(ACCEPT).into_iter();
    let ranges = lines.flat_map(|line| line.to_str().unwrap_or_default().split(','));
    ranges
        .filter_map(|range| range.split(';').next())
        .any(|range| range.trim().eq_ignore_ascii_case("text/event-stream"))
}

/// Encodes an asset on a thread for blocking work: a large one would block an I/O thread for a tenth of a second.
async fn encode(gateway: Arc<Gateway>, asset: Asset) -> Arc<[Representation]> {
    let encode = move || gateway.assets.get_or_encode(asset, &gateway.config);
    let encoded = spawn_blocking(encode).await;
    encoded.expect("encoding does not panic, and the runtime outlives its requests")
}

/// Waits for a fresh count. A gateway that stops does not wait.
async fn wait_for_count(gateway: &Gateway) -> Option<Arc<CachedCount>> {
    let limit = gateway.config.limits.count_wait;
    let fresh = gateway
        .refresh_requests
        .wait_for_count(&gateway.cache, limit);
    gateway.stop.run_until_cancelled(fresh).await?
}

#[cfg(test)]
mod tests {
    use super::*;

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
