//! Recognizes the format of the logo by its content. The name of a file says nothing about what a browser would do with
//! it.

const PNG_SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// A format that every browser shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogoFormat {
    /// A vector picture. It may contain scripts, which the policy of `/logo` stops.
    Svg,
    /// A bitmap.
    Png,
}

impl LogoFormat {
    /// Recognizes the format of a file; `None` if it is neither.
    pub fn recognize(file: &[u8]) -> Option<Self> {
        if file.starts_with(PNG_SIGNATURE) {
            return Some(Self::Png);
        }
        let text = std::str::from_utf8(file).ok()?;
        is_svg(text.strip_prefix('\u{feff}').unwrap_or(text)).then_some(Self::Svg)
    }

    /// Returns the media type.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Svg => "image/svg+xml",
            Self::Png => "image/png",
        }
    }
}

/// Returns whether the first element is `svg`. An XML declaration, comments and a document type may precede it.
fn is_svg(mut text: &str) -> bool {
    loop {
        text = text.trim_start();
        let end = if text.starts_with("<?") {
            "?>"
        } else if text.starts_with("<!--") {
            "-->"
        } else if text.starts_with("<!DOCTYPE") {
            // Declarations in brackets contain other angle brackets.
            let head = text.split('>').next().unwrap_or_default();
            if head.contains('[') { "]>" } else { ">" }
        } else {
            let name = text.strip_prefix("<svg").unwrap_or_default();
            return name
                .starts_with(|next: char| next.is_ascii_whitespace() || matches!(next, '>' | '/'));
        };
        match text.split_once(end) {
            Some((_, rest)) => text = rest,
            None => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn svg_is_recognized_by_its_first_element() {
        for (text, expected) in [
            ("<svg/>", true),
            (
                "\u{feff} <svg xmlns='http://www.w3.org/2000/svg'></svg>",
                true,
            ),
            (
                "<?xml version=\"1.0\"?>\n<!-- a > b -->\n<!DOCTYPE svg PUBLIC \"a\" \"b\">\n<svg\n>",
                true,
            ),
            ("<!DOCTYPE svg [ <!ENTITY a \"<b>\"> ]><svg>", true),
            ("<html><svg></svg></html>", false),
            ("<!-- <svg>", false),
            ("<!DOCTYPE html><html>", false),
            ("<svgs>", false),
            ("svg", false),
            ("", false),
        ] {
            let format = LogoFormat::recognize(text.as_bytes());
            assert_eq!(format == Some(LogoFormat::Svg), expected, "{text}");
        }
    }

    #[test]
    fn png_is_recognized_by_its_signature() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
        assert_eq!(LogoFormat::recognize(png), Some(LogoFormat::Png));
        for other in [
            &b"\x89PNG"[..],
            b"GIF89a",
            b"\xff\xd8\xff\xe0",
            b"\xff\xfe<\0s\0v\0g\0",
        ] {
            assert_eq!(LogoFormat::recognize(other), None, "{other:?}");
        }
    }
}
