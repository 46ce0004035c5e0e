//! Writes the head of a stream's response as bytes: the only response that hyper does not write.

use crate::cache::cached_response::LastModified;
use bytes::{BufMut, Bytes, BytesMut};
use hyper::header::HeaderMap;
use shared::time::Clock;

/// Returns the head of a `200` with `headers`, the date and `Connection: close`: the connection ends with the stream.
pub fn bytes(headers: &HeaderMap, chunked: bool, clock: &Clock) -> Bytes {
    let mut head = BytesMut::with_capacity(512);
    head.put_slice(b"HTTP/1.1 200 OK\r\n");
    for (name, value) in headers {
        put_header(&mut head, name.as_str(), value.as_bytes());
    }
    // HTTP cannot express a date before 1970.
    if let Some(now) = LastModified::at(clock.now()) {
        put_header(&mut head, "date", now.header.as_bytes());
    }
    if !headers.contains_key("connection") {
        put_header(&mut head, "connection", b"close");
    }
    if chunked {
        put_header(&mut head, "transfer-encoding", b"chunked");
    }
    head.put_slice(b"\r\n");
    head.freeze()
}

fn put_header(head: &mut BytesMut, name: &str, value: &[u8]) {
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
    fn head_is_header_lines_and_an_empty_line() {
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
