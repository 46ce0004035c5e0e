//! Validates the part of JSON Schema that the OpenAPI document uses. An unknown keyword ends the test, so that nothing
//! in a schema goes unchecked. An object may have no undescribed field: clients must accept more fields, but every
//! field that is served must be described. (The crate `jsonschema` has a dependency whose licence `deny.toml` refuses.)

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should panic where it stands"
)]

use chrono::{DateTime, NaiveDate};
use regex_lite::Regex;
use serde_json::{Value, json};

/// Validates `value` against `schema` of `document`. Returns one line for each error, which begins with its location.
pub fn errors(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut errors = Vec::new();
    validate(document, "", schema, value, &mut errors);
    errors
}

/// Resolves a reference such as `#/components/schemas/Today`. Returns `value` itself if it is no reference.
#[track_caller]
pub fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let reference = value.get("$ref").and_then(Value::as_str);
    reference.map_or(value, |reference| {
        let found = document.pointer(reference.strip_prefix('#').unwrap());
        found.unwrap_or_else(|| panic!("{reference} does not exist"))
    })
}

fn validate(document: &Value, at: &str, schema: &Value, value: &Value, errors: &mut Vec<String>) {
    let schema = resolve(document, schema);
    let none = json!({});
    for (keyword, expected) in schema.as_object().unwrap() {
        let is_valid = match keyword.as_str() {
            "description" | "examples" | "contentMediaType" => true,
            "type" => match expected.as_array() {
                Some(types) => types.iter().any(|name| has_type(name, value)),
                None => has_type(expected, value),
            },
            "enum" => expected.as_array().unwrap().contains(value),
            "minimum" => value
                .as_f64()
                .is_none_or(|number| number >= expected.as_f64().unwrap()),
            "maximum" => value
                .as_f64()
                .is_none_or(|number| number <= expected.as_f64().unwrap()),
            "minItems" => value
                .as_array()
                .is_none_or(|items| items.len() >= length(expected)),
            "maxItems" => value
                .as_array()
                .is_none_or(|items| items.len() <= length(expected)),
            "pattern" => {
                let pattern = Regex::new(expected.as_str().unwrap()).unwrap();
                value.as_str().is_none_or(|text| pattern.is_match(text))
            }
            "format" => has_format(expected.as_str().unwrap(), value),
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    validate(document, &format!("{at}/{index}"), expected, item, errors);
                }
                true
            }
            "required" => expected
                .as_array()
                .unwrap()
                .iter()
                .all(|name| !value.is_object() || value.get(name.as_str().unwrap()).is_some()),
            "properties" | "additionalProperties" | "propertyNames" => {
                let described = schema.get("properties").unwrap_or(&none);
                for (name, field) in value.as_object().into_iter().flatten() {
                    let at = format!("{at}/{name}");
                    match (keyword.as_str(), described.get(name)) {
                        ("propertyNames", _) => {
                            validate(document, &at, expected, &json!(name), errors);
                        }
                        ("properties", Some(schema)) => {
                            validate(document, &at, schema, field, errors);
                        }
                        ("additionalProperties", None) => {
                            validate(document, &at, expected, field, errors);
                        }
                        ("properties", None) if schema.get("additionalProperties").is_none() => {
                            errors.push(format!("{at}: is not described"));
                        }
                        _ => {}
                    }
                }
                true
            }
            "oneOf" => {
                let schemas = expected.as_array().unwrap().iter();
                let valid =
                    schemas.filter(|schema| self::errors(document, schema, value).is_empty());
                valid.count() == 1
            }
            unknown => panic!("the keyword {unknown} is not supported"),
        };
        if !is_valid {
            errors.push(format!("{at}: {value} against {keyword} {expected}"));
        }
    }
}

fn length(expected: &Value) -> usize {
    usize::try_from(expected.as_u64().unwrap()).unwrap()
}

fn has_type(name: &Value, value: &Value) -> bool {
    match name.as_str().unwrap() {
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

fn has_format(format: &str, value: &Value) -> bool {
    match (format, value.as_str()) {
        ("date", Some(text)) => text.parse::<NaiveDate>().is_ok(),
        ("date-time", Some(text)) => DateTime::parse_from_rfc3339(text).is_ok(),
        ("int32", _) => value
            .as_i64()
            .is_none_or(|number| i32::try_from(number).is_ok()),
        ("int64" | "double" | "date" | "date-time", _) => true,
        (other, _) => panic!("the format {other} is not supported"),
    }
}
