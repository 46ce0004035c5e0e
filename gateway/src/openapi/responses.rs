//! Describes responses in the document. Each description is made from a real response: its status, headers and body.

use crate::config::Config;
use crate::http::access_log::REQUEST_ID;
use crate::http::cors::Origins;
use crate::http::response::{self, Body, Problem};
use crate::openapi::{figures, headers};
use futures_util::FutureExt as _;
use http_body_util::BodyExt as _;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, ORIGIN};
use hyper::{Response, StatusCode};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::{ContentBuilder, RefOr, ResponseBuilder, Schema};

/// A real response with its description.
pub struct ResponseSpec {
    /// The response as the gateway sends it.
    pub response: Response<Body>,
    /// When the gateway sends it.
    pub description: &'static str,
    /// The schema of the body; `None` if there is no body.
    pub schema: Option<RefOr<Schema>>,
}

/// The name of the shared 503, which every path may give.
pub const UNAVAILABLE: &str = "Unavailable";

/// Returns the shared responses with their names.
pub fn common(config: &Config) -> Vec<(String, utoipa::openapi::Response)> {
    let problem = |name: &str, response, description| {
        let schema = Some(figures::reference(Problem::name()));
        let spec = ResponseSpec {
            response,
            description,
            schema,
        };
        (name.to_owned(), render(spec, config))
    };
    vec![
        problem(
            "NotFound",
            response::not_found(),
            "For any method: there is no resource under this path, or it is disabled.",
        ),
        problem(
            "MethodNotAllowed",
            response::method_not_allowed(),
            "For any method but GET, HEAD and OPTIONS.",
        ),
        problem(
            UNAVAILABLE,
            response::too_busy("the gateway has too many open connections"),
            "The gateway or the client's address is at its limit of connections or streams, or the gateway is stopping. \
             Retry after the time in `Retry-After`.",
        ),
    ]
}

/// Renders a response for the document.
pub fn render(spec: ResponseSpec, config: &Config) -> utoipa::openapi::Response {
    let ResponseSpec {
        mut response,
        description,
        schema,
    } = spec;
    config
        .origins
        .allow(&allowed_origin(&config.origins), response.headers_mut());
    if response.status() == StatusCode::OK && response.headers().contains_key(ETAG) {
        // The example shows one of the encodings.
        response
            .headers_mut()
            .insert(CONTENT_ENCODING, HeaderValue::from_static("br"));
    }
    if config.access_log {
        let id = HeaderValue::from_static("4bf92f3577b34da6a3ce929d0e0e4736");
        response.headers_mut().insert(REQUEST_ID, id);
    }
    let mut builder = ResponseBuilder::new().description(description);
    for (name, value) in response.headers() {
        builder = match headers::render(name, value) {
            Some((name, RefOr::T(header))) => builder.header(name, header),
            Some((name, RefOr::Ref(reference))) => builder.header_ref(name, reference),
            None => builder,
        };
    }
    let content_type = response.headers().get(CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    if let (Some(content_type), Some(schema)) = (content_type, schema) {
        let content_type = content_type.to_owned();
        let content = ContentBuilder::new()
            .schema(Some(schema))
            .example(example(response));
        return builder.content(content_type, content.build()).build();
    }
    builder.build()
}

/// Returns the request headers of a page that may read the response.
fn allowed_origin(origins: &Origins) -> HeaderMap {
    let origin = match origins {
        Origins::List(list) => list
            .first()
            .and_then(|origin| HeaderValue::try_from(origin).ok()),
        Origins::Any | Origins::Same => None,
    };
    origin
        .into_iter()
        .map(|origin| (ORIGIN, origin))
        .collect::<HeaderMap>()
}

/// Returns the body as JSON if it is JSON, else as text; `None` if it is empty.
fn example(response: Response<Body>) -> Option<Value> {
    let body = response.into_body().collect().now_or_never()?;
    let bytes = body.ok()?.to_bytes();
    let text = std::str::from_utf8(&bytes)
        .ok()
        .filter(|text| !text.is_empty())?;
    Some(serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())))
}
