//! The operations on a resource: to read it, to see its headers, to ask what may be asked.

use crate::config::Config;
use crate::http::response;
use crate::http::router::Resource;
use crate::openapi::answers::{self, Answer};
use crate::openapi::readings::{Reading, reading};
use hyper::header::ETAG;
use utoipa::openapi::link::{Link, LinkBuilder};
use utoipa::openapi::path::{
    HttpMethod, OperationBuilder, Parameter, ParameterBuilder, ParameterIn, PathItemBuilder,
};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{PathItem, Ref, Required};

/// What a client has, by its tag.
pub const IF_NONE: &str = "If-None-Match";
/// The same by its time.
pub const IF_MODIFIED: &str = "If-Modified-Since";
/// The codings that it understands.
pub const ACCEPT: &str = "Accept-Encoding";

/// All that may be asked of a resource.
pub fn path_item(resource: Resource, config: &Config) -> PathItem {
    let reading = reading(resource);
    PathItemBuilder::new()
        .operation(HttpMethod::Get, get(&reading, config))
        .operation(HttpMethod::Head, head(&reading, config))
        .operation(HttpMethod::Options, options(&reading, config))
        .build()
}

/// The headers of requests that matter, by their names.
pub fn parameters() -> Vec<(String, Parameter)> {
    let parameter = |name: &str, says: &str, example: &str| {
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(says))
            .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
            .example(Some(example.into()));
        (name.to_owned(), parameter.build())
    };
    vec![
        parameter(
            IF_NONE,
            "The `ETag` of the answer that you have: 304 while it is the same.",
            "\"8f14e45fceea167a5a36dedd4bea2543-id\"",
        ),
        parameter(
            IF_MODIFIED,
            "The `Last-Modified` of the answer that you have; it counts only without `If-None-Match`.",
            "Tue, 23 Sep 2025 09:10:22 GMT",
        ),
        parameter(
            ACCEPT,
            "`br` and `gzip` are understood, with their weights.",
            "br, gzip",
        ),
    ]
}

fn get(reading: &Reading, config: &Config) -> OperationBuilder {
    let operation = begin("get", reading, &reading.summary).description(Some(&reading.says));
    answered(
        with_parameters(operation, reading),
        reading,
        &reading.answers,
        config,
    )
}

fn head(reading: &Reading, config: &Config) -> OperationBuilder {
    let summary = format!("{}: the headers alone", reading.summary);
    let operation = begin("head", reading, &summary);
    let operation = operation.description(Some("The same headers, without a body."));
    let bare = |answer: &Answer| Answer {
        schema: None,
        ..answer.clone()
    };
    let answers: Vec<Answer> = reading.answers.iter().map(bare).collect();
    answered(
        with_parameters(operation, reading),
        reading,
        &answers,
        config,
    )
}

fn options(reading: &Reading, config: &Config) -> OperationBuilder {
    let summary = format!("{}: what may be asked", reading.summary);
    let preflight = Answer {
        real: response::preflight(),
        says: "What may be asked; a browser's preflight.",
        schema: None,
    };
    answered(
        begin("options", reading, &summary),
        reading,
        &[preflight],
        config,
    )
}

fn begin(method: &str, reading: &Reading, summary: &str) -> OperationBuilder {
    OperationBuilder::new()
        .operation_id(Some(format!("{method}{}", reading.id)))
        .tag(reading.tag)
        .summary(Some(summary))
}

fn with_parameters(operation: OperationBuilder, reading: &Reading) -> OperationBuilder {
    let parameters = reading.parameters.iter();
    parameters.fold(operation, |operation, name| {
        operation.parameter_ref(Ref::new(format!("#/components/parameters/{name}")))
    })
}

/// With `answers`, and with what every path may be answered, but for the statuses for which it has an answer of its own.
fn answered(
    mut operation: OperationBuilder,
    reading: &Reading,
    answers: &[Answer],
    config: &Config,
) -> OperationBuilder {
    for (status, reference) in answers::of_every_path() {
        operation = operation.response(status, reference);
    }
    for answer in answers {
        let is_kept = answer.real.headers().contains_key(ETAG);
        let (status, mut told) = answers::told(answer.clone(), config);
        if is_kept && status == "200" {
            told.links.insert("again".to_owned(), again(reading).into());
        }
        operation = operation.response(status, told);
    }
    operation
}

/// How a client asks whether what it has is the same still.
fn again(reading: &Reading) -> Link {
    LinkBuilder::new()
        .operation_id(format!("get{}", reading.id))
        .parameter(IF_NONE, "$response.header.ETag")
        .description("304 while it is the same.")
        .build()
}
