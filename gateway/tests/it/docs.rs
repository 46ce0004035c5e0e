//! The OpenAPI document: a gateway serves it, and every response matches it.

use crate::fixture::{Fixture, LONG, SOON, message};
use crate::process::start;
use chrono::NaiveDate;
use gateway::http::resource::Asset;
use gateway::http::resource::Resource;
use gateway::openapi::examples;
use serde_json::Value;
use shared::catalog::Snapshot;
use std::fs;
use std::net::SocketAddr;
use testkit::document::Document;
use testkit::eventually::eventually;
use testkit::http::{Connection, Events, RESPONSE_LIMIT, Response, get, request};
use testkit::process::free_port;
use tokio::time::timeout;
use utoipa::openapi::OpenApi;

const BOTH: [&str; 2] = ["Accept-Encoding: br", "If-None-Match: *"];

async fn document(address: SocketAddr) -> Document {
    let answer = get(address, Asset::Document.path()).await;
    assert_eq!(answer.status, 200);
    Document(answer.json())
}

/// Whether the document lists a resource, if it is served. It does not list the files that a page loads.
fn is_documented(resource: &Resource) -> bool {
    match resource {
        Resource::Page(Asset::Dashboard(_)) => resource.path() == "/",
        Resource::Page(asset) => !matches!(asset, Asset::DocsScript | Asset::DocsStyle),
        _ => true,
    }
}

/// Sends every documented request in several variants, and checks each response.
async fn check_all(document: &Document, address: SocketAddr) {
    for path in document.paths() {
        let variants = [
            &[][..],
            &BOTH[..1],
            &BOTH[1..],
            &["Origin: https://a.example"],
        ];
        // A GET of the stream has no end.
        for lines in variants.iter().filter(|_| path != Resource::Stream.path()) {
            let mut answer = request(address, "GET", path, lines).await;
            if answer.header("content-encoding").is_some() {
                // The schema is checked with the body that is not encoded.
                answer.body = get(address, path).await.body;
            }
            document.check("GET", path, &answer);
        }
        let answer = request(address, "POST", path, &[]).await;
        document.check_response("MethodNotAllowed", &answer);
    }
    let answer = get(address, "/docs/").await;
    document.check_response("NotFound", &answer);
}

