//! Decides which other sites' pages may read responses (`CORS_ORIGINS`).

use hyper::Uri;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_REQUEST_HEADERS,
    HeaderMap, HeaderName, HeaderValue, ORIGIN, VARY,
};

/// The origins whose pages may read responses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origins {
    /// Only the gateway's own origin: no header is sent.
    Same,
    /// Every origin.
    Any,
    /// These origins, each as `scheme://host[:port]` in lower case, as browsers send it.
    List(Vec<String>),
}

impl Origins {
    /// Parses an empty text, `*`, or a comma-separated list of origins.
    ///
    /// # Errors
    /// Describes the expected format.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.trim() {
            "" => Ok(Self::Same),
            "*" => Ok(Self::Any),
            list => list
                .split(',')
                .map(|origin| parse_origin(origin.trim()))
                .collect::<Option<_>>()
                .map(Self::List)
                .ok_or_else(|| {
                    "is neither * nor a comma-separated list of origins such as https://example.org:8443, \
                     without a path"
                        .to_owned()
                }),
        }
    }

    /// Adds the headers that let a page read `response`, if the origin in `request` is allowed. Never allows
    /// credentials.
    pub fn allow(&self, request: &HeaderMap, response: &mut HeaderMap) {
        let allowed = match self {
            Self::Same => None,
            Self::Any => Some(HeaderValue::from_static("*")),
            Self::List(origins) => {
                vary_by_origin(response);
                let sent = request.get(ORIGIN);
                sent.filter(|sent| origins.iter().any(|origin| *sent == origin.as_str()))
                    .cloned()
            }
        };
        if let Some(allowed) = allowed {
            response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
            let exposed = HeaderValue::from_static("ETag, Age, Date, Last-Modified, Retry-After");
            response.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
        }
    }
}

/// Parses an origin and returns it in lower case, as browsers send it.
pub fn parse_origin(text: &str) -> Option<String> {
    let uri: Uri = text.parse().ok()?;
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?.as_str());
    let host = uri.host().filter(|host| !host.is_empty())?;
    // Nothing may follow the authority: scheme and authority must be the whole text.
    let is_complete = format!("{scheme}://{authority}").eq_ignore_ascii_case(text);
    let is_plain = !authority.contains('@') && !host.contains('*');
    // Browsers omit the default port, so an origin that includes it would match no request.
    let default_port = if scheme == "https" { 443 } else { 80 };
    let is_port_valid =
        authority == host || uri.port_u16().is_some_and(|port| port != default_port);
    (matches!(scheme, "http" | "https") && is_complete && is_plain && is_port_valid)
        .then(|| text.to_ascii_lowercase())
}

/// Returns the header names that a preflight asks for, separated by commas; `None` if it asks for none or if one is not
/// valid.
pub fn requested_headers(preflight: &HeaderMap) -> Option<HeaderValue> {
    let mut names = Vec::new();
    for line in preflight.get_all(ACCESS_CONTROL_REQUEST_HEADERS) {
        for name in line.as_bytes().split(|byte| *byte == b',') {
            names.push(HeaderName::from_bytes(name.trim_ascii()).ok()?);
        }
    }
    let names: Vec<&str> = names.iter().map(HeaderName::as_str).collect();
    let names = HeaderValue::try_from(names.join(", ")).ok();
    names.filter(|names| !names.is_empty())
}

fn vary_by_origin(response: &mut HeaderMap) {
    let vary = match response.get(VARY).map(HeaderValue::as_bytes) {
        None => "Origin",
        Some(b"Access-Control-Request-Headers") => "Access-Control-Request-Headers, Origin",
        Some(_) => "Accept-Encoding, Origin",
    };
    response.insert(VARY, HeaderValue::from_static(vary));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_stored_as_browsers_send_them() {
        assert_eq!(Origins::parse(""), Ok(Origins::Same));
        assert_eq!(Origins::parse(" * "), Ok(Origins::Any));
        let list = [
            "http://a.example",
            "https://b.example:8443",
            "http://[::1]:81",
        ];
        assert_eq!(
            Origins::parse("http://A.example , https://b.example:8443,http://[::1]:81"),
            Ok(Origins::List(list.map(str::to_owned).to_vec()))
        );
    }

    #[test]
    fn invalid_origins_are_rejected() {
        for text in [
            "example.org",
            "http://example.org/",
            "http://example.org/path",
            "http://example.org?x",
            "http://u@example.org",
            "http://*.example.org",
            "http://a.example,*",
            "http://a.example,",
            "ftp://example.org",
            "http://",
            "http://a.example:",
            "http://a.example:99999",
            "http://a.example:80",
            "https://a.example:443",
            "null",
        ] {
            assert!(Origins::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn requested_headers_are_valid_names() {
        let requested = |lines: &[&'static str]| {
            let lines = lines.iter().map(|line| HeaderValue::from_static(line));
            let preflight = lines.map(|line| (ACCESS_CONTROL_REQUEST_HEADERS, line));
            let names = requested_headers(&preflight.collect())?;
            Some(names.to_str().unwrap().to_owned())
        };
        for (lines, expected) in [
            (&["authorization"][..], Some("authorization")),
            (
                &["Authorization,x-trace-id"],
                Some("authorization, x-trace-id"),
            ),
            (&["a , b", "c"], Some("a, b, c")),
            (&[], None),
            (&[""], None),
            (&["a,,b"], None),
            (&["a b"], None),
            (&["a, b(c)"], None),
        ] {
            assert_eq!(requested(lines).as_deref(), expected, "{lines:?}");
        }
    }

    #[test]
    fn only_a_listed_origin_is_echoed_and_a_list_always_sets_vary() {
        let origins = Origins::parse("https://a.example").unwrap();
        for (origin, allowed) in [("https://a.example", true), ("https://b.example", false)] {
            let mut request = HeaderMap::new();
            request.insert(ORIGIN, HeaderValue::from_static(origin));
            let mut response = HeaderMap::new();
            origins.allow(&request, &mut response);
            assert_eq!(response[VARY], "Origin");
            assert_eq!(response.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN), allowed);
        }
    }
}
