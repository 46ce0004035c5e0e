//! Builds the API document (OpenAPI 3.1) from the resources, the types of the bodies, and real responses, so that it
//! cannot differ from what the gateway serves. It describes GET alone: HEAD and OPTIONS, which every path also serves,
//! would say the same twice more.
//!
//! # Files
//! - [`figures`]: the schemas of snapshots and summaries
//! - [`operation_specs`]: each resource with all its responses; [`operations`]: its operation
//! - [`csv`]: the operations of the CSVs, which share their responses
//! - [`responses`], [`headers`]: one response, and its headers
//! - [`examples`]: invented data for the examples

pub mod csv;
pub mod examples;
pub mod figures;
pub mod headers;
pub mod operation_specs;
pub mod operations;
pub mod responses;

use crate::cache::cached_count::{InitEvent, TodayResponse};
use crate::config::Config;
use crate::http::health::{Health, Probe, SnapshotHealth, TodayHealth};
use crate::http::listener_role::{ListenerRole, is_enabled};
use crate::http::resource::Resource;
use crate::http::response::{Problem, Warming};
use crate::library::information::{ClosedDay, LibraryInformation, Notice, OpeningHours};
use crate::openapi::operation_specs::operation_spec;
use crate::sse::change_notice::SnapshotEvent;
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

/// The introduction for users of the API.
const ABOUT: &str = include_str!("../../docs/about.md");

/// Returns the document as JSON. It describes what a gateway with this configuration serves on `PORT`.
pub fn document(config: &Config) -> Bytes {
    let mut paths = PathsBuilder::new();
    for resource in resources(config) {
        let item = match resource {
            Resource::Csv(snapshot) => Some(csv::path_item(snapshot)),
            _ => operation_spec(resource).map(|spec| operations::path_item(spec, config)),
        };
        if let Some(item) = item {
            paths = paths.path(resource.path(), item);
        }
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
        // Relative to the document, so that it also works below a path of a balancer.
        .servers(Some([Server::new("..")]))
        .tags(Some(tags()))
        .paths(paths)
        .components(Some(components(config)))
        .build();
    let text = serde_json::to_vec(&document);
    Bytes::from(text.expect("a document consists of strings, numbers and lists"))
}

/// Returns the resources that are served on `PORT`.
fn resources(config: &Config) -> impl Iterator<Item = Resource> {
    let role = match config.admin_port {
        Some(_) => ListenerRole::Public,
        None => ListenerRole::All,
    };
    let all = Resource::ALL.into_iter();
    all.filter(move |resource| role.serves(*resource) && is_enabled(config, *resource))
}

fn tags() -> [Tag; 6] {
    let tag = |name: &str, description: &str| {
        let tag = TagBuilder::new().name(name);
        tag.description(Some(description)).build()
    };
    [
        tag(
            operation_specs::LIVE,
            "Today's count of visits, updated about once a second.",
        ),
        tag(
            operation_specs::group_tag(Group::Visitors),
            Group::Visitors.meaning(),
        ),
        tag(
            operation_specs::group_tag(Group::Books),
            Group::Books.meaning(),
        ),
        tag(
            operation_specs::group_tag(Group::Members),
            Group::Members.meaning(),
        ),
        tag(
            operation_specs::LIBRARY,
            "What the library says about itself, from a file of the operator.",
        ),
        tag(
            operation_specs::OPERATIONS,
            "For browsers, probes, balancers and Prometheus.",
        ),
    ]
}

fn components(config: &Config) -> Components {
    let mut components = ComponentsBuilder::new()
        .schema_from::<Timestamp>()
        .schema_from::<TodayResponse>()
        .schema_from::<InitEvent>()
        .schema_from::<TodayCount>()
        .schema_from::<SnapshotEvent<'_>>()
        .schema_from::<rows::series::DayTotal>()
        .schema_from::<rows::series::MonthTotal>()
        .schema_from::<rows::series::YearTotal>()
        .schema_from::<rows::books::MonthLoans>()
        .schema_from::<rows::visitors::MonthTypeTotal>()
        .schema_from::<rows::visitors::WeekdayHour>()
        .schema_from::<rows::visitors::InstitutionTotal>()
        .schema_from::<rows::visitors::RoomTotal>()
        .schema_from::<rows::books::ClassTotal>()
        .schema_from::<rows::books::MonthGrowth>()
        .schema_from::<rows::books::YearGrowth>()
        .schema_from::<rows::books::NewTitle>()
        .schema_from::<rows::members::MemberTypeTotal>()
        .schema_from::<rows::visitors::TopVisitor>()
        .schema_from::<rows::books::TopTitle>()
        .schema_from::<rows::books::TopBorrower>()
        .schema_from::<LibraryInformation>()
        .schema_from::<OpeningHours>()
        .schema_from::<ClosedDay>()
        .schema_from::<Notice>()
        .schema_from::<Warming<'_>>()
        .schema_from::<Problem<'_>>()
        .schema_from::<Probe>()
        .schema_from::<Health>()
        .schema_from::<TodayHealth>()
        .schema_from::<SnapshotHealth>();
    for (name, schema) in figures::schemas() {
        components = components.schema(name, schema);
    }
    for (name, response) in responses::common(config) {
        components = components.response(name, response);
    }
    for (name, spec) in csv::common() {
        components = components.response(name, responses::render(spec, config));
    }
    for (name, header) in headers::common() {
        components = components.header(name, header);
    }
    for (name, parameter) in operations::parameters() {
        components = components.parameter(name, parameter);
    }
    components.build()
}
