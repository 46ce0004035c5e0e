//! Validates the part of JSON Schema that the OpenAPI document uses. An unknown keyword ends the test, so that nothing
//! in a schema goes unchecked. An object may have no undescribed field: clients must accept more fields, but every
//! field that is served must be described.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should panic where it stands"
)]

use chrono::{DateTime, NaiveDate};
use regex_lite::Regex;
use serde_json::{Value, json};

/// What says nothing of a value.
const REMARKS: [&str; 3] = ["description", "examples", "contentMediaType"];

/// Validates `value` against `schema` of `document`. Returns one line for each error, which begins with its location.
pub fn complaints(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut check = Check {
        document,
        complaints: Vec::new(),
    };
    check.value("", schema, value);
    check.complaints
}

/// Resolves a reference such as `#/components/schemas/Today`. Returns `thing` itself if it is no reference.
#[track_caller]
pub fn resolve<'a>(document: &'a Value, thing: &'a Value) -> &'a Value {
    let reference = thing.get("$ref").and_then(Value::as_str);
    reference.map_or(thing, |reference| {
        let found = document.pointer(reference.strip_prefix('#').unwrap());
        found.unwrap_or_else(|| panic!("{reference} leads nowhere"))
    })
}

struct Check<'a> {
    document: &'a Value,
    complaints: Vec<String>,
}

impl Check<'_> {
    fn value(&mut self, at: &str, schema: &Value, value: &Value) {
        let schema = resolve(self.document, schema);
        for (keyword, wanted) in schema.as_object().unwrap() {
            if !self.holds(at, schema, keyword, wanted, value) {
                let line = format!("{at}: {value} against {keyword} {wanted}");
                self.complaints.push(line);
            }
        }
    }

    fn holds(
        &mut self,
        at: &str,
        schema: &Value,
        keyword: &str,
        wanted: &Value,
        value: &Value,
    ) -> bool {
        match keyword {
            "type" => match wanted {
                Value::Array(types) => types.iter().any(|one| is_of(one, value)),
                one => is_of(one, value),
            },
            "enum" => wanted.as_array().unwrap().contains(value),
            "minimum" => value
                .as_f64()
                .is_none_or(|number| number >= wanted.as_f64().unwrap()),
            "maximum" => value
                .as_f64()
                .is_none_or(|number| number <= wanted.as_f64().unwrap()),
            "pattern" => text(value)
                .is_none_or(|text| Regex::new(wanted.as_str().unwrap()).unwrap().is_match(text)),
            "format" => is_written_as(wanted.as_str().unwrap(), value),
            "minItems" => value
                .as_array()
                .is_none_or(|items| json!(items.len()).as_u64() >= wanted.as_u64()),
            "maxItems" => value
                .as_array()
                .is_none_or(|items| json!(items.len()).as_u64() <= wanted.as_u64()),
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    self.value(&format!("{at}/{index}"), wanted, item);
                }
                true
            }
            "required" => wanted.as_array().unwrap().iter().all(|name| {
                let fields = value.as_object();
                fields.is_none_or(|fields| fields.contains_key(name.as_str().unwrap()))
            }),
            "properties" | "additionalProperties" => {
                for (name, field) in value.as_object().into_iter().flatten() {
                    let described = &schema["properties"][name];
                    let at = format!("{at}/{name}");
                    match (keyword, described.is_object()) {
                        ("properties", true) => self.value(&at, described, field),
                        ("additionalProperties", false) => self.value(&at, wanted, field),
                        ("properties", false) if schema.get("additionalProperties").is_none() => {
                            self.complaints.push(format!("{at}: is not described"));
                        }
                        _ => {}
                    }
                }
                true
            }
            "propertyNames" => {
                for name in value
                    .as_object()
                    .into_iter()
                    .flatten()
                    .map(|(name, _)| name)
                {
                    self.value(&format!("{at}/{name}"), wanted, &json!(name));
                }
                true
            }
            "oneOf" => {
                let ways = wanted.as_array().unwrap().iter();
                ways.filter(|way| complaints(self.document, way, value).is_empty())
                    .count()
                    == 1
            }
            remark => {
                assert!(REMARKS.contains(&remark), "{remark} is not known here");
                true
            }
        }
    }
}

fn text(value: &Value) -> Option<&str> {
    value.as_str()
}

fn is_of(one: &Value, value: &Value) -> bool {
    match one.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{other} is no type"),
    }
}

fn is_written_as(format: &str, value: &Value) -> bool {
    match format {
        "date" => text(value).is_none_or(|text| text.parse::<NaiveDate>().is_ok()),
        "date-time" => text(value).is_none_or(|text| DateTime::parse_from_rfc3339(text).is_ok()),
        "int32" => value
            .as_i64()
            .is_none_or(|number| i32::try_from(number).is_ok()),
        "int64" | "double" => true,
        other => panic!("{other} is not known here"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_as_described_is_complained_of() {
        let document = json!({ "components": { "schemas": { "Row": {
            "type": "object",
            "required": ["rank"],
            "properties": {
                "rank": { "type": "integer", "minimum": 1, "maximum": 10 },
                "name": { "type": ["string", "null"], "pattern": "^[a-z]+$" },
                "day": { "type": "string", "format": "date" },
                "kind": { "oneOf": [{ "enum": ["a", "b"] }, { "enum": ["b"] }] },
            },
        } } } });
        let rows = json!({ "type": "array", "minItems": 1, "maxItems": 2, "items": { "$ref": "#/components/schemas/Row" } });
        for right in [
            json!([{ "rank": 1 }]),
            json!([{ "rank": 10, "name": null, "day": "2025-09-23", "kind": "a" }, { "rank": 2, "name": "x" }]),
        ] {
            assert_eq!(complaints(&document, &rows, &right), [""; 0], "{right}");
        }
        for wrong in [
            json!([]),
            json!([{ "rank": 1 }, { "rank": 1 }, { "rank": 1 }]),
            json!({}),
            json!([{}]),
            json!([{ "rank": 0 }]),
            json!([{ "rank": 11 }]),
            json!([{ "rank": 1.5 }]),
            json!([{ "rank": "1" }]),
            json!([{ "rank": 1, "name": "X" }]),
            json!([{ "rank": 1, "name": 7 }]),
            json!([{ "rank": 1, "day": "2025-02-30" }]),
            json!([{ "rank": 1, "kind": "b" }]),
            json!([{ "rank": 1, "more": 1 }]),
        ] {
            assert_eq!(complaints(&document, &rows, &wrong).len(), 1, "{wrong}");
        }
    }
}
