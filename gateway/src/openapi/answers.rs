//! One answer of the document, made of a real one: its status, its headers and its body are what is sent.

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
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder, Schema};

/// A real answer, and what is to be said of it.
#[derive(Clone)]
pub struct Answer {
    /// The answer.
    pub real: Response<Body>,
    /// When it is given.
    pub says: &'static str,
    /// What its body is; `None` for one without.
    pub schema: Option<RefOr<Schema>>,
}

/// What every path may be answered, by its status; without the paths that have an answer of their own for it.
const COMMON: [(&str, &str); 3] = [
    ("400", "NotHttp"),
    ("431", "HeadTooLarge"),
    ("503", "NoPlace"),
];

/// Answers to refer to, by their names.
pub fn common(config: &Config) -> Vec<(String, utoipa::openapi::Response)> {
    let problem = |name: &str, real, says| {
        let schema = Some(figures::reference(Problem::name()));
        let answer = Answer { real, says, schema };
        (name.to_owned(), written(answer, config))
    };
    let bare = |name: &str, says: &str| (name.to_owned(), utoipa::openapi::Response::new(says));
    vec![
        bare(
            "NotHttp",
            "What came is not a request of HTTP/1.1. No body; the connection ends.",
        ),
        bare(
            "HeadTooLarge",
            "Request line and headers are larger than 16 KiB. No body; the connection ends.",
        ),
        problem(
            "NotFound",
            response::not_found(),
            "To any method: nothing is served under this path, or it is switched off.",
        ),
        problem(
            "MethodNotAllowed",
            response::method_not_allowed(),
            "To any method but GET, HEAD and OPTIONS.",
        ),
        problem(
            "NoPlace",
            response::too_busy("all places for connections are taken"),
            "All places are taken, or all that one client address may have; or this gateway stops, and another has a place. \
             Nothing is dropped without this word.",
        ),
    ]
}

/// References to those that any path may be answered.
pub fn of_every_path() -> impl Iterator<Item = (&'static str, Ref)> {
    let common = COMMON.into_iter();
    common.map(|(status, name)| (status, Ref::from_response_name(name)))
}

/// An answer under its status, as the document tells of it.
pub fn told(answer: Answer, config: &Config) -> (String, utoipa::openapi::Response) {
    let status = answer.real.status().as_str().to_owned();
    (status, written(answer, config))
}

fn written(answer: Answer, config: &Config) -> utoipa::openapi::Response {
    let Answer {
        mut real,
        says,
        schema,
    } = answer;
    config
        .origins
        .allow(&asking(&config.origins), real.headers_mut());
    if real.status() == StatusCode::OK && real.headers().contains_key(ETAG) {
        // Of the answers in all codings one is the example.
        real.headers_mut()
            .insert(CONTENT_ENCODING, HeaderValue::from_static("br"));
    }
    if config.access_log {
        let id = HeaderValue::from_static("4bf92f3577b34da6a3ce929d0e0e4736");
        real.headers_mut().insert(REQUEST_ID, id);
    }
    let mut told = ResponseBuilder::new().description(says);
    for (name, value) in real.headers() {
        told = match headers::of(name, value) {
            Some((name, RefOr::T(header))) => told.header(name, header),
            Some((name, RefOr::Ref(reference))) => told.header_ref(name, reference),
            None => told,
        };
    }
    let content_type = real.headers().get(CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    if let (Some(content_type), Some(schema)) = (content_type, schema) {
        let content_type = content_type.to_owned();
        let content = ContentBuilder::new()
            .schema(Some(schema))
            .example(example(real));
        return told.content(content_type, content.build()).build();
    }
    told.build()
}

/// A browser's request from a page that may read the answer.
fn asking(origins: &Origins) -> HeaderMap {
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

/// The body: JSON as such, anything else as text, nothing for none.
fn example(real: Response<Body>) -> Option<Value> {
    let whole = real.into_body().collect().now_or_never()?;
    let bytes = whole.ok()?.to_bytes();
    let text = std::str::from_utf8(&bytes)
        .ok()
        .filter(|text| !text.is_empty())?;
    Some(serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())))
}
