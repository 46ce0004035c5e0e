//! Renders the operations of a resource: GET, HEAD and OPTIONS.

use crate::config::Config;
use crate::http::resource::Resource;
use crate::http::response;
use crate::openapi::operation_specs::{
    ACCEPT, IF_MODIFIED, IF_NONE, OperationSpec, operation_spec,
};
use crate::openapi::responses::{self, ResponseSpec};
use hyper::header::ETAG;
use utoipa::openapi::link::{Link, LinkBuilder};
use utoipa::openapi::path::{
    HttpMethod, OperationBuilder, Parameter, ParameterBuilder, ParameterIn, PathItemBuilder,
};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{PathItem, Ref, Required};

/// Returns all operations of a resource.
pub fn path_item(resource: Resource, config: &Config) -> PathItem {
    let spec = operation_spec(resource);
    PathItemBuilder::new()
        .operation(HttpMethod::Get, get(&spec, config))
        .operation(HttpMethod::Head, head(&spec, config))
        .operation(HttpMethod::Options, options(&spec, config))
        .build()
}

/// Returns the request headers that have an effect, with their names.
pub fn parameters() -> Vec<(String, Parameter)> {
    let parameter = |name: &str, description: &str, example: &str| {
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(description))
            .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
            .example(Some(example.into()));
        (name.to_owned(), parameter.build())
    };
    vec![
        parameter(
            IF_NONE,
            "The `ETag` of the response that you have. The response is 304 if it has not changed.",
            "\"8f14e45fceea167a5a36dedd4bea2543-id\"",
        ),
        parameter(
            IF_MODIFIED,
            "The `Last-Modified` of the response that you have. Ignored if there is an `If-None-Match`.",
            "Tue, 23 Sep 2025 09:10:22 GMT",
        ),
        parameter(
            ACCEPT,
            "The gateway supports `br` and `gzip`, with weights.",
            "br, gzip",
        ),
    ]
}

fn get(spec: &OperationSpec, config: &Config) -> OperationBuilder {
    let operation = begin("get", spec, &spec.summary).description(Some(&spec.description));
    with_responses(
        with_parameters(operation, spec),
        spec,
        &spec.responses,
        config,
    )
}

fn head(spec: &OperationSpec, config: &Config) -> OperationBuilder {
    let summary = format!("{}: only the headers", spec.summary);
    let operation = begin("head", spec, &summary);
    let operation = operation.description(Some(
        "The same headers as the response to GET, without a body.",
    ));
    let without_body = |response: &ResponseSpec| ResponseSpec {
        schema: None,
        ..response.clone()
    };
    let responses: Vec<ResponseSpec> = spec.responses.iter().map(without_body).collect();
    with_responses(with_parameters(operation, spec), spec, &responses, config)
}

fn options(spec: &OperationSpec, config: &Config) -> OperationBuilder {
    let summary = format!("{}: the supported methods", spec.summary);
    let preflight = ResponseSpec {
        response: response::preflight(),
        description: "The supported methods. Also the response to a browser's preflight.",
        schema: None,
    };
    with_responses(begin("options", spec, &summary), spec, &[preflight], config)
}

fn begin(method: &str, spec: &OperationSpec, summary: &str) -> OperationBuilder {
    OperationBuilder::new()
        .operation_id(Some(format!("{method}{}", spec.id)))
        .tag(spec.tag)
        .summary(Some(summary))
}

fn with_parameters(operation: OperationBuilder, spec: &OperationSpec) -> OperationBuilder {
    let parameters = spec.parameters.iter();
    parameters.fold(operation, |operation, name| {
        operation.parameter_ref(Ref::new(format!("#/components/parameters/{name}")))
    })
}

/// Adds `own_responses`, and the shared responses of all paths for the other statuses.
fn with_responses(
    mut operation: OperationBuilder,
    spec: &OperationSpec,
    own_responses: &[ResponseSpec],
    config: &Config,
) -> OperationBuilder {
    for (status, reference) in responses::common_references() {
        operation = operation.response(status, reference);
    }
    for response_spec in own_responses {
        let has_etag = response_spec.response.headers().contains_key(ETAG);
        let (status, mut response) = responses::render(response_spec.clone(), config);
        if has_etag && status == "200" {
            let link = revalidation_link(spec);
            response.links.insert("revalidate".to_owned(), link.into());
        }
        operation = operation.response(status, response);
    }
    operation
}

/// Returns the link that shows how a client revalidates the response that it has.
fn revalidation_link(spec: &OperationSpec) -> Link {
    LinkBuilder::new()
        .operation_id(format!("get{}", spec.id))
        .parameter(IF_NONE, "$response.header.ETag")
        .description("The response is 304 if it has not changed.")
        .build()
}
