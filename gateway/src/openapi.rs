//! The API's document, OpenAPI 3.1: made of the resources that are served, of the types that are sent, and of real answers,
//! so that it cannot say anything else.
//!
//! # Layout
//! - [`figures`]: what each snapshot and each summary holds
//! - [`operations`]: what may be asked of a resource; [`readings`]: each resource with all its answers
//! - [`answers`], [`headers`]: one answer, and its headers
//! - [`examples`]: figures to show

pub mod answers;
pub mod examples;
pub mod figures;
pub mod headers;
pub mod operations;
pub mod readings;

use crate::cache::cached_count::{Answer, Init};
use crate::config::Config;
use crate::http::health::{Probe, Report, SnapshotReport, TodayReport};
use crate::http::listener_role::ListenerRole;
use crate::http::response::{Problem, Warming};
use crate::http::router::Resource;
use crate::sse::change_notice::Event;
use bytes::Bytes;
use shared::catalog::Group;
use shared::rows;
use shared::time::Timestamp;
use shared::today::TodayCount;
use utoipa::openapi::info::LicenseBuilder;
use utoipa::openapi::tag::{Tag, TagBuilder};
use utoipa::openapi::{
    Components, ComponentsBuilder, InfoBuilder, OpenApiBuilder, PathsBuilder, Server,
};

/// For whoever begins to use the API.
const ABOUT: &str = include_str!("../docs/about.md");

/// The document of what a gateway of this configuration serves for everybody.
pub fn document(config: &Config) -> Bytes {
    let mut paths = PathsBuilder::new();
    for resource in resources(config) {
        paths = paths.path(resource.path(), operations::path_item(resource, config));
    }
    let license = LicenseBuilder::new()
        .name(env!("CARGO_PKG_LICENSE"))
        .identifier(Some(env!("CARGO_PKG_LICENSE")));
    let info = InfoBuilder::new()
        .title("Library dashboard")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT))
        .license(Some(license.build()));
    let document = OpenApiBuilder::new()
        .info(info)
        // From where the document is; below a path of a balancer too.
        .servers(Some([Server::new("..")]))
        .tags(Some(tags()))
        .paths(paths)
        .components(Some(components(config)))
        .build();
    let text = serde_json::to_vec(&document);
    Bytes::from(text.expect("a document is made of texts, numbers and lists"))
}

/// What is served on `PORT`.
pub fn resources(config: &Config) -> impl Iterator<Item = Resource> {
    let offer = match config.admin_port {
        Some(_) => ListenerRole::Public,
        None => ListenerRole::All,
    };
    let all = Resource::ALL.into_iter();
    all.filter(move |resource| offer.serves(*resource) && resource.is_enabled(config))
}

fn tags() -> [Tag; 4] {
    let tag = |name: &str, description: &str| {
        let tag = TagBuilder::new().name(name);
        tag.description(Some(description)).build()
    };
    [
        tag(
            readings::LIVE,
            "Today's count of visits, made about once a second.",
        ),
        tag(
            readings::of_group(Group::Visitors),
            Group::Visitors.meaning(),
        ),
        tag(readings::of_group(Group::Books), Group::Books.meaning()),
        tag(
            readings::OPERATIONS,
            "For browsers, probes, balancers and Prometheus.",
        ),
    ]
}

fn components(config: &Config) -> Components {
    let mut components = ComponentsBuilder::new()
        .schema_from::<Timestamp>()
        .schema_from::<Answer>()
        .schema_from::<Init>()
        .schema_from::<TodayCount>()
        .schema_from::<Event<'_>>()
        .schema_from::<rows::DayTotal>()
        .schema_from::<rows::MonthTotal>()
        .schema_from::<rows::YearTotal>()
        .schema_from::<rows::TopVisitor>()
        .schema_from::<rows::TopTitle>()
        .schema_from::<rows::TopBorrower>()
        .schema_from::<Warming<'_>>()
        .schema_from::<Problem<'_>>()
        .schema_from::<Probe>()
        .schema_from::<Report>()
        .schema_from::<TodayReport>()
        .schema_from::<SnapshotReport>();
    for (name, schema) in figures::schemas() {
        components = components.schema(name, schema);
    }
    for (name, response) in answers::common(config) {
        components = components.response(name, response);
    }
    for (name, header) in headers::common() {
        components = components.header(name, header);
    }
    for (name, parameter) in operations::parameters() {
        components = components.parameter(name, parameter);
    }
    components.build()
}
