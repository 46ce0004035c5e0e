//! A block of the stream, encoded once for all who get it.

use bytes::{BufMut, Bytes, BytesMut};

/// What ends a chunked body.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// A block as it is sent to a client, either way.
#[derive(Clone, Debug)]
pub struct Frame {
    chunked: Bytes,
    plain: Bytes,
}

impl Frame {
    /// Wraps a whole block.
    pub fn new(block: &[u8]) -> Self {
        let head = format!("{:x}\r\n", block.len());
        let mut chunk = BytesMut::with_capacity(head.len() + block.len() + 2);
        chunk.put_slice(head.as_bytes());
        chunk.put_slice(block);
        chunk.put_slice(b"\r\n");
        let chunked = chunk.freeze();
        Self {
            plain: chunked.slice(head.len()..head.len() + block.len()),
            chunked,
        }
    }

    /// Its bytes: one chunk, or to HTTP/1.0 the block alone.
    pub fn bytes(&self, chunked: bool) -> &Bytes {
        if chunked { &self.chunked } else { &self.plain }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_says_its_length_in_hex() {
        let frame = Frame::new(b": keepalive\n\n");
        assert_eq!(frame.bytes(true), "d\r\n: keepalive\n\n\r\n");
        assert_eq!(frame.bytes(false), ": keepalive\n\n");
    }
}
