//! Checks of single fields of `LIBRARY_FILE`. An absent field is valid.

use chrono::{NaiveDate, NaiveTime};

/// Validates each row of a list; an error names the row, counted from 1.
///
/// # Errors
/// Says what is wrong, without repeating the value.
pub fn check_rows<Row>(
    field: &str,
    rows: Option<&[Row]>,
    validate: impl Fn(&Row) -> Result<(), String>,
) -> Result<(), String> {
    for (number, row) in (1..).zip(rows.into_iter().flatten()) {
        validate(row).map_err(|error| format!("{field}, row {number}: {error}"))?;
    }
    Ok(())
}

/// Checks that a text is not blank, of one line, and at most `max_chars` characters long.
///
/// # Errors
/// Says what is wrong, without repeating the value.
pub fn check_text(field: &str, text: Option<&str>, max_chars: usize) -> Result<(), String> {
    match text {
        Some(text) if text.trim().is_empty() => Err(format!("{field} is empty")),
        Some(text) if text.chars().count() > max_chars => {
            Err(format!("{field} is longer than {max_chars} characters"))
        }
        Some(text) if text.contains(char::is_control) => Err(format!(
            "{field} contains a control character, such as a line break"
        )),
        _ => Ok(()),
    }
}

/// Checks that a text is a time such as `08:00`.
///
/// # Errors
/// Says what is wrong, without repeating the value.
pub fn check_time(field: &str, text: Option<&str>) -> Result<(), String> {
    let is_time = |text: &str| {
        let time = NaiveTime::parse_from_str(text, "%H:%M");
        time.is_ok_and(|time| time.format("%H:%M").to_string() == text)
    };
    match text.is_none_or(is_time) {
        true => Ok(()),
        false => Err(format!("{field} is not a time such as 08:00")),
    }
}

/// Checks that a text is a date such as `2025-12-25`.
///
/// # Errors
/// Says what is wrong, without repeating the value.
pub fn check_date(field: &str, text: Option<&str>) -> Result<(), String> {
    let is_date = |text: &str| {
        let date = text.parse::<NaiveDate>();
        date.is_ok_and(|date| date.to_string() == text && text.len() == "2025-12-25".len())
    };
    match text.is_none_or(is_date) {
        true => Ok(()),
        false => Err(format!("{field} is not a date such as 2025-12-25")),
    }
}
