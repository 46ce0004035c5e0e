//! The format of `LIBRARY_FILE`. A file that does not match it exactly is rejected as a whole, so that a typing error is
//! reported and does not silently hide a field.

use crate::library::validation::{check_date, check_rows, check_text, check_time};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Names and reasons, in characters: longer ones would not fit on any screen.
const MAX_NAME: usize = 200;
/// The text of a notice, in characters.
const MAX_NOTICE: usize = 1_000;

/// What the library says about itself. Every field is optional; all texts are plain text, and all days and times are in
/// the library's time zone.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Library)]
pub struct LibraryInformation {
    /// The name of the library.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    name: Option<String>,
    /// A line below the name, such as the institution.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    subtitle: Option<String>,
    /// The library's number in the national register (*nomor pokok perpustakaan*).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    npp: Option<String>,
    /// The name of the logo's file. If it is there, the logo is served at `/logo`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    logo: Option<String>,
    /// The opening hours. A day with a break has two rows, and a day without a row is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    hours: Option<Vec<OpeningHours>>,
    /// Days on which the library is closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    closed: Option<Vec<ClosedDay>>,
    /// Notices for visitors, past and future ones included.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    notices: Option<Vec<Notice>>,
}

/// The hours of a weekday.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpeningHours {
    /// From 1, Monday, to 7, Sunday.
    #[schema(minimum = 1, maximum = 7)]
    weekday: u8,
    /// When the library opens.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    open: Option<String>,
    /// When it closes, later than `open`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    close: Option<String>,
}

/// A day on which the library is closed.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClosedDay {
    /// The day.
    #[schema(format = Date)]
    date: String,
    /// Why it is closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reason: Option<String>,
}

/// A notice for visitors.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Notice {
    /// The notice.
    text: String,
    /// The first day on which to show it; at once if it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = Date)]
    from: Option<String>,
    /// The last day on which to show it; without end if it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = Date)]
    until: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, inline)]
    level: Option<NoticeLevel>,
}

/// How important the notice is: `info` (also if it is absent): good to know; `alert`: visitors must know it before they
/// come.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum NoticeLevel {
    /// Good to know.
    Info,
    /// Visitors must know it before they come.
    Alert,
}

impl LibraryInformation {
    /// Parses and validates the content of the file.
    ///
    /// # Errors
    /// Says what is wrong and where, without repeating a value of the file.
    pub fn parse(file: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(file).map_err(|_| "it is not UTF-8")?;
        // Some editors begin a file with a byte order mark.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let information: Self = serde_json::from_str(text).map_err(|e| describe(&e))?;
        information.validate()?;
        Ok(information)
    }

    /// Returns the name of the logo's file.
    pub fn logo(&self) -> Option<&str> {
        self.logo.as_deref()
    }

    fn validate(&self) -> Result<(), String> {
        check_text("name", self.name.as_deref(), MAX_NAME)?;
        check_text("subtitle", self.subtitle.as_deref(), MAX_NAME)?;
        check_text("npp", self.npp.as_deref(), MAX_NAME)?;
        check_text("logo", self.logo.as_deref(), MAX_NAME)?;
        check_rows("hours", self.hours.as_deref(), OpeningHours::validate)?;
        check_rows("closed", self.closed.as_deref(), ClosedDay::validate)?;
        check_rows("notices", self.notices.as_deref(), Notice::validate)
    }
}

impl OpeningHours {
    fn validate(&self) -> Result<(), String> {
        if !(1..=7).contains(&self.weekday) {
            return Err("weekday is not 1 (Monday) to 7 (Sunday)".to_owned());
        }
        check_time("open", self.open.as_deref())?;
        check_time("close", self.close.as_deref())?;
        // Valid times and dates are in order if their texts are.
        match (&self.open, &self.close) {
            (Some(open), Some(close)) if open >= close => {
                Err("open is not earlier than close".to_owned())
            }
            _ => Ok(()),
        }
    }
}

impl ClosedDay {
    fn validate(&self) -> Result<(), String> {
        check_date("date", Some(&self.date))?;
        check_text("reason", self.reason.as_deref(), MAX_NAME)
    }
}

impl Notice {
    fn validate(&self) -> Result<(), String> {
        check_text("text", Some(&self.text), MAX_NOTICE)?;
        check_date("from", self.from.as_deref())?;
        check_date("until", self.until.as_deref())?;
        match (&self.from, &self.until) {
            (Some(from), Some(until)) if from > until => Err("from is later than until".to_owned()),
            _ => Ok(()),
        }
    }
}

