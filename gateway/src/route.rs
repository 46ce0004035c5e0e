//! From a request to its answer.

use crate::Gateway;
use crate::doorbell::wait_for_count;
use crate::reply::Body;
use crate::streams::Place;
use crate::today::Origin;
use crate::{health, reply};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response};
use shared::catalog::{Group, Snapshot};
use tokio::time::Instant;

/// What can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Resource {
    Snapshot(Snapshot),
    Summary(Group),
    Today,
    Stream,
    Live,
    Ready,
    Health,
}

/// What a request gets.
#[derive(Debug)]
pub enum Answer {
    /// All of it.
    Whole(Response<Body>),
    /// The head of a stream, and a place for it.
    Stream(Response<Body>, Place),
}

/// Answers any request.
pub async fn answer(gateway: &Gateway, request: Request<Incoming>) -> Answer {
    let resource = find(request.uri().path(), gateway.config.streams_enabled);
    let mut answer = match (request.method(), resource) {
        (_, None) => Answer::Whole(reply::not_found()),
        (&Method::GET, Some(Resource::Stream)) => stream_answer(gateway),
        (&Method::GET | &Method::HEAD, Some(resource)) => {
            Answer::Whole(read(gateway, resource, request.headers()).await)
        }
        (&Method::OPTIONS, Some(_)) => Answer::Whole(reply::preflight()),
        (_, Some(_)) => Answer::Whole(reply::method_not_allowed()),
    };
    let (Answer::Whole(head) | Answer::Stream(head, _)) = &mut answer;
    let headers = head.headers_mut();
    gateway.config.origins.allow(request.headers(), headers);
    // A body is not read, so that what follows on this connection would be taken for a request; and who keeps its
    // connection to a gateway that stops would lose its next request.
    if !request.body().is_end_stream() || gateway.stop.is_cancelled() {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

/// Paths are compared as they came: nothing is decoded, and a slash at the end is another path.
fn find(path: &str, streams_enabled: bool) -> Option<Resource> {
    match path {
        "/api/visitors/today" => Some(Resource::Today),
        "/api/visitors/today/stream" => streams_enabled.then_some(Resource::Stream),
        "/livez" => Some(Resource::Live),
        "/readyz" => Some(Resource::Ready),
        "/health" => Some(Resource::Health),
        path => {
            let groups = [Group::Visitors, Group::Books].into_iter();
            let mut summaries = groups.filter(|group| group.summary_path() == path);
            let mut snapshots = Snapshot::ALL.into_iter();
            let snapshot = snapshots.find(|snapshot| snapshot.path() == path);
            let snapshot = snapshot.map(Resource::Snapshot);
            snapshot.or_else(|| summaries.next().map(Resource::Summary))
        }
    }
}

async fn read(gateway: &Gateway, resource: Resource, request: &HeaderMap) -> Response<Body> {
    match resource {
        Resource::Snapshot(snapshot) => snapshot_answer(gateway, snapshot, request),
        Resource::Summary(group) => summary_answer(gateway, group, request),
        Resource::Today => today_answer(gateway).await,
        // To HEAD, which takes no place.
        Resource::Stream => reply::events(),
        Resource::Live => health::live(),
        Resource::Ready => health::ready(gateway),
        Resource::Health => health::report(gateway),
    }
}

fn snapshot_answer(gateway: &Gateway, snapshot: Snapshot, request: &HeaderMap) -> Response<Body> {
    match gateway.mirror.holdings().snapshot(snapshot) {
        Some(entry) => reply::entry(entry, request, &gateway.clock),
        None => reply::warming(&snapshot.warming(), None),
    }
}

fn summary_answer(gateway: &Gateway, group: Group, request: &HeaderMap) -> Response<Body> {
    let holdings = gateway.mirror.holdings();
    let now = Instant::now();
    if let Some(entry) = holdings.summary(group, now) {
        return reply::entry(entry, request, &gateway.clock);
    }
    match group {
        Group::Visitors => {
            let today = holdings.today(now).map(AsRef::as_ref);
            reply::warming("the summary of visitors is being prepared", today)
        }
        Group::Books => reply::warming("the summary of books is being prepared", None),
    }
}

async fn today_answer(gateway: &Gateway) -> Response<Body> {
    if let Some(today) = gateway.mirror.holdings().today(Instant::now()) {
        return reply::today(today, Origin::Cache);
    }
    match wait_for_count(gateway).await {
        Some(today) => reply::today(&today, Origin::Db),
        None => reply::warming("today's visitors are being counted", None),
    }
}

fn stream_answer(gateway: &Gateway) -> Answer {
    if gateway.stop.is_cancelled() {
        return Answer::Whole(reply::no_place(
            "this gateway is stopping: another one has a place",
        ));
    }
    match gateway.streams.admit() {
        Some(place) => Answer::Stream(reply::events(), place),
        None => Answer::Whole(reply::no_place("all places for streams are taken")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_of_the_catalogue_is_found() {
        for snapshot in Snapshot::ALL {
            assert_eq!(
                find(snapshot.path(), true),
                Some(Resource::Snapshot(snapshot))
            );
        }
        for group in [Group::Visitors, Group::Books] {
            assert_eq!(
                find(group.summary_path(), true),
                Some(Resource::Summary(group))
            );
        }
    }

    #[test]
    fn no_other_spelling_is_found() {
        for path in [
            "",
            "/",
            "*",
            "/api/visitors/weekly/",
            "//api/visitors/weekly",
            "/api/visitors/Weekly",
            "/api/visitors/week%6cy",
            "/api",
            "/health/",
        ] {
            assert_eq!(find(path, true), None, "{path}");
        }
        assert_eq!(find("/api/visitors/today/stream", false), None);
    }
}
