//! Renders the operation of a resource.

use crate::config::Config;
use crate::openapi::operation_specs::{ACCEPT, IF_MODIFIED, IF_NONE, OperationSpec};
use crate::openapi::responses::{self, UNAVAILABLE};
use hyper::StatusCode;
use hyper::header::ETAG;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use utoipa::openapi::link::{Link, LinkBuilder};
use utoipa::openapi::path::{
    HttpMethod, OperationBuilder, Parameter, ParameterBuilder, ParameterIn,
};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{PathItem, Ref, Required};

/// Renders the GET of a resource.
pub fn path_item(spec: OperationSpec, config: &Config) -> PathItem {
    let mut operation = builder(&spec);
    let mut responses = BTreeMap::<u16, utoipa::openapi::Response>::new();
    for response_spec in spec.responses {
        let status = response_spec.response.status();
        let has_etag = response_spec.response.headers().contains_key(ETAG);
        let mut response = responses::render(response_spec, config);
        if has_etag && status == StatusCode::OK {
            let link = revalidation_link(&operation_id(&spec.id));
            response.links.insert("revalidate".to_owned(), link.into());
        }
        match responses.entry(status.as_u16()) {
            Entry::Vacant(entry) => drop(entry.insert(response)),
            // The same response with another media type.
            Entry::Occupied(mut entry) => entry.get_mut().content.extend(response.content),
        }
    }
    for (status, response) in responses {
        operation = operation.response(status.to_string(), response);
    }
    PathItem::new(HttpMethod::Get, operation)
}

/// Returns an operation with everything but its own responses.
pub fn builder(spec: &OperationSpec) -> OperationBuilder {
    let mut operation = OperationBuilder::new()
        .operation_id(Some(operation_id(&spec.id)))
        .tag(spec.tag)
        .summary(Some(&spec.summary))
        .description(Some(&spec.description))
        // An operation may replace it with its own.
        .response("503", Ref::from_response_name(UNAVAILABLE));
    for name in spec.parameters {
        let reference = Ref::new(format!("#/components/parameters/{name}"));
        operation = operation.parameter_ref(reference);
    }
    operation
}

fn operation_id(id: &str) -> String {
    format!("get{id}")
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

/// Returns the link that shows how a client revalidates the response that it has.
fn revalidation_link(operation_id: &str) -> Link {
    LinkBuilder::new()
        .operation_id(operation_id)
        .parameter(IF_NONE, "$response.header.ETag")
        .description("The response is 304 if it has not changed.")
        .build()
}