/// Describes an error of the parser without the value that it found: a value may be the name of a person.
fn describe(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(", expected ") {
        Some((found, expected)) => {
            let kind = found.split([':', '`']).next().unwrap_or_default();
            format!("{}, expected {expected}", kind.trim())
        }
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the README.
    const EXAMPLE: &str = include_str!("../../docs/library.json");

    fn error(text: &str) -> String {
        LibraryInformation::parse(text.as_bytes()).unwrap_err()
    }

    #[test]
    fn valid_file_is_kept_field_by_field() {
        let mut all: serde_json::Value = serde_json::from_str(EXAMPLE).unwrap();
        for field in [
            "name", "subtitle", "npp", "logo", "hours", "closed", "notices",
        ] {
            assert!(all.get(field).is_some(), "{field} is not in the example");
        }
        loop {
            let text = all.to_string();
            let parsed = LibraryInformation::parse(text.as_bytes()).unwrap();
            assert_eq!(serde_json::to_value(parsed).unwrap(), all);
            let fields = all.as_object_mut().unwrap();
            let Some(field) = fields.keys().next().cloned() else {
                break;
            };
            fields.remove(&field);
        }
    }

    #[test]
    fn rows_may_leave_out_their_optional_fields() {
        for text in [
            "\u{feff}{}",
            r#"{"name":null,"hours":[]}"#,
            r#"{"hours":[{"weekday":7},{"weekday":7,"open":"23:58","close":"23:59"}]}"#,
            r#"{"hours":[{"weekday":5,"open":"08:00"},{"weekday":5,"close":"00:00"}]}"#,
            r#"{"closed":[{"date":"2024-02-29"}]}"#,
            r#"{"notices":[{"text":"a","from":"2025-12-25","until":"2025-12-25"},{"text":"b","level":"alert"}]}"#,
        ] {
            let parsed = LibraryInformation::parse(text.as_bytes());
            assert!(parsed.is_ok(), "{text}: {parsed:?}");
        }
    }

    #[test]
    fn each_error_names_its_place() {
        let name = format!(r#"{{"name":"{}"}}"#, "é".repeat(201));
        let notice = format!(r#"{{"notices":[{{"text":"{}"}}]}}"#, "é".repeat(1_001));
        let cases = [
            ("", "EOF while parsing a value at line 1 column 0"),
            (
                "[]",
                "invalid length 0, expected struct LibraryInformation with 7 elements at line 1 column 2",
            ),
            ("{} {}", "trailing characters at line 1 column 4"),
            (
                "{\"name\":\n3}",
                "invalid type, expected a string at line 2 column 1",
            ),
            (
                r#"{"hours":{}}"#,
                "invalid type, expected a sequence at line 1 column 9",
            ),
            (
                r#"{"name":"a","name":"b"}"#,
                "duplicate field `name` at line 1 column 18",
            ),
            (r#"{"name":" "}"#, "name is empty"),
            (
                r#"{"subtitle":"a\u0007"}"#,
                "subtitle contains a control character, such as a line break",
            ),
            (&name, "name is longer than 200 characters"),
            (
                &notice,
                "notices, row 1: text is longer than 1000 characters",
            ),
            (
                r#"{"hours":[{"weekday":1},{"weekday":0}]}"#,
                "hours, row 2: weekday is not 1 (Monday) to 7 (Sunday)",
            ),
            (
                r#"{"hours":[{"weekday":8}]}"#,
                "hours, row 1: weekday is not 1 (Monday) to 7 (Sunday)",
            ),
            (
                r#"{"hours":[{}]}"#,
                "missing field `weekday` at line 1 column 12",
            ),
            (
                r#"{"hours":[{"weekday":1,"open":"8:00"}]}"#,
                "hours, row 1: open is not a time such as 08:00",
            ),
            (
                r#"{"hours":[{"weekday":1,"close":"24:00"}]}"#,
                "hours, row 1: close is not a time such as 08:00",
            ),
            (
                r#"{"hours":[{"weekday":1,"close":"08:60"}]}"#,
                "hours, row 1: close is not a time such as 08:00",
            ),
            (
                r#"{"hours":[{"weekday":1,"open":"08:00:00"}]}"#,
                "hours, row 1: open is not a time such as 08:00",
            ),
            (
                r#"{"hours":[{"weekday":1,"open":"16:00","close":"16:00"}]}"#,
                "hours, row 1: open is not earlier than close",
            ),
            (
                r#"{"closed":[{"date":"2025-02-29"}]}"#,
                "closed, row 1: date is not a date such as 2025-12-25",
            ),
            (
                r#"{"closed":[{"date":"2025-2-9"}]}"#,
                "closed, row 1: date is not a date such as 2025-12-25",
            ),
            (
                r#"{"closed":[{"reason":"a"}]}"#,
                "missing field `date` at line 1 column 25",
            ),
            (
                r#"{"notices":[{"text":"a","from":"soon"}]}"#,
                "notices, row 1: from is not a date such as 2025-12-25",
            ),
            (
                r#"{"notices":[{"text":"a","from":"2025-12-26","until":"2025-12-25"}]}"#,
                "notices, row 1: from is later than until",
            ),
            (
                r#"{"notices":[{"text":"a","level":"Budi"}]}"#,
                "unknown variant, expected `info` or `alert` at line 1 column 38",
            ),
            (
                r#"{"notices":[{}]}"#,
                "missing field `text` at line 1 column 14",
            ),
        ];
        let found = cases.map(|(text, _)| {
            let parsed = LibraryInformation::parse(text.as_bytes());
            (text, parsed.err().unwrap_or_default())
        });
        let expected = cases.map(|(text, expected)| (text, expected.to_owned()));
        assert_eq!(found, expected);
        let not_utf8 = LibraryInformation::parse(b"{\"name\":\"\xe9\"}");
        assert_eq!(not_utf8.unwrap_err(), "it is not UTF-8");
    }

    #[test]
    fn unknown_fields_are_rejected_at_every_level() {
        for text in [
            r#"{"nmae":"Budi"}"#,
            r#"{"hours":[{"weekday":1,"Budi":"08:00"}]}"#,
            r#"{"closed":[{"date":"2025-12-25","Budi":1}]}"#,
            r#"{"notices":[{"text":"a","Budi":1}]}"#,
        ] {
            let error = error(text);
            assert!(error.starts_with("unknown field, expected "), "{error}");
        }
    }

    #[test]
    fn errors_do_not_repeat_values() {
        for text in [
            r#"{"hours":[{"weekday":"Budi"}]}"#,
            r#"{"hours":"Budi, expected Budi"}"#,
            r#"{"closed":[{"date":"Budi"}]}"#,
            r#"{"notices":[{"text":"Budi\n"}]}"#,
            r#"{"Budi":1}"#,
        ] {
            assert!(!error(text).contains("Budi"), "{}", error(text));
        }
    }
}
