//! Decides which pages may show the dashboard in a frame (`FRAME_ANCESTORS`).

use crate::http::cors::parse_origin;
use hyper::Uri;

/// The sources of the directive `frame-ancestors`, such as `'self' https://example.org`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameAncestors(String);

impl FrameAncestors {
    /// Parses an empty text (no page), `*` (every page), or a list of `self` and origins, separated by commas or blanks.
    ///
    /// # Errors
    /// Describes the expected format.
    pub fn parse(text: &str) -> Result<Self, String> {
        let sources = match text.trim() {
            "" => return Ok(Self::default()),
            "*" => return Ok(Self("*".to_owned())),
            list => list
                .split(',')
                .flat_map(|part| part.trim().split(' '))
                .map(parse_source)
                .collect::<Option<Vec<_>>>(),
        };
        let sources = sources.ok_or(
            "is neither * nor a list of self and origins such as https://example.org:8443, with a host name or an \
             IPv4 address, and without a path",
        )?;
        Ok(Self(sources.join(" ")))
    }

    /// Returns the sources as the directive names them.
    pub fn sources(&self) -> &str {
        &self.0
    }
}

impl Default for FrameAncestors {
    fn default() -> Self {
        Self("'none'".to_owned())
    }
}

fn parse_source(text: &str) -> Option<String> {
    if text.eq_ignore_ascii_case("self") {
        return Some("'self'".to_owned());
    }
    let origin = parse_origin(text)?;
    let uri: Uri = origin.parse().ok()?;
    // Unlike a URL, a policy has no IPv6 addresses, and a semicolon would end the directive.
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    uri.host()?.bytes().all(is_plain).then_some(origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_become_sources_of_a_policy() {
        for (text, sources) in [
            ("", "'none'"),
            ("*", "*"),
            ("self", "'self'"),
            ("https://A.example", "https://a.example"),
            (
                "https://a.example,http://192.0.2.1:8080",
                "https://a.example http://192.0.2.1:8080",
            ),
            ("self https://a.example", "'self' https://a.example"),
            ("self, https://a.example", "'self' https://a.example"),
        ] {
            let parsed = FrameAncestors::parse(text).unwrap();
            assert_eq!(parsed.sources(), sources, "{text}");
        }
    }

    #[test]
    fn invalid_values_are_rejected() {
        for text in [
            "a.example",
            "none",
            "https://a.example/",
            "https://*.example",
            "https://a.example,",
            "https://a.example,*",
            "https://a.example:443",
            "https://a.example;x",
            "https://a.example;script-src",
            "http://[::1]:81",
            "self,,https://a.example",
            "'self'",
        ] {
            let error = FrameAncestors::parse(text).unwrap_err();
            assert!(error.contains("self and origins"), "{text}: {error}");
        }
    }
}
