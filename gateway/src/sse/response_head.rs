//! The head of a stream's answer as bytes: the one answer that hyper does not write.

use crate::cache::cached_response::LastModified;
use bytes::{BufMut, Bytes, BytesMut};
use hyper::header::HeaderMap;
use shared::time::Clock;

/// A `200` with `headers`. The connection ends with the stream.
pub fn bytes(headers: &HeaderMap, chunked: bool, clock: &Clock) -> Bytes {
    let mut head = BytesMut::with_capacity(512);
    head.put_slice(b"HTTP/1.1 200 OK\r\n");
    for (name, value) in headers {
        put(&mut head, name.as_str(), value.as_bytes());
    }
    // A clock before 1970 has no date that HTTP can write.
    if let Some(now) = LastModified::at(clock.now()) {
        put(&mut head, "date", now.header.as_bytes());
    }
    if !headers.contains_key("connection") {
        put(&mut head, "connection", b"close");
    }
    if chunked {
        put(&mut head, "transfer-encoding", b"chunked");
    }
    head.put_slice(b"\r\n");
    head.freeze()
}

fn put(head: &mut BytesMut, name: &str, value: &[u8]) {
    head.put_slice(name.as_bytes());
    head.put_slice(b": ");
    head.put_slice(value);
    head.put_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::{CONTENT_TYPE, HeaderValue};

    #[test]
    fn a_head_is_lines_and_an_empty_one() {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        let start = "2025-09-23T09:10:22Z".parse().unwrap();
        let head = bytes(&headers, true, &Clock::starting_at(start));
        let text = std::str::from_utf8(&head).unwrap();
        let date = "Tue, 23 Sep 2025 09:10:22 GMT";
        assert_eq!(
            text,
            format!(
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ndate: {date}\r\n\
                 connection: close\r\ntransfer-encoding: chunked\r\n\r\n"
            )
        );
    }
}
