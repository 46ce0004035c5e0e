//! Evaluates conditional requests (RFC 9110, section 13).

use crate::cache::cached_response::LastModified;
use hyper::header::{HeaderMap, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH};

/// Returns whether the response is 304, because the client already has the representation `etag`. `If-Modified-Since`
/// counts only without `If-None-Match`, and only if `modified` is known.
pub fn is_not_modified(
    request: &HeaderMap,
    etag: &HeaderValue,
    modified: Option<&LastModified>,
) -> bool {
    if request.contains_key(IF_NONE_MATCH) {
        let mut lines = request.get_all(IF_NONE_MATCH).iter();
        return lines.any(|line| contains_tag(line, etag));
    }
    let since = request.get(IF_MODIFIED_SINCE);
    let since = since.and_then(|text| httpdate::parse_http_date(text.to_str().ok()?).ok());
    match (modified, since) {
        (Some(modified), Some(since)) => modified.time <= since,
        _ => false,
    }
}

/// Uses the weak comparison. Splitting at commas is sufficient, since our own tags contain none.
fn contains_tag(line: &HeaderValue, etag: &HeaderValue) -> bool {
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

    fn is_304(pairs: &[(hyper::header::HeaderName, &str)]) -> bool {
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
    fn a_tag_matches_alone_in_a_list_or_as_a_weak_tag() {
        let entry = entry();
        let tag = entry.representations[0].etag.to_str().unwrap();
        for matching in [
            tag.to_owned(),
            format!("W/{tag}"),
            format!("\"x\", {tag}"),
            "*".to_owned(),
        ] {
            assert!(is_304(&[(IF_NONE_MATCH, &matching)]), "{matching}");
        }
        for other in ["\"x\"", tag.trim_matches('"'), "", "W/\"x\""] {
            assert!(!is_304(&[(IF_NONE_MATCH, other)]), "{other}");
        }
    }

    #[test]
    fn if_modified_since_is_ignored_if_there_is_a_tag() {
        let same = "Tue, 23 Sep 2025 00:05:12 GMT";
        assert!(is_304(&[(IF_MODIFIED_SINCE, same)]));
        assert!(is_304(&[(
            IF_MODIFIED_SINCE,
            "Wed, 24 Sep 2025 00:05:12 GMT"
        )]));
        assert!(!is_304(&[(
            IF_MODIFIED_SINCE,
            "Tue, 23 Sep 2025 00:05:11 GMT"
        )]));
        assert!(!is_304(&[(IF_MODIFIED_SINCE, "yesterday")]));
        assert!(!is_304(&[
            (IF_NONE_MATCH, "\"x\""),
            (IF_MODIFIED_SINCE, same)
        ]));
    }
}
