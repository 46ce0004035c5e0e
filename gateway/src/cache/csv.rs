//! Renders the rows of a snapshot as CSV (RFC 4180), for spreadsheet programs.

use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashMap;

/// Without it, Excel takes the text for one in the code page of its machine.
const BYTE_ORDER_MARK: char = '\u{feff}';
/// A spreadsheet program takes a text that begins with one of these for a formula, and a title may come from anyone.
const FORMULA_STARTS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// Renders `data`, a JSON array of objects: a header line with `columns`, then a line for each object. A field that is
/// null or absent is an empty cell; a field that is no column is left out. Numbers are spelled as in the JSON.
///
/// # Errors
/// If `data` is not an array of objects.
pub fn render(columns: &[&str], data: &str) -> Result<String, serde_json::Error> {
    let rows: Vec<HashMap<String, &RawValue>> = serde_json::from_str(data)?;
    let mut text = BYTE_ORDER_MARK.to_string();
    text.push_str(&columns.join(","));
    text.push_str("\r\n");
    for row in rows {
        for (index, column) in columns.iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            if let Some(value) = row.get(*column) {
                text.push_str(&quoted(cell(value.get())?));
            }
        }
        text.push_str("\r\n");
    }
    Ok(text)
}

/// Returns the content of the cell for a JSON value.
fn cell(value: &str) -> Result<Cow<'_, str>, serde_json::Error> {
    if value == "null" {
        return Ok("".into());
    }
    if !value.starts_with('"') {
        return Ok(value.into());
    }
    let text: String = serde_json::from_str(value)?;
    Ok(match text.starts_with(FORMULA_STARTS) {
        true => format!("'{text}").into(),
        false => text.into(),
    })
}

fn quoted(cell: Cow<'_, str>) -> Cow<'_, str> {
    match cell.contains([',', '"', '\r', '\n']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")).into(),
        false => cell,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_guarded_only_where_needed() {
        for (value, cell) in [
            ("null", ""),
            ("true", "true"),
            ("-12", "-12"),
            ("18446744073709551616", "18446744073709551616"),
            (r#""""#, ""),
            (r#""a b;'#'""#, "a b;'#'"),
            (r#""a=b""#, "a=b"),
            (r#""\u00e9 \ud83d\ude00""#, "é 😀"),
            (r#""a, \"b\"""#, r#""a, ""b""""#),
            (r#""a\nb\rc""#, "\"a\nb\rc\""),
            (r#""=1+1""#, "'=1+1"),
            (r#""+1""#, "'+1"),
            (r#""-1""#, "'-1"),
            (r#""@A1""#, "'@A1"),
            (r#""\t=1""#, "'\t=1"),
            (r#""\r=1""#, "\"'\r=1\""),
            (r#""=A(1,2)""#, "\"'=A(1,2)\""),
        ] {
            let text = render(&["x", "y"], &format!(r#"[{{"y":{value}}}]"#)).unwrap();
            assert_eq!(text, format!("\u{feff}x,y\r\n,{cell}\r\n"), "{value}");
        }
    }

    #[test]
    fn only_an_array_of_objects_is_rendered() {
        assert_eq!(render(&["x"], "[]").unwrap(), "\u{feff}x\r\n");
        for data in ["{}", "[1]", "null", r#"[{"x":"\ud800"}]"#] {
            assert!(render(&["x"], data).is_err(), "{data}");
        }
    }
}
