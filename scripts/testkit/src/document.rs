//! Checks responses against the OpenAPI document. A response that does not match ends the test.

use crate::http::Response;
use crate::json_schema::{errors, resolve};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Headers that the document does not have to describe.
const HTTP_HEADERS: [&str; 5] = [
    "content-type",
    "content-length",
    "connection",
    "date",
    "transfer-encoding",
];
const METHODS: [&str; 3] = ["get", "head", "options"];

/// The OpenAPI document, as served.
#[derive(Debug)]
pub struct Document(pub Value);

impl Document {
    /// Every path of the document.
    pub fn paths(&self) -> Vec<&str> {
        fields(&self.0["paths"]).map(|(path, _)| path).collect()
    }

    /// Every operation: its path, its method in lower case, and its description.
    pub fn operations(&self) -> impl Iterator<Item = (&str, &str, &Value)> {
        fields(&self.0["paths"]).flat_map(|(path, item)| {
            fields(item).map(move |(method, operation)| (path, method, operation))
        })
    }

    /// Checks the response of an operation.
    #[track_caller]
    pub fn check(&self, method: &str, path: &str, response: &Response) {
        let what = format!("{method} {path} {}", response.status);
        let operation = &self.0["paths"][path][method.to_lowercase()];
        let described = &operation["responses"][response.status.to_string()];
        self.check_against(&what, described, response);
    }

    /// Checks a response that belongs to no operation, such as 404, against the named response.
    #[track_caller]
    pub fn check_response(&self, name: &str, response: &Response) {
        let described = &self.0["components"]["responses"][name];
        self.check_against(name, described, response);
    }

    /// Checks a value against a schema of the document.
    #[track_caller]
    pub fn check_schema(&self, name: &str, value: &Value) {
        let reference = json!({ "$ref": format!("#/components/schemas/{name}") });
        self.check_value(name, &reference, value);
    }

    #[track_caller]
    fn check_against(&self, what: &str, described: &Value, response: &Response) {
        assert!(described.is_object(), "{what} is not in the document");
        let described = self.resolve(described);
        for (name, value) in &response.headers {
            if HTTP_HEADERS.contains(&name.as_str()) {
                continue;
            }
            let mut headers = fields(&described["headers"]);
            let header = headers.find(|(key, _)| key.eq_ignore_ascii_case(name));
            let (_, header) = header.unwrap_or_else(|| panic!("{what}: {name} is not described"));
            let schema = &self.resolve(header)["schema"];
            let value = match schema["type"] == "integer" {
                true => value.parse::<u64>().map_or(Value::Null, Value::from),
                false => json!(value),
            };
            self.check_value(&format!("{what}: {name}"), schema, &value);
        }
        for (name, header) in fields(&described["headers"]) {
            let mut headers = response.headers.iter();
            let is_there = headers.any(|(key, _)| name.eq_ignore_ascii_case(key));
            let required = self.resolve(header)["required"] == true;
            assert!(is_there || !required, "{what}: {name} is missing");
        }
        if !described["content"].is_object() {
            assert!(response.body.is_empty(), "{what} has a body");
            return;
        }
        let content_type = response.header("content-type").unwrap_or_default();
        let media = described["content"].get(content_type);
        let media = media.unwrap_or_else(|| panic!("{what} is {content_type}"));
        let value = match content_type.contains("json") {
            true => response.json(),
            false => json!(response.text()),
        };
        self.check_value(what, &media["schema"], &value);
    }

    #[track_caller]
    fn check_value(&self, what: &str, schema: &Value, value: &Value) {
        let found = errors(&self.0, schema, value);
        assert!(found.is_empty(), "{what}: {found:#?}\n{value:#}");
    }

    /// Checks the document itself: references resolve, operations and headers have descriptions, operations have unique
    /// names, and examples match their schemas.
    pub fn check_itself(&self) {
        self.check_references(&self.0);
        let mut names = BTreeSet::new();
        for (path, method, operation) in self.operations() {
            let what = format!("{method} {path}");
            assert!(METHODS.contains(&method), "{what}");
            assert!(operation["summary"].is_string(), "{what}: summary");
            assert!(operation["tags"][0].is_string(), "{what}: tags");
            let name = operation["operationId"].as_str().expect("a name");
            assert!(names.insert(name), "{name} is there twice");
            for (status, response) in fields(&operation["responses"]) {
                self.check_examples(&format!("{what} {status}"), self.resolve(response));
            }
        }
        for (name, response) in fields(&self.0["components"]["responses"]) {
            self.check_examples(name, response);
        }
    }

    fn check_examples(&self, what: &str, response: &Value) {
        assert!(response["description"].is_string(), "{what}");
        for (name, header) in fields(&response["headers"]) {
            let (what, header) = (format!("{what}: {name}"), self.resolve(header));
            assert!(header["description"].is_string(), "{what}");
            self.check_value(&what, &header["schema"], &header["example"]);
        }
        for (media_type, media) in fields(&response["content"]) {
            let what = format!("{what}: {media_type}");
            if let Some(example) = media.get("example") {
                self.check_value(&what, &media["schema"], example);
            }
            let needs_example = media_type.contains("json") && !what.contains("/docs/json");
            assert!(
                media["example"].is_object() || !needs_example,
                "{what}: no example"
            );
        }
    }

    fn check_references(&self, value: &Value) {
        self.resolve(value);
        fields(value).for_each(|(_, field)| self.check_references(field));
        value
            .as_array()
            .into_iter()
            .flatten()
            .for_each(|item| self.check_references(item));
    }

    #[track_caller]
    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        resolve(&self.0, value)
    }
}

/// The fields of an object. Any other value has none.
fn fields(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let fields = value.as_object().into_iter().flat_map(Map::iter);
    fields.map(|(name, value)| (name.as_str(), value))
}
