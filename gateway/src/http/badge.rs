//! Draws `/badge.svg`: today's count as a small picture for other web pages.

use crate::cache::representation::Representation;
use crate::http::security_headers::add_security_headers;
use bytes::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue};

const LABEL: &str = "kunjungan hari ini";
/// The width of the label at 11 pixels, in pixels. `textLength` stretches any font to it.
const LABEL_WIDTH: usize = 101;
/// The widths of a digit, or a dash, and of a full stop.
const DIGIT_WIDTH: usize = 7;
const STOP_WIDTH: usize = 4;
/// The space on each side of a text.
const MARGIN: usize = 6;
/// Both have a contrast of more than 6 with the white text.
const KNOWN_COLOUR: &str = "#0d6b52";
const UNKNOWN_COLOUR: &str = "#5b635c";

/// Encodes the picture of `total`, or of a dash while the count is unknown.
pub fn encode(total: Option<u64>) -> Vec<Representation> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("image/svg+xml"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    add_security_headers(&mut headers);
    Representation::encode_all(&Bytes::from(draw(total)), &headers)
}

fn draw(total: Option<u64>) -> String {
    let (value, spoken, colour) = match total {
        Some(total) => {
            let value = with_thousands_separators(total);
            (value.clone(), value, KNOWN_COLOUR)
        }
        None => ("–".to_owned(), "belum diketahui".to_owned(), UNKNOWN_COLOUR),
    };
    let width = |char| if char == '.' { STOP_WIDTH } else { DIGIT_WIDTH };
    let value_width: usize = value.chars().map(width).sum();
    let (left, right) = (LABEL_WIDTH + 2 * MARGIN, value_width + 2 * MARGIN);
    let (total_width, value_x) = (left + right, left + MARGIN);
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" lang="id" width="{total_width}" height="20" role="img">
<title>{LABEL}: {spoken}</title>
<rect width="{total_width}" height="20" fill="{colour}"/>
<rect width="{left}" height="20" fill="#333"/>
<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">
<text x="{MARGIN}" y="14" textLength="{LABEL_WIDTH}">{LABEL}</text>
<text x="{value_x}" y="14" textLength="{value_width}">{value}</text>
</g>
</svg>
"##
    )
}

/// Writes a number as Indonesian does: `1.234.567`.
fn with_thousands_separators(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('.');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated_by_full_stops() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1.000"),
            (12_345, "12.345"),
            (123_456, "123.456"),
            (1_234_567, "1.234.567"),
            (u64::MAX, "18.446.744.073.709.551.615"),
        ] {
            assert_eq!(with_thousands_separators(number), text);
        }
    }

    #[test]
    fn picture_is_as_wide_as_its_number() {
        let width = |total| {
            let picture = draw(total);
            let (_, rest) = picture.split_once(" width=\"").unwrap();
            rest.split('"').next().unwrap().parse::<usize>().unwrap()
        };
        assert_eq!(width(None), width(Some(7)));
        assert_eq!(width(Some(70)), width(Some(7)) + DIGIT_WIDTH);
        assert_eq!(
            width(Some(1_000)),
            width(Some(100)) + DIGIT_WIDTH + STOP_WIDTH
        );
    }

    /// A larger one would be compressed for each request.
    #[test]
    fn picture_is_too_small_to_be_compressed() {
        assert_eq!(encode(Some(u64::MAX)).len(), 1);
    }
}
