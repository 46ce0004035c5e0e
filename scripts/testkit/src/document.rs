//! Checks responses against the OpenAPI document. A response that does not fit ends the test.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should panic where it stands"
)]

use crate::http::Answer;
use crate::json_schema::{complaints, resolve};
use serde_json::{Map, Value, json};

/// Headers that the document does not have to describe.
const OF_HTTP: [&str; 5] = [
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
        let paths = self.0["paths"].as_object().unwrap();
        paths.keys().map(String::as_str).collect()
    }

    /// Every operation: its path, its method in lower case, and its description.
    pub fn operations(&self) -> impl Iterator<Item = (&str, &str, &Value)> {
        let paths = self.0["paths"].as_object().unwrap().iter();
        paths.flat_map(|(path, item)| {
            let item = item.as_object().unwrap().iter();
            item.map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
        })
    }

    /// Checks the response of an operation.
    #[track_caller]
    pub fn check(&self, method: &str, path: &str, answer: &Answer) {
        let what = format!("{method} {path} {}", answer.status);
        let operation = &self.0["paths"][path][method.to_lowercase()];
        let told = &operation["responses"][answer.status.to_string()];
        assert!(told.is_object(), "{what} is not in the document");
        self.check_as(&what, told, answer);
    }

    /// Checks a response that belongs to no operation, such as 404, against the named response.
    #[track_caller]
    pub fn check_response(&self, name: &str, answer: &Answer) {
        let told = &self.0["components"]["responses"][name];
        assert!(told.is_object(), "{name} is not in the document");
        self.check_as(name, told, answer);
    }

    #[track_caller]
    fn check_as(&self, what: &str, told: &Value, answer: &Answer) {
        let told = self.resolve(told);
        let none = Map::new();
        let headers = told["headers"].as_object().unwrap_or(&none);
        for (name, value) in &answer.headers {
            if OF_HTTP.contains(&name.as_str()) {
                continue;
            }
            let header = headers
                .iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(name));
            let (_, header) = header.unwrap_or_else(|| panic!("{what}: {name} is not told of"));
            self.check_header(&format!("{what}: {name}"), self.resolve(header), value);
        }
        for (name, header) in headers {
            let is_there = answer
                .headers
                .iter()
                .any(|(key, _)| name.eq_ignore_ascii_case(key));
            let required = self.resolve(header)["required"] == true;
            assert!(is_there || !required, "{what}: {name} is missing");
        }
        let Some(content) = told["content"].as_object() else {
            assert!(answer.body.is_empty(), "{what} has a body");
            return;
        };
        let content_type = answer.header("content-type").unwrap_or_default();
        let media = content.get(content_type);
        let media = media.unwrap_or_else(|| panic!("{what} is {content_type}"));
        self.check_value(what, &media["schema"], &value(content_type, answer.text()));
    }

    #[track_caller]
    fn check_header(&self, what: &str, header: &Value, text: &str) {
        let is_number = header["schema"]["type"] == "integer";
        let value = match is_number {
            true => json!(
                text.parse::<u64>()
                    .unwrap_or_else(|_| panic!("{what}: {text}"))
            ),
            false => json!(text),
        };
        self.check_value(what, &header["schema"], &value);
    }

    /// Checks a value against a schema of the document.
    #[track_caller]
    pub fn check_schema(&self, name: &str, value: &Value) {
        let reference = json!({ "$ref": format!("#/components/schemas/{name}") });
        self.check_value(name, &reference, value);
    }

    #[track_caller]
    fn check_value(&self, what: &str, schema: &Value, value: &Value) {
        let found = complaints(&self.0, schema, value);
        assert!(found.is_empty(), "{what}: {found:#?}\n{value:#}");
    }

    /// Checks the document itself: references resolve, operations and headers have descriptions, operations have unique
    /// names, and examples fit their schemas.
    pub fn check_itself(&self) {
        self.check_references(&self.0);
        let mut names = Vec::new();
        for (path, method, operation) in self.operations() {
            let what = format!("{method} {path}");
            assert!(METHODS.contains(&method), "{what}");
            for said in ["summary", "operationId"] {
                assert!(operation[said].is_string(), "{what}: {said}");
            }
            assert!(operation["tags"][0].is_string(), "{what}: tags");
            names.push(operation["operationId"].as_str().unwrap());
            for (status, told) in operation["responses"].as_object().unwrap() {
                self.check_told(&format!("{what} {status}"), self.resolve(told));
            }
        }
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all, "two operations have one name");
        for (name, told) in self.0["components"]["responses"].as_object().unwrap() {
            self.check_told(name, told);
        }
    }

    fn check_told(&self, what: &str, told: &Value) {
        assert!(told["description"].is_string(), "{what}");
        let none = Map::new();
        for (name, header) in told["headers"].as_object().unwrap_or(&none) {
            let header = self.resolve(header);
            assert!(header["description"].is_string(), "{what}: {name}");
            self.check_value(
                &format!("{what}: {name}"),
                &header["schema"],
                &header["example"],
            );
        }
        for (media_type, media) in told["content"].as_object().unwrap_or(&none) {
            let what = format!("{what}: {media_type}");
            if let Some(example) = media.get("example") {
                self.check_value(&what, &media["schema"], example);
            }
            assert!(
                media["example"].is_object()
                    || !media_type.contains("json")
                    || what.contains("/docs/json"),
                "{what}: no example"
            );
        }
    }

    fn check_references(&self, value: &Value) {
        self.resolve(value);
        match value {
            Value::Object(fields) => fields
                .values()
                .for_each(|field| self.check_references(field)),
            Value::Array(items) => items.iter().for_each(|item| self.check_references(item)),
            _ => {}
        }
    }

    #[track_caller]
    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        resolve(&self.0, value)
    }
}

fn value(content_type: &str, text: &str) -> Value {
    match content_type.contains("json") {
        true => serde_json::from_str(text).unwrap(),
        false => json!(text),
    }
}