async fn warm(fixture: &Fixture) {
    for snapshot in Snapshot::ALL {
        let value = String::from_utf8(examples::stored(snapshot).to_vec()).unwrap();
        fixture.worker.store(snapshot, &value).await;
        fixture.shows(snapshot.path(), &value).await;
    }
    fixture.worker.publish_count(&message(7, LONG), LONG).await;
    eventually("the count is served", SOON, async || {
        (fixture.get(Resource::Today.path()).await.status == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn document_is_openapi_3_1_and_lists_exactly_the_resources() {
    let fixture = Fixture::start().await;
    let document = document(fixture.address).await;
    assert_eq!(document.0["openapi"], "3.1.0");
    assert!(serde_json::from_value::<OpenApi>(document.0.clone()).is_ok());
    document.check_itself();
    let mut documented = document.paths();
    let listed = Resource::ALL.into_iter().filter(is_documented);
    let mut served: Vec<&str> = listed.map(Resource::path).collect();
    documented.sort_unstable();
    served.sort_unstable();
    assert_eq!(documented, served);
    let mut methods = document.operations().map(|(_, method, _)| method);
    assert!(methods.all(|method| method == "get"));
}

#[tokio::test]
async fn document_has_the_newest_version_of_the_changelog() {
    let changelog = include_str!("../../../CHANGELOG.md");
    let mut versions = changelog.lines().filter_map(|line| {
        let (version, date) = line.strip_prefix("## [")?.split_once("] - ")?;
        date.parse::<NaiveDate>().ok()?;
        Some(version)
    });
    let fixture = Fixture::start().await;
    let document = document(fixture.address).await;
    assert_eq!(document.0["info"]["version"].as_str(), versions.next());
}

#[tokio::test]
async fn document_is_equal_on_all_gateways() {
    let (one, other) = (Fixture::start().await, Fixture::start().await);
    let tag = async |gateway: Fixture| {
        let answer = gateway.get(Asset::Document.path()).await;
        answer.header("etag").unwrap().to_owned()
    };
    assert_eq!(tag(one).await, tag(other).await);
}

/// In both directions. One sentence covers all CSVs.
#[tokio::test]
async fn readme_lists_the_endpoints_of_the_document() {
    let readme = include_str!("../../../README.md");
    let (_, table) = readme.split_once("## The API").unwrap();
    let (table, _) = table.split_once("\n## ").unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| `/"));
    let paths = rows.flat_map(|row| row.split('|').nth(1).unwrap().split('`').skip(1).step_by(2));
    let fixture = Fixture::start().await;
    let document = document(fixture.address).await;
    let mut documented = document.paths();
    documented.retain(|path| !path.ends_with(".csv"));
    documented.sort_unstable();
    let mut listed: Vec<&str> = paths.collect();
    listed.sort_unstable();
    assert_eq!(listed, documented);
}

#[tokio::test]
async fn every_response_matches_the_document() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("library.json");
    fs::write(&file, include_str!("../../docs/library.json")).unwrap();
    fs::write(folder.path().join("logo.svg"), "<svg/>").unwrap();
    let file = file.to_str().unwrap();
    let lists = [
        ("", "false", ""),
        ("*", "true", file),
        ("https://b.example,https://a.example", "false", file),
    ];
    for (origins, access_log, file) in lists {
        let variables = [
            ("CORS_ORIGINS", origins),
            ("ACCESS_LOG", access_log),
            ("LIBRARY_FILE", file),
        ];
        let fixture = Fixture::with(&variables, |_| ()).await;
        let document = document(fixture.address).await;
        document.check_itself();
        check_all(&document, fixture.address).await;
        warm(&fixture).await;
        check_all(&document, fixture.address).await;
    }
}

#[tokio::test]
async fn stream_events_match_the_document() {
    let fixture = Fixture::start().await;
    let document = document(fixture.address).await;
    warm(&fixture).await;
    let mut stream = Events::open(fixture.address).await;
    let head = Response {
        status: stream.status,
        headers: stream.headers.clone(),
        body: Vec::new(),
        took: SOON,
    };
    document.check("GET", Resource::Stream.path(), &head);
    let description = &document.0["paths"][Resource::Stream.path()]["get"]["description"];
    let mut events = Vec::from(["init", "update", "snapshot"]);
    let all = async {
        while !events.is_empty() {
            fixture.worker.publish_message(&message(8, LONG)).await;
            let event = stream.any_within(SOON).await.unwrap();
            if let Some(at) = events.iter().position(|name| *name == event.event) {
                let name = format!("{}Event", capital(events.swap_remove(at)));
                let data: Value = serde_json::from_str(&event.data).unwrap();
                document.check_schema(&name, &data);
                assert!(description.as_str().unwrap().contains(&name), "{name}");
            }
        }
    };
    timeout(RESPONSE_LIMIT, all)
        .await
        .expect("one of each kind");
}

fn capital(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    format!("{}{rest}", first.to_uppercase())
}

#[tokio::test]
async fn refusals_match_the_document() {
    let one = |config: &mut gateway::config::Config| config.max_streams = 1;
    let fixture = Fixture::with(&[], one).await;
    let document = document(fixture.address).await;
    let path = Resource::Stream.path();
    let _stream = Events::open(fixture.address).await;
    let full = eventually("the only permit is taken", SOON, async || {
        let answer = fixture.get(path).await;
        (answer.status == 503).then_some(answer)
    });
    document.check("GET", path, &full.await);

    let crowded = Fixture::with(&[], |config| config.limits.connections = 1).await;
    let refused = eventually("a second connection is refused", SOON, async || {
        let first = Connection::open(crowded.address).await;
        let answer = crowded.get("/health").await;
        drop(first);
        (answer.status == 503).then_some(answer)
    });
    document.check("GET", "/health", &refused.await);
}

#[tokio::test]
async fn disabled_resources_are_neither_served_nor_documented() {
    let pages = Asset::ALL.map(Asset::path);
    let docs = pages.iter().filter(|path| path.starts_with("/docs"));
    let fixture = Fixture::with(&[("ENABLE_DOCS", "false")], |_| ()).await;
    assert_eq!(docs.clone().count(), 4);
    for path in docs {
        assert_eq!(fixture.get(path).await.status, 404, "{path}");
    }
    assert_eq!(fixture.get("/").await.status, 200);

    let variables = [("ENABLE_SSE_TODAY", "false"), ("ENABLE_DASHBOARD", "no")];
    let fixture = Fixture::with(&variables, |_| ()).await;
    let document = document(fixture.address).await;
    let left = |resource: &Resource| {
        let is_disabled = matches!(
            resource,
            Resource::Stream | Resource::Logo | Resource::Page(Asset::Dashboard(_))
        );
        !is_disabled && is_documented(resource)
    };
    let left = Resource::ALL.into_iter().filter(left);
    assert_eq!(document.paths().len(), left.count());
    check_all(&document, fixture.address).await;
}

#[tokio::test]
async fn resources_of_the_admin_port_are_not_documented_on_the_public_port() {
    let admin = free_port().unwrap().to_string();
    let (_process, address) = start(&[("ADMIN_PORT", &admin)]).await;
    let document = document(address).await;
    for (path, documented) in [
        ("/livez", true),
        ("/readyz", true),
        ("/health", false),
        ("/metrics", false),
    ] {
        assert_eq!(document.paths().contains(&path), documented, "{path}");
    }
    check_all(&document, address).await;
}

/// Behind a path prefix of a balancer, links that begin with a slash would be wrong.
#[tokio::test]
async fn docs_page_uses_relative_links_only() {
    let fixture = Fixture::start().await;
    let page = fixture.get(Asset::Docs.path()).await;
    let html = page.text();
    for page in [Asset::Document, Asset::DocsScript, Asset::DocsStyle] {
        let quoted = format!("\"{}\"", page.path().trim_start_matches('/'));
        assert!(html.contains(&quoted), "{quoted}");
    }
    for outside in ["\"/", "://", "//"] {
        assert!(!html.contains(outside), "{outside}");
    }
    let document = document(fixture.address).await;
    assert_eq!(document.0["servers"][0]["url"], "..");
}
