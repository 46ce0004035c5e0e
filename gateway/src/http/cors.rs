//! Which other sites' pages may read the answers: `CORS_ORIGINS`.

use hyper::Uri;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, HeaderMap, HeaderValue, ORIGIN,
    VARY,
};

/// The sites that may read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origins {
    /// Pages of the gateway's own origin alone: no header is sent.
    Same,
    /// Any page.
    Any,
    /// Pages of these origins, each `scheme://host[:port]` in lower case, as browsers send it.
    List(Vec<String>),
}

impl Origins {
    /// Reads nothing, `*`, or a list with commas.
    ///
    /// # Errors
    /// What would be right.
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
                    "is neither * nor a list with commas of origins such as https://example.org:8443, \
                     without a path"
                        .to_owned()
                }),
        }
    }

    /// Adds what a browser wants to see before it shows an answer to a page. Never credentials.
    pub fn allow(&self, request: &HeaderMap, answer: &mut HeaderMap) {
        let allowed = match self {
            Self::Same => None,
            Self::Any => Some(HeaderValue::from_static("*")),
            Self::List(origins) => {
                vary_by_origin(answer);
                let asking = request.get(ORIGIN);
                asking
                    .filter(|asking| origins.iter().any(|origin| *asking == origin.as_str()))
                    .cloned()
            }
        };
        if let Some(allowed) = allowed {
            answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
            let exposed = HeaderValue::from_static("ETag, Retry-After");
            answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
        }
    }
}

fn parse_origin(text: &str) -> Option<String> {
    let uri: Uri = text.parse().ok()?;
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?.as_str());
    let host = uri.host().filter(|host| !host.is_empty())?;
    // Written again without a path it must be what it was; that also refuses a user name and a wild card.
    let whole = format!("{scheme}://{authority}").eq_ignore_ascii_case(text);
    let plain = !authority.contains('@') && !host.contains('*');
    // A browser leaves the usual port away, so that an origin with it would match nobody.
    let usual = if scheme == "https" { 443 } else { 80 };
    let port = authority == host || uri.port_u16().is_some_and(|port| port != usual);
    (matches!(scheme, "http" | "https") && whole && plain && port)
        .then(|| text.to_ascii_lowercase())
}

fn vary_by_origin(answer: &mut HeaderMap) {
    let both = answer.contains_key(VARY);
    let vary = if both {
        "Accept-Encoding, Origin"
    } else {
        "Origin"
    };
    answer.insert(VARY, HeaderValue::from_static(vary));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_as_browsers_write_origins() {
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
    fn what_is_not_an_origin_is_refused() {
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
    fn only_a_listed_origin_is_echoed_and_a_list_always_varies() {
        let origins = Origins::parse("https://a.example").unwrap();
        for (origin, allowed) in [("https://a.example", true), ("https://b.example", false)] {
            let mut request = HeaderMap::new();
            request.insert(ORIGIN, HeaderValue::from_static(origin));
            let mut answer = HeaderMap::new();
            origins.allow(&request, &mut answer);
            assert_eq!(answer[VARY], "Origin");
            assert_eq!(answer.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN), allowed);
        }
    }
}
