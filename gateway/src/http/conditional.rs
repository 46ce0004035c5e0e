//! Whether a client holds the present value already (RFC 9110, section 13).

use crate::cache::cached_response::LastModified;
use hyper::header::{HeaderMap, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH};

/// Whether `304` is the answer to who would get the representation `etag`. `If-Modified-Since` counts only without `If-None-Match`,
/// and where it is known when the value was `modified`.
pub fn is_not_modified(
    request: &HeaderMap,
    etag: &HeaderValue,
    modified: Option<&LastModified>,
) -> bool {
    if request.contains_key(IF_NONE_MATCH) {
        let mut lines = request.get_all(IF_NONE_MATCH).iter();
        return lines.any(|line| lists(line, etag));
    }
    let since = request.get(IF_MODIFIED_SINCE);
    let since = since.and_then(|text| httpdate::parse_http_date(text.to_str().ok()?).ok());
    match (modified, since) {
        (Some(modified), Some(since)) => modified.time <= since,
        _ => false,
    }
}

/// Weak comparison. To split at commas is enough: our own tags hold none.
fn lists(line: &HeaderValue, etag: &HeaderValue) -> bool {
    let mut tags = line.as_bytes().split(|byte| *byte == b',');
    tags.any(|tag| {
        let tag = tag.trim_ascii();
        tag == b"*" || tag.strip_prefix(b"W/").unwrap_or(tag) == etag.as_bytes()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::cached_response::CachedResponse;
    use shared::catalog::Snapshot;

    fn entry() -> CachedResponse {
        let text = r#"{"generated_at":"2025-09-23T00:05:12.345Z","ttl_seconds":9,"data":[]}"#;
        CachedResponse::parse(Snapshot::Weekly, text.as_bytes()).unwrap()
    }

    fn asked(pairs: &[(hyper::header::HeaderName, &str)]) -> bool {
        let pairs = pairs.iter();
        let request = pairs
            .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()))
            .collect();
        let entry = entry();
        is_not_modified(
            &request,
            &entry.representations[0].etag,
            entry.last_modified.as_ref(),
        )
    }

    #[test]
    fn a_tag_matches_alone_in_a_list_and_weakly() {
        let entry = entry();
        let tag = entry.representations[0].etag.to_str().unwrap();
        for yes in [
            tag.to_owned(),
            format!("W/{tag}"),
            format!("\"x\", {tag}"),
            "*".to_owned(),
        ] {
            assert!(asked(&[(IF_NONE_MATCH, &yes)]), "{yes}");
        }
        for no in ["\"x\"", tag.trim_matches('"'), "", "W/\"x\""] {
            assert!(!asked(&[(IF_NONE_MATCH, no)]), "{no}");
        }
    }

    #[test]
    fn a_date_counts_only_without_a_tag() {
        let same = "Tue, 23 Sep 2025 00:05:12 GMT";
        assert!(asked(&[(IF_MODIFIED_SINCE, same)]));
        assert!(asked(&[(
            IF_MODIFIED_SINCE,
            "Wed, 24 Sep 2025 00:05:12 GMT"
        )]));
        assert!(!asked(&[(
            IF_MODIFIED_SINCE,
            "Tue, 23 Sep 2025 00:05:11 GMT"
        )]));
        assert!(!asked(&[(IF_MODIFIED_SINCE, "yesterday")]));
        assert!(!asked(&[
            (IF_NONE_MATCH, "\"x\""),
            (IF_MODIFIED_SINCE, same)
        ]));
    }
}
