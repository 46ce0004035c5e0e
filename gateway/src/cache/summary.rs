//! Composes a summary: one envelope with the `data` of every snapshot of a group, without parsing that data again.

use crate::cache::cached_count::{CachedCount, CountSource};
use crate::cache::cached_response::{self, CachedResponse, LastModified};
use crate::cache::representation::Representation;
use bytes::{BufMut, Bytes, BytesMut};
use shared::catalog::{Group, Snapshot};
use std::sync::Arc;

/// Composes the summary of `group`, or returns `None` while a snapshot is missing. `today` is used only for the
/// visitors.
pub fn compose<'a>(
    group: Group,
    part: impl Fn(Snapshot) -> Option<&'a Arc<CachedResponse>>,
    today: Option<&CachedCount>,
) -> Option<Arc<CachedResponse>> {
    let parts: Vec<_> = group
        .summary()
        .map(|snapshot| part(snapshot).map(|response| (snapshot, response)))
        .collect::<Option<_>>()?;
    let times = || parts.iter().map(|(_, response)| response.generated_at);
    let generated_at = times().min()?;
    let ttl_seconds = parts
        .iter()
        .map(|(_, response)| response.ttl_seconds)
        .min()?;
    let data = data(group, &parts, today);

    let mut text = BytesMut::with_capacity(data.len() + 96);
    let head = format!(r#"{{"generated_at":"{generated_at}","ttl_seconds":{ttl_seconds},"data":"#);
    text.put_slice(head.as_bytes());
    text.put_slice(&data);
    text.put_u8(b'}');
    let body = text.freeze();
    // `generated_at` is that of the oldest part, but `If-Modified-Since` must be compared with the newest part.
    let modified = match group {
        Group::Visitors => None,
        Group::Books | Group::Members => Some(LastModified {
            time: LastModified::at(times().max()?)?.time,
            ..LastModified::at(generated_at)?
        }),
    };
    Some(Arc::new(CachedResponse {
        representations: Representation::encode_all(
            &body,
            &cached_response::headers(true, modified.as_ref()),
        ),
        csv: Vec::new(),
        data: body.slice(head.len()..body.len() - 1),
        body,
        generated_at,
        ttl_seconds,
        last_modified: modified,
    }))
}

fn data(
    group: Group,
    parts: &[(Snapshot, &Arc<CachedResponse>)],
    today: Option<&CachedCount>,
) -> Bytes {
    let mut fields = BytesMut::new();
    if group == Group::Visitors {
        let today = today.map(|today| today.json_from(CountSource::Cache));
        put_field(&mut fields, "today", today.as_deref().unwrap_or(b"null"));
    }
    for (snapshot, response) in parts {
        put_field(&mut fields, &snapshot.field(), &response.data);
    }
    fields.put_u8(b'}');
    fields.freeze()
}

fn put_field(fields: &mut BytesMut, name: &str, value: &[u8]) {
    fields.put_u8(if fields.is_empty() { b'{' } else { b',' });
    fields.put_slice(format!("\"{name}\":").as_bytes());
    fields.put_slice(value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    fn response(snapshot: Snapshot, second: usize) -> Arc<CachedResponse> {
        let text = format!(
            r#"{{"generated_at":"2025-09-23T00:05:0{second}.000Z","ttl_seconds":{},"data":[{second}]}}"#,
            90_000 - second
        );
        Arc::new(CachedResponse::parse(snapshot, text.as_bytes()).unwrap())
    }

    fn parts() -> Vec<Arc<CachedResponse>> {
        let all = Snapshot::ALL.into_iter();
        all.map(|snapshot| {
            let mut summary = snapshot.group().summary();
            let place = summary.position(|part| part == snapshot);
            response(snapshot, 9 - place.unwrap_or(0) % 5)
        })
        .collect()
    }

    #[test]
    fn visitors_summary_begins_with_today() {
        let parts = parts();
        let part = |snapshot: Snapshot| parts.get(snapshot.index());
        let without = compose(Group::Visitors, part, None).unwrap();
        assert_eq!(
            without.body,
            r#"{"generated_at":"2025-09-23T00:05:05.000Z","ttl_seconds":89991,"data":{"today":null,"weekly":[9],"monthly":[8],"yearly":[7],"monthly_top":[6],"yearly_top":[5]}}"#
        );
        assert!(without.last_modified.is_none());
        assert_eq!(
            without.representations[0].headers["cache-control"],
            "private, no-cache"
        );

        let message = r#"{"total":3,"generated_at":"2025-09-23T09:10:22.111Z","date":"2025-09-23","expires_at":"2025-09-23T09:10:24.111Z"}"#;
        let today = CachedCount::from_message(message.as_bytes(), Instant::now()).unwrap();
        let with = compose(Group::Visitors, part, Some(&today)).unwrap();
        let text = String::from_utf8(with.body.to_vec()).unwrap();
        assert!(
            text.contains(r#""data":{"today":{"total":3,"source":"cache","#),
            "{text}"
        );
        assert_ne!(
            with.representations[0].etag,
            without.representations[0].etag
        );
    }

    #[test]
    fn books_summary_is_as_old_as_its_oldest_part_and_modified_with_its_newest() {
        let parts = parts();
        let summary = compose(Group::Books, |s| parts.get(s.index()), None).unwrap();
        let text = String::from_utf8(summary.data.to_vec()).unwrap();
        assert!(
            text.starts_with(r#"{"collection":[9],"top_borrowed":[8],"#),
            "{text}"
        );
        let modified = summary.last_modified.as_ref().unwrap();
        assert_eq!(modified.header, "Tue, 23 Sep 2025 00:05:05 GMT");
        assert_eq!(
            httpdate::fmt_http_date(modified.time),
            "Tue, 23 Sep 2025 00:05:09 GMT"
        );
        assert_eq!(summary.generated_at.to_string(), "2025-09-23T00:05:05.000Z");
    }

    #[test]
    fn no_summary_while_a_part_is_missing() {
        let parts = parts();
        let part = |snapshot: Snapshot| {
            parts
                .get(snapshot.index())
                .filter(|_| snapshot != Snapshot::Yearly)
        };
        assert!(compose(Group::Visitors, part, None).is_none());
        assert!(compose(Group::Books, part, None).is_some());
    }
}
